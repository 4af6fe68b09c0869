"""Layers that usually come together, as chains of the layers given.

Backward gives the gradient of x, then those of every layer's parameters in order: for
`conv_bn_relu` those of x, weight, bias, gamma and beta.
"""

from by_hand.chain import ACTIVATIONS, Layer, chain, with_skip

RELU = ACTIVATIONS["relu"]


def conv_relu(conv: Layer) -> Layer:
    """relu(conv(x))."""
    return chain(conv, RELU)


def conv_bn_relu(conv: Layer, norm: Layer) -> Layer:
    """relu(norm(conv(x))), with a norm of images."""
    return chain(conv, norm, RELU)


def conv_bn_relu_pool(conv: Layer, norm: Layer, pool: Layer) -> Layer:
    """pool(relu(norm(conv(x)))), with a norm of images."""
    return chain(conv, norm, RELU, pool)


def conv_relu_pool(conv: Layer, pool: Layer) -> Layer:
    """pool(relu(conv(x)))."""
    return chain(conv, RELU, pool)


def linear_relu(linear: Layer) -> Layer:
    """relu(linear(x))."""
    return chain(linear, RELU)


def linear_bn_relu(linear: Layer, norm: Layer) -> Layer:
    """relu(norm(linear(x))), with a norm of vectors."""
    return chain(linear, norm, RELU)


def conv_block(
    conv: Layer, norm: Layer | None, activation: str, adds_input: bool
) -> Layer:
    """activation(norm(conv(x))), plus x where asked: a block of a convolution stack.

    Args:
        conv: That keeps the size of images and, with a skip, their channels.
        norm: Of images; None leaves it out.
        activation: A key of `chain.ACTIVATIONS`.
        adds_input: Adds the block's input to its output.
    """
    parts = [conv, norm, ACTIVATIONS[activation]]
    block = chain(*(part for part in parts if part is not None))
    return with_skip(block) if adds_input else block
