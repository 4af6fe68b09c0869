"""Floating-point operations of a training step, from shapes alone."""

from depthbench.architectures.stack import Stack


def training_flop_per_image(
    stack: Stack, depth: int, image_shape: tuple[int, int, int], num_classes: int
) -> int:
    """Operations to train on one image, a multiply-add as two.

    Convolutions and linear layers, forward, gradient of the weights and gradient of
    the input; the first convolution has no use for the last. Everything else (norm,
    activation, bias, update) is left out, and so are the zeros that pad an image, but
    for the products with them: this is the work that a dense convolution states.
    """
    in_channels, height, width = image_shape
    forward, first = 0, 0
    for number, out_channels in enumerate(stack.channels, start=1):
        for _ in range(depth // len(stack.channels)):
            convolution = 2 * 9 * in_channels * out_channels * height * width
            first = first or convolution
            forward += convolution
            in_channels = out_channels
        height, width = height // 2, width // 2
        if stack.multihead or number == len(stack.channels):
            forward += 2 * out_channels * height * width * num_classes
    return 3 * forward - first
