"""Networks as users write them, sound and not: what a check and a run say of each.

The files in `cases` are plugins; each says what it holds.
"""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from places import TESTS
from toy import TOY_SETS, toy_data

from depthbench import runtime
from depthbench.checks.conformance import check_architecture
from depthbench.checks.preflight import preflight, preflight_trials, why_not_repeatable
from depthbench.checks.second_process import Asked, second_process
from depthbench.checks.seeds import digests
from depthbench.checks.subject import Subject
from depthbench.plugins import load_architectures
from depthbench.record import Outcome
from depthbench.spec import StudySpec
from depthbench.study.resolve import resolve_cells
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial

CASES = TESTS / "cases"
FILES = tuple(sorted(CASES.glob("*.py")))
REGISTRY = load_architectures(FILES)
CONTEXT = TrialContext(data_dir=Path("no-data"), plugins=FILES)


@pytest.fixture(autouse=True)
def toy_sets(monkeypatch):
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)


def specs_of(name, **values):
    given = {"epochs": 1, "batch": 32, "kernels": "reference"} | values
    study = StudySpec(arch=(name,), data=("toy",), **given)
    cells = resolve_cells(study, REGISTRY, TOY_SETS, device="cpu")
    return preflight_trials(cells)


def look(name, **values):
    (spec,) = specs_of(name, **values)
    return preflight(spec, CONTEXT)


def found_by_check(name, depths):
    subject = Subject.on(REGISTRY[name], toy_data(num_train=200))
    twin = replace(subject, digests_elsewhere=lambda k: digests(subject.build(k)))
    results = list(check_architecture(twin, depths))
    return {r.check: r for r in results if r.verdict not in ("passed", "skipped")}


def test_all_cases_can_be_loaded():
    assert not REGISTRY.broken


