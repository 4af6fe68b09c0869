"""What a trial trains on: validation images, a limit, and how pixels are normalised."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from op_recorder import OpRecorder
from toy import TOY_SETS, toy_data
from training_cases import evaluate

from depthbench import runtime
from depthbench.datasets import Dataset
from depthbench.datasets.image_data import ImageData, TooFewImagesError, num_trained_on
from depthbench.engine.readiness import data_sums
from depthbench.plugins import load_architectures
from depthbench.record import EpochRecord, Outcome, TrialRecord, from_line, to_line
from depthbench.registry import Registry
from depthbench.spec import Criterion, StudySpec, TrialSpec
from depthbench.study.resolve import resolve_cells
from depthbench.training import ResidentData, train
from depthbench.training.graphed import Graphed
from depthbench.training.timing import seconds_per_epoch
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial
from depthbench.verdict import error_of

REGISTRY = load_architectures()
WHOLE = ResidentData.on("cpu", toy_data())
SPEC = TrialSpec(
    architecture="elu_bn",
    depth=3,
    data="toy",
    seed=0,
    lr=0.05,
    batch_size=16,
    epochs=2,
)
HELD_OUT = replace(SPEC, num_validation=13)


def network(name="elu_bn"):
    return REGISTRY[name].build(
        3,
        image_shape=(1, 8, 8),
        num_classes=10,
        generator=runtime.generator(*SPEC.entropy, "weights"),
    )


def run(net, spec, run_step=None, data=WHOLE):
    order = runtime.generator(spec.seed, "order")
    runner = {} if run_step is None else {"run": run_step}
    return train(net, data.under(spec), spec, order, **runner)


# Which images


@pytest.mark.parametrize(
    ("num_validation", "train_limit", "num_trained"),
    [
        (0, None, 70),
        (13, None, 57),
        (13, 57, 57),
        (13, 20, 20),
        (69, 1, 1),
        (0, 70, 70),
    ],
)
def test_the_last_are_held_out_and_the_first_of_the_rest_trained_on(
    num_validation, train_limit, num_trained
):
    spec = replace(SPEC, num_validation=num_validation, train_limit=train_limit)
    own = WHOLE.under(spec)
    assert torch.equal(own.train.images, WHOLE.train.images[:num_trained])
    assert torch.equal(own.train.labels, WHOLE.train.labels[:num_trained])
    if num_validation:
        assert torch.equal(own.validation.images, WHOLE.train.images[-num_validation:])
        assert torch.equal(own.validation.labels, WHOLE.train.labels[-num_validation:])
    else:
        assert own.validation is None
    assert own.test == WHOLE.test


def test_no_image_is_copied():
    own = WHOLE.under(replace(HELD_OUT, train_limit=20))
    storage = WHOLE.train.images.untyped_storage().data_ptr()
    for split in (own.train, own.validation):
        assert split.images.untyped_storage().data_ptr() == storage


@pytest.mark.parametrize(
    ("num_validation", "train_limit", "told"),
    [
        (70, None, "70 of them held out: none are left to train on; hold out 69"),
        (99, 5, "99 of them held out: none are left to train on; hold out 69 at most"),
        (0, 71, "70 training images: train_limit = 71 is more than the 70 there are"),
        (13, 58, "13 of them held out: train_limit = 58 is more than the 57 there are"),
    ],
)
def test_too_few_images_are_an_error_that_says_how_many_there_are(
    num_validation, train_limit, told
):
    spec = replace(SPEC, num_validation=num_validation, train_limit=train_limit)
    with pytest.raises(TooFewImagesError, match="toy has 70 training images") as caught:
        WHOLE.under(spec)
    assert told in str(caught.value)
    study = StudySpec(
        arch=("elu",),
        data=("toy",),
        num_validation=num_validation,
        train_limit=train_limit,
    )
    cells = resolve_cells(study, REGISTRY, TOY_SETS, device="cpu")
    with pytest.raises(TooFewImagesError, match="toy has 70 training images"):
        data_sums(cells, TOY_SETS, Path())


def test_what_there_is_suffices():
    study = StudySpec(arch=("elu",), data=("toy",), num_validation=13, train_limit=57)
    cells = resolve_cells(study, REGISTRY, TOY_SETS, device="cpu")
    assert data_sums(cells, TOY_SETS, Path()) == {"toy": toy_data().sha256}
    assert num_trained_on("toy", 70, num_validation=13, train_limit=57) == 57


# Normalisation


def test_data_normalises_by_the_whole_training_set_and_half_by_one_half():
    own = WHOLE.under(replace(HELD_OUT, train_limit=20))
    assert torch.equal(own.mean, WHOLE.mean) and torch.equal(own.std, WHOLE.std)
    half = WHOLE.under(replace(SPEC, normalization="half"))
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 1, 3)
    assert half.normalized(pixels).flatten().tolist() == pytest.approx([-1, -0.6, 1])
    assert half.mean.shape == WHOLE.mean.shape


def test_half_is_trained_on(context):
    record = run_trial(replace(SPEC, normalization="half"), context)
    pixels = WHOLE.train.images.to(torch.float32) / 255
    by_hand = replace(
        WHOLE, mean=torch.tensor(0.5), std=torch.tensor(0.5), train=WHOLE.train
    )
    assert torch.equal(by_hand.normalized(WHOLE.train.images), (pixels - 0.5) / 0.5)
    training = train(
        network(), by_hand, SPEC, runtime.generator(*SPEC.entropy, "order")
    )
    right = [epoch.train_loss[0] for epoch in training.epochs]
    assert [losses[0] for losses in trained(record)] == pytest.approx(right, rel=1e-5)
    plain = run_trial(SPEC, context)
    assert trained(plain) != trained(record)


# A whole trial


def cut(num_train: int) -> ImageData:
    """The toy set cut by hand, normalised like the whole."""
    whole = toy_data()
    return replace(
        whole,
        train_images=whole.train_images[:num_train].clone(),
        train_labels=whole.train_labels[:num_train].clone(),
    )


@pytest.fixture
def context(tmp_path, monkeypatch):
    """A context that knows the toy set, also cut to 57 and 20 images."""
    sets = {
        name: Dataset(name, "", "", load, lambda _: None)
        for name, load in (
            ("toy", lambda _: toy_data()),
            ("cut_57", lambda _: cut(57)),
            ("cut_20", lambda _: cut(20)),
        )
    }
    monkeypatch.setattr(trial, "DATASETS", Registry("data set", sets))
    trial._architectures.cache_clear()
    trial._loaded.cache_clear()
    yield TrialContext(data_dir=Path(tmp_path))
    trial._loaded.cache_clear()


def trained(record: TrialRecord):
    return [epoch.train_loss for epoch in record.epochs]


def without_what_may_differ(record: TrialRecord):
    epochs = [
        replace(epoch, seconds=0.0, validation_loss=None, validation_error=None)
        for epoch in record.epochs
    ]
    return epochs, record.trace, record.num_steps, record.num_parameters


@pytest.mark.parametrize("train_mode", ["every_epoch", "first_epoch"])
@pytest.mark.parametrize(
    ("num_validation", "train_limit", "name"),
    [(0, 20, "cut_20"), (13, None, "cut_57"), (13, 20, "cut_20")],
)
def test_a_trial_equals_one_on_a_set_cut_by_hand_bit_for_bit(
    context, num_validation, train_limit, name, train_mode
):
    spec = replace(SPEC, train_mode=train_mode)
    parts = {"num_validation": num_validation, "train_limit": train_limit}
    own = run_trial(replace(spec, **parts), context)
    by_hand = run_trial(replace(spec, data=name), context)
    assert own.outcome.is_evidence, own.message
    assert without_what_may_differ(own) == without_what_may_differ(by_hand)
    assert own.data_sha256 == toy_data().sha256
    for epoch in own.epochs:
        has = epoch.validation_loss is not None, epoch.validation_error is not None
        assert has == (num_validation > 0,) * 2


def test_too_few_images_make_no_evidence(context):
    record = run_trial(replace(SPEC, num_validation=70), context)
    assert record.outcome is Outcome.CRASHED
    assert "none are left to train on" in record.message


# All training images after an epoch, and batch statistics


@pytest.mark.parametrize("name", ["elu", "elu_bn", "elu_multihead"])
def test_train_after_is_an_evaluation_of_the_final_weights(name):
    """By hand, on the images trained on alone; the training does not notice it."""
    net, twin = network(name), network(name)
    spec = replace(HELD_OUT, train_limit=50, train_after=True)
    measured, plain = run(net, spec), run(twin, replace(spec, train_after=False))
    for weight, other in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(weight, other)
    for epoch, other in zip(measured.epochs, plain.epochs, strict=True):
        none = {"train_loss_after": None, "train_error_after": None, "seconds": 0}
        assert replace(epoch, **none) == replace(other, seconds=0)
    last, labels = measured.epochs[-1], WHOLE.train.labels[:50]
    assert last.train_loss_after != last.train_loss
    with torch.no_grad():
        heads = net.eval()(WHOLE.normalized(WHOLE.train.images[:50]))
    for place, head in enumerate(heads):
        loss = torch.nn.functional.cross_entropy(head, labels).item()
        assert last.train_loss_after[place] == pytest.approx(loss, rel=1e-5)
        wrong = (head.argmax(1) != labels).double().mean().item()
        assert last.train_error_after[place] == pytest.approx(wrong)


@pytest.mark.parametrize("source", ["train_after", "test_batch_stats"])
def test_a_trial_can_be_judged_by_what_was_measured_besides(context, source):
    record = run_trial(replace(SPEC, train_after=True), context)
    assert from_line(to_line(record)) == record
    last = record.epochs[-1]
    error = {
        "train_after": last.train_error_after,
        "test_batch_stats": last.test_error_batch_stats,
    }[source]
    assert error_of(last, Criterion(source=source)) == error[-1]
    lacking = replace(last, train_error_after=None, test_error_batch_stats=None)
    if source == "train_after":
        with pytest.raises(ValueError, match="did not test on training images"):
            error_of(lacking, Criterion(source=source))
    else:  # a network without BatchNorm
        assert error_of(lacking, Criterion(source=source)) == last.test_error[-1]


@pytest.mark.parametrize("train_mode", ["every_epoch", "first_epoch"])
def test_tests_within_epochs_change_nothing_and_are_those_of_shorter_trainings(
    train_mode,
):
    """Five steps an epoch; after step 6 it is what one epoch and one step leave."""
    spec = replace(SPEC, train_mode=train_mode, epochs=3)
    net, twin = network(), network()
    measured, plain = run(net, replace(spec, test_every="2it")), run(twin, spec)
    for one, other in zip(measured.epochs, plain.epochs, strict=True):
        assert replace(one, seconds=0) == replace(other, seconds=0)
    assert measured.trace == plain.trace
    assert [p.num_steps for p in measured.tests] == [0, 2, 4, 6, 8, 12, 14]
    untrained = evaluate(network(), WHOLE, 16)
    assert measured.tests[0][1:] == untrained
    assert measured.tests[2].loss != untrained.loss
    assert plain.tests == ()


def test_tests_within_epochs_are_of_the_images_held_out_if_there_are_any():
    net = network()
    spec = replace(HELD_OUT, test_every="2it")
    own = WHOLE.under(spec)
    before, *_ = run(net, spec).tests
    held_out = replace(own, test=own.validation)
    assert before[1:] == evaluate(network(), held_out, 16)


@pytest.mark.slow
@pytest.mark.parametrize("train_mode", ["every_epoch", "first_epoch"])
def test_epochs_without_a_test_are_trained_all_the_same(train_mode):
    spec = replace(HELD_OUT, train_mode=train_mode, epochs=5, train_after=True)
    net, twin = network(), network()
    measured, plain = run(net, replace(spec, test_every="2ep")), run(twin, spec)
    assert [e.is_tested for e in measured.epochs] == [False, True, False, True, True]
    assert measured.trace == plain.trace
    assert [point.num_steps for point in measured.tests] == [0]
    for one, other in zip(measured.epochs, plain.epochs, strict=True):
        assert (one.train_loss, one.train_error) == (
            other.train_loss,
            other.train_error,
        )
        if one.is_tested:
            assert replace(one, seconds=0) == replace(other, seconds=0)
        else:
            assert one == EpochRecord(
                train_loss=one.train_loss,
                train_error=one.train_error,
                seconds=one.seconds,
            )
    for weight, other in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(weight, other)


def test_an_epoch_that_a_limit_cut_is_tested():
    spec = replace(SPEC, epochs=5, test_every="3ep", max_train_seconds=1e-9)
    (epoch,) = run(network(), spec).epochs
    assert epoch.is_tested


@pytest.mark.parametrize(("every", "num_tests"), [("2it", 5), ("2ep", 1)])
def test_tests_are_stored_and_what_was_not_tested_takes_no_room(
    context, every, num_tests
):
    record = run_trial(replace(SPEC, test_every=every), context)
    assert len(record.tests) == num_tests
    assert from_line(to_line(record)) == record
    assert to_line(record).count('"test_loss"') == sum(
        epoch.is_tested for epoch in record.epochs
    )


# The pass over the validation images


@pytest.mark.parametrize("name", ["elu", "elu_bn", "elu_multihead"])
def test_validation_means_are_those_of_an_evaluation_by_hand(name):
    net = network(name)
    spec = replace(SPEC, num_validation=37, epochs=1)
    (epoch,) = run(net, spec).epochs
    images = WHOLE.normalized(WHOLE.train.images[33:])
    labels = WHOLE.train.labels[33:]
    net.eval()
    with torch.no_grad():
        heads = net(images)
    for loss, error, logits in zip(
        epoch.validation_loss, epoch.validation_error, heads, strict=True
    ):
        right = torch.nn.functional.cross_entropy(logits.double(), labels).item()
        assert loss == pytest.approx(right, rel=1e-5)
        assert error == (logits.argmax(1) != labels).double().mean().item()


def test_steps_over_other_images_have_other_keys():
    """A captured step of one split must not be replayed for another."""
    split_of_key: dict[object, set[str]] = {}
    # As many as there are test images, so that the batches are of the same sizes.
    spec = replace(SPEC, num_validation=20)
    own = WHOLE.under(spec)
    net = network()

    def note(key, step):
        before = len(seen)
        step()
        split_of_key.setdefault(key, set()).update(seen[before:])

    seen: list[str] = []
    splits = {
        split.images.data_ptr(): name
        for name, split in (
            ("train", own.train),
            ("test", own.test),
            ("validation", own.validation),
        )
    }
    from depthbench.training import batches

    original = batches.DataPass._next

    def spy(self, num_images):
        seen.append(splits[self._split.images.data_ptr()])
        return original(self, num_images)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches.DataPass, "_next", spy)
        train(net, own, spec, runtime.generator(0, "order"), note)
    assert all(len(names) == 1 for names in split_of_key.values())
    assert set().union(*split_of_key.values()) == {"train", "test", "validation"}


def test_captured_steps_validate_as_eager_ones_do():
    spec = replace(SPEC, num_validation=37, train_limit=33, epochs=3)
    nets = [network(), network()]
    graphed = Graphed(nets[0], OpRecorder())
    captured, eager = run(nets[0], spec, graphed), run(nets[1], spec)
    assert graphed.eager_reason is None
    pairs = zip(captured.epochs, eager.epochs, strict=True)
    for epoch, right in pairs:
        assert replace(epoch, seconds=0) == replace(right, seconds=0)


def test_a_record_keeps_them_and_says_nothing_where_there_are_none(context):
    own, plain = (run_trial(spec, context) for spec in (HELD_OUT, SPEC))
    assert from_line(to_line(own)) == own
    assert own.epochs[0].validation_error is not None
    assert '"validation_error":[' in to_line(own)
    assert "validation" not in to_line(plain)


# Estimates


def test_an_estimate_counts_what_is_tested_on_when_that_is_most(monkeypatch):
    """With a clock that goes on by a second at each look: 1 s for one batch."""
    from depthbench.training import timing

    ticks = iter(range(1000))
    monkeypatch.setattr(timing, "monotonic_seconds", lambda: float(next(ticks)))
    plain = seconds_per_epoch(network(), WHOLE.under(SPEC), SPEC)
    assert plain == pytest.approx(70 / 16)
    few = replace(HELD_OUT, train_limit=4)
    net, seen = network(), []
    net.register_forward_hook(lambda _, images, __: seen.append(len(images[0])))
    limited = seconds_per_epoch(net, WHOLE.under(few), few)
    # Thrice: trained on 4, and tested on 16 in both modes of BatchNorm.
    assert sum(seen) == 3 * (4 + 16 + 16)
    assert limited == pytest.approx((3 * 4 + 20 + 13) / 4 / 16)
