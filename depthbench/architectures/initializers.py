"""Names of the rules by which initial weights are drawn. Imports no torch.

`layers.initializers` draws them. `default` is PyTorch's own, uniform within
1/sqrt(fan_in), biases too. All others draw normal weights and set biases to 0:
`kaiming` with deviation sqrt(2/fan_in), `fan_in` with sqrt(1/fan_in), `fan_out` with
sqrt(1/fan_out), and `normal_SIGMA`, as `normal_0.05`, with the deviation named.
"""

import math
from collections.abc import Callable, Mapping

_DEVIATIONS: Mapping[str, Callable[[int, int], float]] = {
    # Uniform within 1/sqrt(fan_in).
    "default": lambda fan_in, _: math.sqrt(1 / (3 * fan_in)),
    # He et al., "Delving deep into rectifiers", 2015, equation 10: keeps the variance
    # of the signal through ReLUs.
    "kaiming": lambda fan_in, _: math.sqrt(2 / fan_in),
    # LeCun et al., "Efficient BackProp", 1998, section 4.6: keeps it where there is no
    # activation.
    "fan_in": lambda fan_in, _: math.sqrt(1 / fan_in),
    # Glorot and Bengio, "Understanding the difficulty of training deep feedforward
    # neural networks", 2010, equation 11: keeps the variance of the gradient there.
    "fan_out": lambda _, fan_out: math.sqrt(1 / fan_out),
}
NAMES = tuple(_DEVIATIONS)
CHOICES = f"{', '.join(NAMES)} or normal_SIGMA, as normal_0.05"
_NORMAL = "normal_"
_LARGEST_SMALL = 0.05


def canonical(name: str) -> str:
    """The one spelling of a rule: `normal_5e-2` is `normal_0.05`.

    Raises:
        ValueError: If there is no such rule; says which there are.
    """
    deviation = normal_deviation(name)
    if deviation is not None:
        return f"{_NORMAL}{deviation:g}"
    if name not in NAMES:
        raise ValueError(f"initializer = {name!r}: one of {CHOICES}")
    return name


def normal_deviation(name: str) -> float | None:
    """SIGMA of `normal_SIGMA`; None for any other name."""
    try:
        deviation = float(name.removeprefix(_NORMAL))
    except ValueError:
        return None
    is_named = name.startswith(_NORMAL) and 0 < deviation < math.inf
    return deviation if is_named else None


def weight_deviation(name: str, fan_in: int, fan_out: int) -> float:
    """Standard deviation of a layer's initial weights.

    Args:
        name: Of the rule.
        fan_in: Inputs of one output: kernel area x channels, or features.
        fan_out: Outputs of one input.

    Raises:
        ValueError: If there is no such rule.
    """
    given = normal_deviation(canonical(name))
    return _DEVIATIONS[name](fan_in, fan_out) if given is None else given


def promises_initial_loss(name: str) -> bool:
    """Whether untrained networks are expected to prefer no class: a loss of ln C.

    Not where weights are drawn large enough to keep the signal's size through ReLUs.
    """
    deviation = normal_deviation(name)
    return name != "kaiming" if deviation is None else deviation <= _LARGEST_SMALL
