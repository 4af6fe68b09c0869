"""A network that is a function over a list of parameter tensors."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

Logits = Tensor | tuple[Tensor, ...]
Forward = Callable[[Tensor, list[Tensor]], Logits]


class FunctionalNet(nn.Module):
    """`function(images, parameters)` as a module that owns the parameters.

    Args:
        function: From images and the parameters, in the order given, to logits.
        parameters: Tensors of floats. Copied.

    Raises:
        TypeError: If something else is given.
    """

    def __init__(self, function: Forward, parameters: Sequence[Tensor]) -> None:
        super().__init__()
        if not callable(function):
            raise TypeError(
                f"functional_net: forward is a {type(function).__name__}; "
                "a function of images and a list of parameters is expected"
            )
        tensors = list(parameters)
        for place, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
                kind = getattr(tensor, "dtype", type(tensor).__name__)
                raise TypeError(
                    f"functional_net: parameters[{place}] is a {kind}; "
                    "a tensor of floats is expected"
                )
        self.function = function
        # Copies: a builder may give the same tensors to every trial.
        self.tensors = nn.ParameterList(tensor.detach().clone() for tensor in tensors)

    def forward(self, images: Tensor) -> Logits:
        """Images [N, C, H, W] to what the function makes of them."""
        return self.function(images, list(self.tensors))
