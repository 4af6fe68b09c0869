"""Layers with their parameters bound, one after the other: the chain rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from by_hand.activations import (
    elu,
    elu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from by_hand.batch_norm import (
    EPS,
    Running,
    batch_norm_backward,
    batch_norm_test,
    batch_norm_test_backward,
    batch_norm_train,
)
from by_hand.convolution import convolution, convolution_backward
from by_hand.linear import linear, linear_backward
from by_hand.pooling import (
    average_pool,
    average_pool_backward,
    max_pool,
    max_pool_backward,
)
from by_hand.spatial_batch_norm import (
    spatial_batch_norm_backward,
    spatial_batch_norm_test,
    spatial_batch_norm_test_backward,
    spatial_batch_norm_train,
)


@dataclass(frozen=True, slots=True)
class Layer:
    """A function of x alone.

    Attributes:
        forward: x to the output.
        backward: grad_out and x to dL/dx and the gradient of each parameter, in order.
    """

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], tuple[Tensor, ...]]


def chain(*layers: Layer) -> Layer:
    """One layer after the other, as a layer.

    dL/dx of a layer is grad_out of the layer before. The parameters' gradients are in
    the order of the layers.

    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.5.
    """

    def forward(x: Tensor) -> Tensor:
        for layer in layers:
            x = layer.forward(x)
        return x

    def backward(grad_out: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        inputs = [x]
        for layer in layers[:-1]:
            inputs.append(layer.forward(inputs[-1]))
        grad = grad_out
        of_parameters: tuple[Tensor, ...] = ()
        for layer, given in zip(reversed(layers), reversed(inputs), strict=True):
            grad, *of_layer = layer.backward(grad, given)
            of_parameters = (*of_layer, *of_parameters)
        return grad, *of_parameters

    return Layer(forward, backward)


def with_skip(layer: Layer) -> Layer:
    """The sum x + layer(x); its gradient reaches x both ways.

    dL/dx = g + the layer's dL/dx

    Source: He et al., "Deep residual learning for image recognition", 2016, equation 1.
    """

    def backward(grad_out: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        grad_x, *of_parameters = layer.backward(grad_out, x)
        return grad_out + grad_x, *of_parameters

    return Layer(lambda x: x + layer.forward(x), backward)


ACTIVATIONS: Mapping[str, Layer] = {
    "relu": Layer(relu, lambda g, x: (relu_backward(g, x),)),
    "tanh": Layer(tanh, lambda g, x: (tanh_backward(g, x),)),
    "sigmoid": Layer(sigmoid, lambda g, x: (sigmoid_backward(g, x),)),
    "elu": Layer(elu, lambda g, x: (elu_backward(g, x),)),
    "identity": Layer(torch.clone, lambda g, _: (g,)),
}


def convolution_layer(
    weight: Tensor, bias: Tensor, stride: int = 1, padding: int = 0
) -> Layer:
    """`convolution`; gradients of x, weight and bias."""
    return Layer(
        lambda x: convolution(x, weight, bias, stride, padding),
        lambda g, x: convolution_backward(g, x, weight, stride, padding),
    )


def linear_layer(weight: Tensor, bias: Tensor) -> Layer:
    """`linear`; gradients of x, weight and bias."""
    return Layer(
        lambda x: linear(x, weight, bias), lambda g, x: linear_backward(g, x, weight)
    )


def max_pool_layer(size: int, stride: int) -> Layer:
    """`max_pool`; the gradient of x."""
    return Layer(
        lambda x: max_pool(x, size, stride),
        lambda g, x: (max_pool_backward(g, x, size, stride),),
    )


def average_pool_layer(size: int, stride: int) -> Layer:
    """`average_pool`; the gradient of x."""
    return Layer(
        lambda x: average_pool(x, size, stride),
        lambda g, x: (average_pool_backward(g, x, size, stride),),
    )


def batch_norm_layer(
    gamma: Tensor, beta: Tensor, running: Running | None = None, eps: float = EPS
) -> Layer:
    """Of vectors, in train mode or, with running statistics, in test mode.

    Gradients of x, gamma and beta.
    """
    if running is None:
        return Layer(
            lambda x: batch_norm_train(x, gamma, beta, eps),
            lambda g, x: batch_norm_backward(g, x, gamma, eps),
        )
    return Layer(
        lambda x: batch_norm_test(x, gamma, beta, running, eps),
        lambda g, x: batch_norm_test_backward(g, x, gamma, running, eps),
    )


def spatial_batch_norm_layer(
    gamma: Tensor, beta: Tensor, running: Running | None = None, eps: float = EPS
) -> Layer:
    """Of images, in train mode or, with running statistics, in test mode.

    Gradients of x, gamma and beta.
    """
    if running is None:
        return Layer(
            lambda x: spatial_batch_norm_train(x, gamma, beta, eps),
            lambda g, x: spatial_batch_norm_backward(g, x, gamma, eps),
        )
    return Layer(
        lambda x: spatial_batch_norm_test(x, gamma, beta, running, eps),
        lambda g, x: spatial_batch_norm_test_backward(g, x, gamma, running, eps),
    )
