"""Batch normalisation of images: each channel over all images and pixels.

A channel is a feature, and each pixel of each image a vector of them; so this is
`batch_norm` on other axes, with N*H*W in the place of N.

Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by
reducing internal covariate shift", 2015, section 3.2.
"""

from torch import Tensor

from by_hand import batch_norm
from by_hand.batch_norm import EPS, Running


def pixels_of(images: Tensor) -> Tensor:
    """[N, C, H, W] to [N*H*W, C]."""
    return images.permute(0, 2, 3, 1).flatten(0, 2)


def images_of(pixels: Tensor, like: Tensor) -> Tensor:
    """[N*H*W, C] to the shape of `like`, [N, C, H, W]."""
    num_images, _, height, width = like.shape
    return pixels.reshape(num_images, height, width, -1).permute(0, 3, 1, 2)


def spatial_batch_norm_train(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float = EPS
) -> Tensor:
    """`batch_norm_train` for x [N, C, H, W], gamma and beta [C]."""
    out = batch_norm.batch_norm_train(pixels_of(x), gamma, beta, eps)
    return images_of(out, like=x)


def spatial_batch_norm_backward_by_steps(
    grad_out: Tensor, x: Tensor, gamma: Tensor, eps: float = EPS
) -> tuple[Tensor, Tensor, Tensor]:
    """dL/dx [N, C, H, W], dL/dgamma and dL/dbeta [C], node by node."""
    grad_x, grad_gamma, grad_beta = batch_norm.batch_norm_backward_by_steps(
        pixels_of(grad_out), pixels_of(x), gamma, eps
    )
    return images_of(grad_x, like=x), grad_gamma, grad_beta


def spatial_batch_norm_backward(
    grad_out: Tensor, x: Tensor, gamma: Tensor, eps: float = EPS
) -> tuple[Tensor, Tensor, Tensor]:
    """dL/dx [N, C, H, W], dL/dgamma and dL/dbeta [C], simplified."""
    grad_x, grad_gamma, grad_beta = batch_norm.batch_norm_backward(
        pixels_of(grad_out), pixels_of(x), gamma, eps
    )
    return images_of(grad_x, like=x), grad_gamma, grad_beta


def spatial_updated_unbiased(
    running: Running, x: Tensor, momentum: float = 0.1
) -> Running:
    """`updated_unbiased` after a batch x [N, C, H, W]."""
    return batch_norm.updated_unbiased(running, pixels_of(x), momentum)


def spatial_updated_biased(
    running: Running, x: Tensor, momentum: float = 0.1
) -> Running:
    """`updated_biased` after a batch x [N, C, H, W]."""
    return batch_norm.updated_biased(running, pixels_of(x), momentum)


def spatial_batch_norm_test(
    x: Tensor, gamma: Tensor, beta: Tensor, running: Running, eps: float = EPS
) -> Tensor:
    """`batch_norm_test` for x [N, C, H, W]; all else [C]."""
    out = batch_norm.batch_norm_test(pixels_of(x), gamma, beta, running, eps)
    return images_of(out, like=x)


def spatial_batch_norm_test_backward(
    grad_out: Tensor, x: Tensor, gamma: Tensor, running: Running, eps: float = EPS
) -> tuple[Tensor, Tensor, Tensor]:
    """dL/dx [N, C, H, W], dL/dgamma and dL/dbeta [C]."""
    grad_x, grad_gamma, grad_beta = batch_norm.batch_norm_test_backward(
        pixels_of(grad_out), pixels_of(x), gamma, running, eps
    )
    return images_of(grad_x, like=x), grad_gamma, grad_beta
