"""Activations and their Gaussian averages, which all of the theory is written in.

Source: Poole et al., "Exponential expressivity in deep neural networks through
transient chaos", 2016, equations 3 and 5; the expansion in Hermite polynomials is that
of Daniely, Frostig and Singer, "Toward deeper understanding of neural networks", 2016,
section 4.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import hermite_e, legendre
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]

# Of the Hermite expansion; what is left over counts as one term more.
NUM_TERMS = 12

# Below and above these, an activation of the table is a power of its argument.
_LOG_VARIANCES = np.linspace(math.log(1e-12), math.log(1e4), 1500)

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _normal_cdf(z: Floats) -> Floats:
    cdf: Floats = 0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2)))
    return cdf


def _normal_density(z: Floats) -> Floats:
    density: Floats = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return density


def _sigmoid(z: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(z / 2))


def _elu(z: Floats) -> Floats:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def _elu_slope(z: Floats) -> Floats:
    return np.exp(np.minimum(z, 0))


def _selu(z: Floats) -> Floats:
    negative = _SELU_ALPHA * np.expm1(np.minimum(z, 0))
    return _SELU_SCALE * np.where(z > 0, z, negative)


def _selu_slope(z: Floats) -> Floats:
    negative = _SELU_ALPHA * np.exp(np.minimum(z, 0))
    return _SELU_SCALE * np.where(z > 0, 1.0, negative)


# The activations of a `Stack` and their derivatives.
ACTIVATIONS: Mapping[str, tuple[Function, Function]] = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "elu": (_elu, _elu_slope),
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "gelu": (
        lambda z: z * _normal_cdf(z),
        lambda z: _normal_cdf(z) + z * _normal_density(z),
    ),
    "silu": (
        lambda z: z * _sigmoid(z),
        lambda z: _sigmoid(z) * (1 + z * (1 - _sigmoid(z))),
    ),
    "selu": (_selu, _selu_slope),
    "identity": (lambda z: z, np.ones_like),
}


def gaussian_nodes(num: int = 96, largest: float = 9.0) -> tuple[Floats, Floats]:
    """Nodes z and weights of averages over a standard normal variable.

    Gauss-Legendre on each side of 0, where an activation may have a kink, to
    `largest` deviations. Sums of f(z) weighted so are exact to about 1e-12.
    """
    nodes, weights = legendre.leggauss(num)
    half = (nodes + 1) * largest / 2
    weights = weights * largest / 2 * _normal_density(half)
    return np.concatenate([-half[::-1], half]), np.concatenate([weights[::-1], weights])


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Gaussian averages of an activation phi, tabulated over its input's variance q.

    Linear between the entries, in ln q; a power of q beyond them.
    """

    log_gain: Floats
    log_slope: Floats
    shape: Floats

    @classmethod
    @functools.lru_cache(maxsize=8)
    def of(cls, activation: str) -> "Moments":
        """The averages of a key of `ACTIVATIONS`."""
        value, slope = ACTIVATIONS[activation]
        nodes, weights = gaussian_nodes()
        variances = np.exp(_LOG_VARIANCES)
        inputs = np.sqrt(variances)[:, None] * nodes
        values = value(inputs)
        second = values**2 @ weights
        terms = [
            hermite_e.hermeval(nodes, np.eye(NUM_TERMS)[n])
            / math.sqrt(math.factorial(n))
            for n in range(NUM_TERMS)
        ]
        coefficients = np.stack([values @ (weights * term) for term in terms])
        return cls(
            log_gain=np.log(second / variances),
            log_slope=np.log(slope(inputs) ** 2 @ weights),
            shape=coefficients / np.sqrt(second),
        )

    def second(self, variance: Floats) -> Floats:
        """E phi(sqrt(q) z)^2: the second moment of what comes out."""
        return variance * np.exp(_interpolated(variance, self.log_gain))

    def slope(self, variance: Floats) -> Floats:
        """E phi'(sqrt(q) z)^2."""
        return np.exp(_interpolated(variance, self.log_slope))

    def coefficients(self, variance: Floats) -> Floats:
        """a_n = E phi(sqrt(q) z) He_n(z) / sqrt(n!) for n = 0, 1, ...; a_0 is the mean.

        [NUM_TERMS, *shape of `variance`].
        """
        root = np.sqrt(self.second(variance))
        shapes = [_interpolated(variance, shape) for shape in self.shape]
        coefficients: Floats = np.stack(shapes) * root
        return coefficients


def _interpolated(variance: Floats, values: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        at = np.log(variance)
    step = _LOG_VARIANCES[1] - _LOG_VARIANCES[0]
    beyond = np.maximum(at - _LOG_VARIANCES[-1], 0)
    inside = np.interp(at, _LOG_VARIANCES, values)
    result: Floats = inside + beyond * (values[-1] - values[-2]) / step
    return result
