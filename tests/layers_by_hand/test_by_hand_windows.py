"""Convolution and pooling by hand, against numeric gradients and against torch."""

from dataclasses import dataclass

import pytest
import torch
from by_hand.convolution import convolution, convolution_backward
from by_hand.numeric import numeric_gradient, numeric_gradients, relative_error
from by_hand.pooling import (
    average_pool,
    average_pool_backward,
    max_pool,
    max_pool_backward,
)
from by_hand.windows import num_windows
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle_cases import LINEAR_STEP, by_autograd, drawn, hold, spaced
from torch.nn import functional

few = settings(deadline=None, max_examples=12)


@dataclass(frozen=True, kw_only=True)
class Window:
    """Images and what slides over them; some windows leave pixels over."""

    num_images: int = 2
    channels: int = 2
    height: int = 5
    width: int = 4
    rows: int = 3
    columns: int = 3
    stride: int = 1
    padding: int = 0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.num_images, self.channels, self.height, self.width


small = st.integers(1, 3)
windows = st.builds(
    Window,
    num_images=st.integers(1, 2),
    channels=st.integers(1, 2),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    rows=small,
    columns=small,
    stride=small,
    padding=st.integers(0, 2),
).filter(
    lambda window: (
        window.rows <= window.height + 2 * window.padding
        and window.columns <= window.width + 2 * window.padding
    )
)


@pytest.mark.slow
@few
@given(window=windows, num_filters=small)
def test_convolution_meets_numeric_gradients_and_torch(
    window: Window, num_filters: int
) -> None:
    settings = (window.stride, window.padding)
    x, weight, bias = arguments = drawn(
        window.shape,
        (num_filters, window.channels, window.rows, window.columns),
        (num_filters,),
    )
    out = convolution(x, weight, bias, *settings)
    (grad_out,) = drawn(out.shape, seed=1)
    found = convolution_backward(grad_out, x, weight, *settings)

    right, gradients = by_autograd(
        lambda *given: functional.conv2d(*given, *settings), arguments, grad_out
    )
    assert relative_error(out, right) < 1e-7
    hold(found, gradients, 1e-12)
    numeric = numeric_gradients(
        lambda *given: convolution(*given, *settings), arguments, grad_out, LINEAR_STEP
    )
    hold(found, numeric, 1e-8)


@few
@given(window=windows)
def test_max_pool_meets_numeric_gradients_and_torch(window: Window) -> None:
    assume(window.rows <= min(window.height, window.width))
    settings = (window.rows, window.stride)
    x = spaced(*window.shape)
    out = max_pool(x, *settings)
    (grad_out,) = drawn(out.shape)
    found = max_pool_backward(grad_out, x, *settings)

    right, (gradient,) = by_autograd(
        lambda given: functional.max_pool2d(given, *settings), [x], grad_out
    )
    assert torch.equal(out, right)
    assert relative_error(found, gradient) < 1e-14
    # A hundredth where values are a tenth apart: the largest stays the largest.
    numeric = numeric_gradient(
        lambda given: max_pool(given, *settings), x, grad_out, LINEAR_STEP
    )
    assert relative_error(found, numeric) < 1e-10


def test_of_equal_pixels_the_first_gets_the_gradient() -> None:
    x = torch.zeros(1, 1, 2, 4).double()
    x[0, 0, 1, 2:] = 3
    grad_out = torch.tensor([[[[5.0, 7.0]]]]).double()
    right = torch.tensor([[[[5.0, 0, 0, 0], [0, 0, 7, 0]]]]).double()
    assert torch.equal(max_pool_backward(grad_out, x, 2, 2), right)
    _, (gradient,) = by_autograd(
        lambda given: functional.max_pool2d(given, 2), [x], grad_out
    )
    assert torch.equal(gradient, right)


@few
@given(window=windows)
def test_average_pool_meets_numeric_gradients_and_torch(window: Window) -> None:
    assume(window.rows <= min(window.height, window.width))
    settings = (window.rows, window.stride)
    (x,) = drawn(window.shape)
    out = average_pool(x, *settings)
    (grad_out,) = drawn(out.shape, seed=1)
    found = average_pool_backward(grad_out, x, *settings)

    right, (gradient,) = by_autograd(
        lambda given: functional.avg_pool2d(given, *settings), [x], grad_out
    )
    assert relative_error(out, right) < 1e-14
    assert relative_error(found, gradient) < 1e-14
    numeric = numeric_gradient(
        lambda given: average_pool(given, *settings), x, grad_out, LINEAR_STEP
    )
    assert relative_error(found, numeric) < 1e-10


@pytest.mark.parametrize(
    ("size", "window", "stride"), [(2, 3, 1), (3, 0, 1), (3, 1, 0)]
)
def test_a_window_that_does_not_fit_is_refused(
    size: int, window: int, stride: int
) -> None:
    with pytest.raises(ValueError, match="window of"):
        num_windows(size, window, stride)


def test_a_pool_hides_no_nan() -> None:
    x = spaced(1, 1, 2, 4)
    x[0, 0, 1, 0] = torch.nan
    assert max_pool(x, 2, 2).isnan().tolist() == [[[[True, False]]]]
    found = max_pool_backward(torch.ones(1, 1, 1, 2).double(), x, 2, 2)
    assert found[0, 0, 1, 0] == 1
