"""Every network of the notebooks, in full, against its twin: three steps in float64."""

from dataclasses import dataclass
from functools import partial

import pytest
import reference_nets
import torch
from notebook_nets import (
    Tape,
    deep,
    plain32,
    residual_cnn,
    resnet32,
    resnet47,
    three_layer,
    three_layer_convnet,
    two_layer_fc,
)
from torch.nn import functional

from depthbench import runtime
from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.training.penalty import penalized_weights
from depthbench.training.updates import Updates

NUM_STEPS = 3
COLOUR, GREY = (3, 32, 32), (1, 28, 28)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a step does. Where D trains with Adam, momentum stands in its place."""

    lr: float
    momentum: float = 0.9
    weight_decay: float = 0.0
    l2: float = 0.0
    init: str | None = None


D_ADAM, D_SGD = Recipe(lr=1e-3, l2=1e-5), Recipe(lr=2e-3, l2=1e-5)
A_FUNCTIONS, A_MODULES = (
    Recipe(lr=1e-2, momentum=0.0, weight_decay=decay) for decay in (0.0, 1e-4)
)
A_SEQUENCE = Recipe(lr=1e-2, init="default")
A_RESNETS = Recipe(lr=1e-2, weight_decay=1e-4)
R = Recipe(lr=1e-2, momentum=0.0)
FIVE = [16, 32, 32, 64, 64], [0, 1, 2, 3, 4]
THIRTY = [8] * 10 + [32] * 10 + [128] * 10, [9, 19]
SIX = [8, 8, 16, 16, 32, 32], [1, 3, 5]
# Name, depth, twin, parameters, recipe.
CASES = [
    ("convnet_7x7", 3, three_layer(100), 825_046, Recipe(lr=1e-3)),
    ("convnet_7x7_500", 3, three_layer(500), 4_106_246, Recipe(lr=1e-3, l2=1e-3)),
    ("deep_convnet", 31, deep(*THIRTY), 1_538_226, D_SGD),
    ("deep_convnet_1e-2", 31, deep(*THIRTY), 1_538_226, D_SGD),
    ("deep_convnet_1e-3", 31, deep(*THIRTY), 1_538_226, D_SGD),
    ("deep_convnet_3", 4, deep([8, 8, 8], [0, 1, 2]), 2_682, D_SGD),
    ("deep_convnet_4", 5, deep([8, 16, 32, 64], [0, 1, 2, 3]), 27_098, D_ADAM),
    ("deep_convnet_5", 6, deep(*FIVE), 70_410, D_ADAM),
    ("deep_convnet_5_bn", 6, deep(*FIVE, batchnorm=True), 70_826, D_ADAM),
    ("deep_convnet_6_bn", 7, deep(*SIX, batchnorm=True), 23_538, D_SGD),
    ("two_layer_fc", 2, two_layer_fc, 12_332_010, A_FUNCTIONS),
    ("two_layer_fc", 2, two_layer_fc, 12_332_010, A_SEQUENCE),
    ("three_layer_convnet", 3, three_layer_convnet, 170_906, A_MODULES),
    ("three_layer_convnet", 3, three_layer_convnet, 170_906, A_SEQUENCE),
    ("preresnet_plain", 32, plain32, 117_386, A_RESNETS),
    ("preresnet", 32, resnet32, 118_074, A_RESNETS),
    ("preresnet_bottleneck", 47, resnet47, 129_146, A_RESNETS),
    ("residual_cnn", 10, residual_cnn(batch_norm=False), 25_288, R),
    ("residual_cnn_bn", 10, residual_cnn(batch_norm=True), 25_608, R),
]
STACKS = [stack.name for stack in NOTEBOOK_STACKS]
LAYERS = ("Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "GlobalAveragePool", "Linear")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "depth", "twin", "count", "recipe"), CASES)
def test_a_network_trains_as_its_twin(name, depth, twin, count, recipe):
    """Parameters, layers in their order, and three steps of our own update."""
    net = build(name, depth, COLOUR, recipe.init)
    assert sum(weight.numel() for weight in net.parameters()) == count
    called = []
    for module in net.modules():
        if type(module).__name__ in LAYERS:
            module.register_forward_hook(partial(note, called))

    def twin_logits(parameters, images):
        with Tape(parameters) as tape:
            logits = twin(tape, images)
        assert called == tape.layers
        called.clear()
        return [logits]

    hold(net, twin_logits, COLOUR, recipe)


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_trains_as_its_twin(name):
    recipe = Recipe(lr=ARCHITECTURES[name].lr)
    hold(build(name, 9, GREY), partial(reference_nets.logits, name, 9), GREY, recipe)


def test_a_twin_with_one_layer_elsewhere_is_told_apart():
    with pytest.raises(AssertionError):
        test_a_network_trains_as_its_twin(
            "deep_convnet_6_bn",
            7,
            deep([8, 8, 16, 16, 32, 32], [0, 3, 5], batchnorm=True),
            23_538,
            D_SGD,
        )


def build(name, depth, image_shape, init=None):
    item = ARCHITECTURES[name].with_initializer(init)
    net = item.build(
        depth,
        image_shape=image_shape,
        num_classes=10,
        generator=runtime.generator(0, "weights"),
    )
    return net.double().train()


def note(called, module, _, out):
    called.append((type(module).__name__, tuple(out.shape)))


def hold(net, twin_logits, image_shape, recipe):
    """Logits, losses and parameters of each step; the twin's update is plain."""
    twins = [w.detach().clone().requires_grad_() for w in net.parameters()]
    velocities = [torch.zeros_like(weight) for weight in twins]
    updates = Updates(
        net.parameters(),
        partial(
            torch.optim.SGD,
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        ),
        penalized=penalized_weights(net) if recipe.l2 else (),
        l2=recipe.l2,
    )
    source = torch.Generator().manual_seed(4)
    for _ in range(NUM_STEPS):
        images = torch.randn(4, *image_shape, generator=source).double()
        labels = torch.randint(10, (4,), generator=source)
        output = net(images)
        heads = output if isinstance(output, tuple) else (output,)
        losses = [functional.cross_entropy(head, labels) for head in heads]
        updates.forget_gradients()
        (sum(losses) / len(losses)).backward()
        updates.step()

        others = twin_logits(twins, images)
        for head, other in zip(heads, others, strict=True):
            close(head, other)
        loss = reference_nets.mean_cross_entropy(others, labels)
        loss = loss + recipe.l2 * sum(w.square().sum() for w in twins if w.dim() > 1)
        gradients = torch.autograd.grad(loss, twins)
        with torch.no_grad():
            for weight, velocity, gradient in zip(
                twins, velocities, gradients, strict=True
            ):
                gradient.add_(weight, alpha=recipe.weight_decay)
                velocity.mul_(recipe.momentum).add_(gradient)
                weight.sub_(recipe.lr * velocity)
        for weight, other in zip(net.parameters(), twins, strict=True):
            close(weight, other)


def close(value, right):
    torch.testing.assert_close(value, right, rtol=1e-9, atol=1e-12)
