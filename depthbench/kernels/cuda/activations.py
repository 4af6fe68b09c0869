"""Activations and their derivatives, inside Triton kernels.

From `tl.exp` alone: Triton's interpreter, which the tests use, calls no libdevice.
Comparisons are written so that NaN falls into the branch that keeps it.
"""

import triton
import triton.language as tl

# Keys of `kernels.reference.ACTIVATIONS`.
SUPPORTED = ("tanh", "elu", "relu", "identity")


@triton.jit
def expm1(x):
    """exp(x) - 1 to a relative error of 1e-6; a Taylor polynomial near 0."""
    near = x * (1 + x * (1 / 2 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120)))))
    near += x * x * x * x * x * x * (1 / 720 + x * (1 / 5040))
    return tl.where(tl.abs(x) < 0.35, near, tl.exp(x) - 1)


@triton.jit
def tanh(x):
    """From expm1(-2|x|), which can not overflow."""
    decay = expm1(-2 * tl.abs(x))
    size = -decay / (decay + 2)
    return tl.where(x < 0, -size, size)


@triton.jit
def activate(x, ACTIVATION: tl.constexpr):
    """The activation of that name, elementwise."""
    if ACTIVATION == "tanh":
        return tanh(x)
    if ACTIVATION == "elu":
        return tl.where(x <= 0, expm1(x), x)
    if ACTIVATION == "relu":
        return tl.where(x <= 0, 0.0, x)
    return x


@triton.jit
def activation_gradient(gradient, activated, ACTIVATION: tl.constexpr):
    """The gradient before an activation, from that after it and from its value.

    Where the value is NaN, ReLU passes the gradient on, as PyTorch's does.
    """
    if ACTIVATION == "tanh":
        return gradient * (1 - activated * activated)
    if ACTIVATION == "elu":
        return tl.where(activated > 0, gradient, gradient * (activated + 1))
    if ACTIVATION == "relu":
        return tl.where(activated <= 0, 0.0, gradient)
    return gradient
