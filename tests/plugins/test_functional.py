"""Networks that are functions over tensors: as good as modules, and their mistakes."""

from dataclasses import replace

import pytest
import torch
from places import FIXTURES
from torch import nn

import depthbench
from depthbench.datasets import Dataset
from depthbench.datasets.image_data import ImageData
from depthbench.datasets.stroke_digits.drawing import generate
from depthbench.plugins import load_architectures
from depthbench.record import Outcome
from depthbench.registry import Registry
from depthbench.spec import TrialSpec
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial

THREE_FORMS = FIXTURES / "three_forms.py"
FORMS = {
    "two_layer_fc": ("fc_tensors", "fc_module", "fc_sequential"),
    "three_layer_convnet": ("conv_tensors", "conv_module", "conv_sequential"),
}


def some_stroke_digits(folder):
    """The first 120 of the built-in digits."""
    del folder
    images, labels = (torch.from_numpy(part) for part in generate(120))
    images = images.view(120, 1, 28, 28)
    train, test = (images[:90], labels[:90].long()), (images[90:], labels[90:].long())
    return ImageData.from_tensors("stroke_digits", train, test, 10)


@pytest.fixture
def context(tmp_path, monkeypatch):
    item = Dataset("stroke_digits", "", "", some_stroke_digits, lambda _: None)
    monkeypatch.setattr(
        trial, "DATASETS", Registry("data set", {"stroke_digits": item})
    )
    trial._loaded.cache_clear()
    trial._architectures.cache_clear()
    yield TrialContext(data_dir=tmp_path)
    trial._loaded.cache_clear()
    trial._architectures.cache_clear()


def record_of(context, architecture, plugin=None, **changes):
    plugins = () if plugin is None else (plugin,)
    item = load_architectures(plugins)[architecture]
    spec = TrialSpec(
        architecture=architecture,
        depth=item.grid.start,
        data="stroke_digits",
        seed=0,
        lr=item.lr,
        epochs=2,
        batch_size=32,
        plugin_sha256=item.plugin_sha256,
    )
    return run_trial(replace(spec, **changes), replace(context, plugins=plugins))


@pytest.mark.slow
@pytest.mark.parametrize("built_in", FORMS)
def test_three_forms_of_one_net_train_to_bit_equal_losses(context, built_in):
    """And the registered one with them; with weight decay, which all tensors share."""
    same = {"lr": 0.01, "weight_decay": 0.01}
    records = [record_of(context, built_in, **same)]
    for name in FORMS[built_in]:
        records.append(record_of(context, name, THREE_FORMS, **same))
    first, *others = ([replace(e, seconds=0.0) for e in r.epochs] for r in records)
    assert first[1].train_loss[0] < first[0].train_loss[0]
    for record, epochs in zip(records[1:], others, strict=True):
        assert record.outcome.is_evidence, record.message
        assert epochs == first, record.spec.architecture
        assert record.trace == records[0].trace
        assert record.num_parameters == records[0].num_parameters
        assert record.num_weight_layers == records[0].num_weight_layers
    changed = record_of(context, FORMS[built_in][0], THREE_FORMS, seed=1)
    assert changed.epochs[0].train_loss != first[0].train_loss


@pytest.mark.parametrize("kind", [nn.Parameter, torch.Tensor.requires_grad_])
def test_the_tensors_are_copied_and_left_alone(kind):
    weight = kind(torch.ones(2, 3))
    net = depthbench.functional_net(lambda x, w: x @ w[0].T, [weight])
    assert isinstance(net, nn.Module)
    (own,) = net.parameters()
    assert own is not weight and torch.equal(own, weight)
    net(torch.ones(1, 3)).sum().backward()
    assert own.grad is not None and weight.grad is None
    torch.optim.SGD(net.parameters(), lr=1.0).step()
    assert torch.equal(own, torch.zeros(2, 3)) and torch.equal(weight, torch.ones(2, 3))
    scaled = depthbench.functional_net(lambda x, w: x @ w[0].T, [2 * weight])
    assert [each.requires_grad for each in scaled.parameters()] == [True]


@pytest.mark.parametrize(
    ("forward", "parameters", "message"),
    [
        (None, [], "forward is a NoneType; a function"),
        (len, [torch.zeros(2), 3.0], r"parameters\[1\] is a float; a tensor of floats"),
        (len, [torch.zeros(2, dtype=torch.int64)], r"parameters\[0\] is a torch.int64"),
    ],
)
def test_what_is_no_function_of_tensors_is_refused(forward, parameters, message):
    with pytest.raises(TypeError, match=message):
        depthbench.functional_net(forward, parameters)


HEAD = """\
import torch
import depthbench

@depthbench.architecture("bad", lr=0.1{declared})
def bad(depth, *, image_shape, num_classes, generator):
    return {returned}
"""
DECLARED = ", num_weight_layers=lambda depth: depth"


def of(forward):
    return f"depthbench.functional_net(lambda x, w: {forward}, [torch.zeros(10, 784)])"


NEITHER = "; return an nn.Module, or depthbench.functional_net(forward, parameters)"
MISTAKES = [
    (of("x.flatten(1) @ w[0].T"), "", "cannot be counted: declare @architecture(..., "),
    (
        of("None"),
        DECLARED,
        "in evaluation mode: got a NoneType, expected a tensor",
    ),
    (
        of("('a',)"),
        DECLARED,
        "in evaluation mode: got a tuple, expected a tensor",
    ),
    (
        of("()"),
        DECLARED,
        "in evaluation mode: got a tuple, expected a tensor",
    ),
    (of("x.flatten(1)"), DECLARED, "shape (2, 784), expected floats of shape (2, 10)"),
    ("(len, [])", DECLARED, f"the builder of bad returned a tuple{NEITHER}"),
    ("torch.nn.Linear", "", f"the builder of bad returned a type{NEITHER}"),
]


@pytest.mark.parametrize(("returned", "declared", "message"), MISTAKES)
def test_a_mistake_is_told_before_anything_is_trained(
    context, tmp_path, monkeypatch, returned, declared, message
):
    monkeypatch.setattr(trial, "train", lambda *_: 1 / 0)
    path = tmp_path / "bad.py"
    path.write_text(HEAD.format(returned=returned, declared=declared))
    record = record_of(context, "bad", path)
    assert record.outcome is Outcome.CRASHED
    assert message in record.message
