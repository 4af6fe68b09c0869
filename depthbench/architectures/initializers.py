"""Names of the rules by which initial weights are drawn. Imports no torch.

`layers.initializers` draws them. `default` is PyTorch's own, uniform within
1/sqrt(fan_in), biases too. All others set biases to 0. `orthogonal` draws rows, or
columns where they are fewer, that are orthonormal, of the matrix outputs x fan_in;
`delta_orthogonal` those of outputs x inputs for the centre of a convolution, and zeros
around it. `xavier` is uniform with deviation sqrt(2/(fan_in + fan_out)). The rest
draws normal weights: `kaiming` with deviation sqrt(2/fan_in),
`fan_in` with sqrt(1/fan_in), `fan_out` with sqrt(1/fan_out), and `normal_SIGMA`, as
`normal_0.05`, with the deviation named.
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
    # The same, equation 16: a compromise of the two, drawn uniformly.
    "xavier": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
    # Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear
    # neural networks", 2014; the deviation is that of no more outputs than fan_in.
    "orthogonal": lambda fan_in, _: math.sqrt(1 / fan_in),
    # Xiao et al., "Dynamical isometry and a mean field theory of CNNs", 2018, algorithm
    # 1; the deviation is that over all taps, of no more outputs than inputs.
    "delta_orthogonal": lambda fan_in, _: math.sqrt(1 / fan_in),
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
