"""The families of CIFAR-10, small, computed a second time by formulas of `by_hand`."""

import pytest
import torch
from by_hand.chain import (
    ACTIVATIONS,
    Layer,
    average_pool_layer,
    chain,
    convolution_layer,
    linear_layer,
    max_pool_layer,
    spatial_batch_norm_layer,
    with_skip,
)
from by_hand.linear import linear, linear_backward
from by_hand.numeric import relative_error

from depthbench import DeepConvNet, Stack, runtime
from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.baselines import Baseline

RELU = ACTIVATIONS["relu"]


def build(item, depth, side):
    return item.build(
        depth,
        image_shape=(2, side, side),
        num_classes=5,
        generator=runtime.generator(0, "weights"),
    )


def with_shortcut(body, shortcut):
    def backward(grad_out, x):
        grad_x, *of_body = body.backward(grad_out, x)
        also, *of_shortcut = shortcut.backward(grad_out, x)
        return grad_x + also, *of_body, *of_shortcut

    return Layer(lambda x: body.forward(x) + shortcut.forward(x), backward)


class ByHand:
    """Layers with parameters taken one after the other."""

    def __init__(self, parameters):
        self._left = iter(parameters)

    def conv(self, stride=1, padding=0):
        return convolution_layer(next(self._left), next(self._left), stride, padding)

    def norm(self):
        return spatial_batch_norm_layer(next(self._left), next(self._left))

    def linear(self):
        return linear_layer(next(self._left), next(self._left))

    def linear_without_bias(self):
        weight = next(self._left)
        zeros = weight.new_zeros(len(weight))
        return Layer(
            lambda x: linear(x, weight, zeros),
            lambda g, x: linear_backward(g, x, weight)[:2],
        )

    def preresnet(self, windows, has_shortcut):
        """n = 1 on images of 8x8; a block's convolutions have these windows."""
        layers = [self.conv(padding=1), RELU]
        for stage in range(3):
            stride, body = (2 if stage else 1), []
            for place, window in enumerate(windows):
                body += [self.norm(), RELU]
                body += [self.conv(1 if place else stride, window // 2)]
            if has_shortcut and stage > 0:
                layers.append(with_shortcut(chain(*body), self.conv(stride)))
            else:
                layers.append((with_skip if has_shortcut else chain)(chain(*body)))
        return chain(*layers, average_pool_layer(2, 1), self.linear())

    def residual_cnn(self, num_blocks, has_norm):
        layers = [self.conv(), self.conv(stride=2)]
        for _ in range(num_blocks):
            body = [self.conv(padding=1), *([self.norm()] if has_norm else []), RELU]
            body += [self.conv(padding=1), *([self.norm()] if has_norm else [])]
            layers += [with_skip(chain(*body)), RELU]
        layers += [self.conv(stride=2), self.linear(), RELU]
        return chain(*layers, self.linear_without_bias())

    def deep_convnet(self, pools_after, has_norm):
        layers = []
        for is_pooled in pools_after:
            layers += [self.conv(padding=1), *([self.norm()] if has_norm else []), RELU]
            layers += [max_pool_layer(2, 2)] if is_pooled else []
        return chain(*layers, self.linear())

    def fully_connected(self):
        return chain(self.linear(), RELU, self.linear(), RELU, self.linear())

    def padded_convnet(self):
        first = [self.conv(padding=2), RELU, self.conv(padding=1), RELU]
        return chain(*first, self.conv(padding=1), RELU, self.linear())

    def sigmoid_stack(self, num_stages):
        layers = []
        for _ in range(num_stages):
            block = [self.conv(padding=1), self.norm(), ACTIVATIONS["sigmoid"]]
            layers += [*block, average_pool_layer(2, 2)]
        return chain(*layers, self.linear())

    def pooled_convnet(self):
        first = [self.conv(padding=3), RELU, max_pool_layer(2, 2)]
        first += [self.linear(), RELU]
        return chain(*first, self.linear(), RELU, self.linear())


BN_POOLS = DeepConvNet(
    name="bn", widths=(4, 6), pools=(2,), batch_norm=True
).to_architecture()
SIGMOID = Stack(name="x", activation="sigmoid", batch_norm=True, channels=(4, 6))
# Architecture, depth, side of the images, and the same by hand.
CASES = [
    ("preresnet_plain", 8, 8, lambda hand: hand.preresnet((3, 3), False)),
    ("preresnet", 8, 8, lambda hand: hand.preresnet((3, 3), True)),
    ("preresnet_bottleneck", 11, 8, lambda hand: hand.preresnet((1, 3, 1), True)),
    ("residual_cnn", 2, 17, lambda hand: hand.residual_cnn(2, False)),
    ("residual_cnn_bn", 2, 17, lambda hand: hand.residual_cnn(2, True)),
    ("deep_convnet_3", 4, 16, lambda hand: hand.deep_convnet((1, 1, 1), False)),
    ("deep_convnet", 7, 8, lambda hand: hand.deep_convnet((0, 1, 0, 1, 0, 0), False)),
    (BN_POOLS, 5, 8, lambda hand: hand.deep_convnet((0, 0, 0, 1), True)),
    (SIGMOID, 2, 8, lambda hand: hand.sigmoid_stack(2)),
    ("three_layer_convnet", 4, 8, lambda hand: hand.padded_convnet()),
    ("convnet_7x7", 4, 12, lambda hand: hand.pooled_convnet()),
]


def assert_equals_by_hand(net, side, by_hand):
    """Logits and every gradient in train mode, in float64 to 1e-9."""
    source = torch.Generator().manual_seed(3)
    net = net.double().train()
    for weight in net.parameters():
        with torch.no_grad():
            # Scale, shift and bias away from 1 and 0, where a mix-up would not show.
            weight.add_(0.1 * torch.randn(weight.shape, generator=source))
    images = torch.randn(3, 2, side, side, generator=source).double()
    output = net(images)
    logits = output[0] if isinstance(output, tuple) else output
    grad_out = torch.randn(logits.shape, generator=source).double()
    logits.backward(grad_out)

    hand = ByHand([weight.detach() for weight in net.parameters()])
    layer = by_hand(hand)
    assert not list(hand._left)
    assert relative_error(logits.detach(), layer.forward(images)) < 1e-9
    _, *gradients = layer.backward(grad_out, images)
    total = torch.stack([gradient.norm() for gradient in gradients]).norm()
    for weight, right in zip(net.parameters(), gradients, strict=True):
        # A bias that a norm takes out again has a gradient of 0, but for rounding.
        scale = right.norm() if right.norm() > 1e-10 * total else total
        assert (weight.grad - right).norm() / scale < 1e-9


@pytest.mark.parametrize(("item", "depth", "side", "by_hand"), CASES)
def test_forward_and_gradients_equal_those_by_hand(item, depth, side, by_hand):
    item = ARCHITECTURES[item] if isinstance(item, str) else item
    assert_equals_by_hand(build(item, depth, side), side, by_hand)


def test_fully_connected_layers_equal_those_by_hand():
    narrow = Baseline(name="x", kind="fully_connected", hidden=50, start=2, block="")
    net = build(narrow, 3, 4)
    assert_equals_by_hand(net, 4, ByHand.fully_connected)