WRONG = {
    "InDict": "parts['first'][0].weight, parts['first'][0].bias: used, but not reg",
    "Bare": "weight: used, but not registered, so that no optimizer sees it",
    "Late": "late.weight, late.bias: made in forward(), after the optimizer",
    "Cut": "first.weight, first.bias: no gradient, though the loss depends on it",
    "plain_list": "convs[0].weight, convs[0].bias, convs[1].weight and 3 more: used",
    "drop_undeclared": "has_train_mode=False, but the logits of both modes differ",
    "Counting": "has_train_mode=False, but the buffer seen differs after the two",
    "aux_in_training": "1 head in evaluation mode and 2 heads in train mode",
    "logits_in_dict": "got a dict, expected a tensor or a tuple of tensors",
    "all_pretrained": "the same at every seed",
    "seed_random": "1.weight, 3.weight: the same at every seed (100% of the drawn",
    "seed_reseeded": "1.weight, 3.weight: the same at every seed (100% of the drawn",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_run_refuses_before_it_trains(name):
    assert WRONG[name] in look(name).reason


@pytest.mark.parametrize("name", WRONG)
def test_a_check_fails(name):
    said = WRONG[name].replace("at every seed", "at seeds 0 and 1")
    start = REGISTRY[name].grid.start
    found = found_by_check(name, (start,)).values()
    failed = [each for each in found if each.verdict == "failed"]
    assert any(said in each.figures for each in failed), failed


NOTES = {
    "Plain": "weight: a plain tensor, never trained",
    "Half": "scale: of type bfloat16, and trained in it",
    "few_pretrained": "first.weight: the same at every seed",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTES)
def test_a_run_names_what_may_be_meant(name):
    found = look(name)
    assert found.reason is None
    assert any(NOTES[name] in note for note in found.notes)
    start = REGISTRY[name].grid.start
    kinds = {f.verdict for f in found_by_check(name, (start,)).values()}
    assert kinds == {"warning"}


SOUND = (
    *("ckpt_reentrant", "ckpt_plain", "ckpt_bn"),
    *("nobn_sum", "nobn_rezero", "nobn_skipinit", "nobn_fixup"),
    *("wn_conv", "orthogonal_conv", "no_parametrization"),
    *("first_batch_init", "bn_vectors", "few_waves"),
    *("Lazy", "identity", "frozen", "declared"),
)
IGNORE_DEPTH = ("Lazy", "few_waves", "identity", "frozen", "declared")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("name", SOUND)
def test_what_is_sound_is_called_so_and_trains(name):
    """At most a warning that 50 images were not learnt by heart."""
    start, step = REGISTRY[name].grid.start, REGISTRY[name].grid.step
    depths = (start,) if name in IGNORE_DEPTH else (start, start + step)
    found = found_by_check(name, depths)
    assert found.keys() <= {"overfits", "seeds"}
    assert {f.verdict for f in found.values()} <= {"warning", "intended"}
    assert look(name).reason is None
    (spec,) = specs_of(name)
    assert run_trial(spec, CONTEXT).outcome.is_evidence


@pytest.mark.slow
def test_a_chaotic_network_does_not_mix_images():
    """At depth 29 a rounding in float32 is as large as the logits."""
    assert "odd batches" not in found_by_check("wn_conv", (29,))


@pytest.mark.slow
def test_a_dropout_in_evaluation_is_a_warning():
    found = found_by_check("drop_always", (2, 4))
    assert found.keys() <= {"repeatable", "overfits"}
    assert "random numbers" in found["repeatable"].figures


def test_a_mode_that_only_deep_networks_know_is_found_by_their_trials():
    assert look("Deeper").reason is None
    (spec,) = specs_of("Deeper")
    record = run_trial(replace(spec, depth=5), CONTEXT)
    assert record.outcome is Outcome.CRASHED
    assert "has_train_mode=False, but the logits" in record.message


@pytest.mark.parametrize(
    ("name", "beyond"),
    [
        ("wn_conv", "0.parametrizations.weight.original0, 0.parametrizations.weight."),
        ("orthogonal_conv", "0.parametrizations.weight.original"),
        ("Mixed", "first.kernel is multiplied"),
    ],
)
def test_a_penalty_is_refused_where_it_would_miss_weights(name, beyond):
    reason = look(name, l2=1e-3).reason
    assert reason.startswith("l2 would be on ")
    assert beyond in reason
    assert "use weight_decay" in reason
    assert "scale" not in reason
    assert look(name, weight_decay=1e-3).reason is None


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_a_penalty_on_plain_layers_is_not_refused():
    assert look("no_parametrization", l2=1e-3).reason is None
    assert look("ckpt_reentrant", l2=1e-3).reason is None


def test_what_is_looked_at_is_not_what_is_trained(monkeypatch):
    """The layer that is set by its first images is set by those it trains on first."""
    nets = []

    def kept(net, *rest, **named):
        nets.append(net)
        return train(net, *rest, **named)

    train = trial.train
    monkeypatch.setattr(trial, "train", kept)
    (spec,) = specs_of("first_batch_init")
    assert run_trial(spec, CONTEXT).outcome.is_evidence
    (net,) = nets
    set_by = [buffer for name, buffer in net.named_buffers() if "set_by" in name]
    assert [count.item() for count in set_by] == [32, 32]


def test_every_size_of_batch_is_tried_before_a_run():
    """Of 70 images in batches of 23 one is left over, which has no variance."""
    reason = look("bn_vectors", batch=23).reason
    assert reason.startswith("a training step on 1 image: ValueError: Expected more")
    assert "left over of 70 images in batches of 23: try batch = " in reason
    assert "train_limit = 69" in reason
    batch = int(reason.partition("try batch = ")[2].partition(",")[0])
    assert look("bn_vectors", batch=batch).reason is None
    assert look("bn_vectors", batch=23, train_limit=69).reason is None


def test_one_test_image_left_over_is_no_matter():
    """Of 20 test images in batches of 19; only a training needs several."""
    assert look("bn_vectors", batch=19).reason is None
    (spec,) = specs_of("bn_vectors", batch=19)
    record = run_trial(spec, CONTEXT)
    assert record.outcome.is_evidence, record.message
    assert record.epochs[-1].test_error_batch_stats is not None


def test_weights_that_differ_between_processes_are_found():
    for name in ("seed_numpy", "seed_hash"):
        (spec,) = specs_of(name)
        found = preflight(spec, CONTEXT)
        assert found.reason is None
        other = replace(found, digests=found.digests | {"1.weight": "another process"})
        for elsewhere in (other,) if name == "seed_hash" else (found, other):
            reason = why_not_repeatable(spec, CONTEXT, elsewhere)
            assert reason.startswith("1.weight")
            assert "in another process" in reason
    (spec,) = specs_of("bn_vectors")
    found = preflight(spec, CONTEXT)
    assert found.digests
    assert why_not_repeatable(spec, CONTEXT, found) is None


@pytest.mark.slow
def test_a_second_process_hashes_strings_otherwise():
    names = ("seed_hash", "bn_vectors")
    depths = {name: (2, 4) for name in names}
    asked = Asked([str(path) for path in FILES], depths, (1, 8, 8), 10)
    with second_process(asked) as digests_of:
        for name in names:
            subject = Subject.on(REGISTRY[name], toy_data())
            is_same = [digests_of(name, k) == digests(subject.build(k)) for k in (2, 4)]
            assert all(is_same) == any(is_same) == (name == "bn_vectors")


def test_hashes_differ_however_they_are_salted(monkeypatch):
    for salt, other in (("0", "1"), ("random", "random"), (None, "random")):
        monkeypatch.delenv("PYTHONHASHSEED", raising=False)
        if salt is not None:
            monkeypatch.setenv("PYTHONHASHSEED", salt)
        assert runtime.other_hashes()["PYTHONHASHSEED"] == other


@pytest.mark.slow
def test_the_initial_loss_of_no_preference_is_ln_c():
    subject = Subject.on(REGISTRY["nobn_fixup"], toy_data())
    results = check_architecture(subject, (4,))
    (said,) = [r.figures for r in results if r.check == "initial loss"]
    assert said.startswith(f"{math.log(10):.4g}, ln 10 = ")


def test_an_unknown_intention_is_an_error():
    item = replace(REGISTRY["identity"], intended=("derivatifs",))
    first = next(iter(check_architecture(Subject.on(item, toy_data()), (3,))))
    assert first.verdict == "failed"
    assert "no check is called derivatifs; there are logits, " in first.figures


def test_looking_leaves_torch_s_random_numbers_alone():
    state = torch.random.get_rng_state()
    assert look("bn_vectors").reason is None
    assert torch.equal(torch.random.get_rng_state(), state)
