"""Numeric gradients where the derivative is known."""

import pytest
import torch
from by_hand.numeric import numeric_gradient, numeric_gradients, relative_error
from oracle_cases import drawn


def test_a_quadratic_form_has_the_gradient_of_calculus() -> None:
    x, matrix, grad_out = drawn((3, 4), (4, 4), (3,))
    right = grad_out[:, None] * (x @ (matrix + matrix.T))
    # Central differences of a parabola are exact whatever the step.
    for step in (1e-3, 0.5):
        found = numeric_gradient(
            lambda v: torch.einsum("nd,de,ne->n", v, matrix, v), x, grad_out, step
        )
        assert relative_error(found, right) < 1e-11


def test_half_the_step_leaves_a_quarter_of_the_error() -> None:
    x, grad_out = drawn((5,), (5,))
    right = grad_out * torch.exp(x)
    coarse, fine = (
        relative_error(numeric_gradient(torch.exp, x, grad_out, step), right)
        for step in (2e-2, 1e-2)
    )
    assert coarse / fine == pytest.approx(4, rel=1e-3)
    assert relative_error(numeric_gradient(torch.exp, x, grad_out), right) < 1e-9


def test_a_scalar_s_and_a_view_s_gradients_are_found() -> None:
    (x,) = drawn((2, 3))
    assert numeric_gradient(lambda v: 3 * v, torch.tensor(1.0).double(), x[0, 0]) == (
        pytest.approx(3 * x[0, 0].item())
    )
    found = numeric_gradient(lambda v: v.T, x, x.T, step=0.1)
    assert relative_error(found, x) < 1e-14


def test_each_argument_s_gradient_holds_the_others() -> None:
    one, other, grad_out = drawn((3,), (3,), (3,))
    found = numeric_gradients(torch.mul, [one, other], grad_out, step=0.1)
    assert relative_error(found[0], grad_out * other) < 1e-14
    assert relative_error(found[1], grad_out * one) < 1e-14


def test_no_argument_is_changed() -> None:
    x, grad_out = drawn((4,), (4,))
    before = x.clone()
    numeric_gradient(torch.sin, x, grad_out)
    assert torch.equal(x, before)


def test_single_precision_is_refused() -> None:
    with pytest.raises(ValueError, match=r"float32.*use float64"):
        numeric_gradient(torch.sin, torch.zeros(2), torch.ones(2))


def test_a_relative_error_is_of_the_largest_value() -> None:
    right = torch.tensor([100.0, 0.0]).double()
    assert relative_error(right + 1, right) == pytest.approx(1 / 101)
    assert relative_error(right, right + 1) == pytest.approx(1 / 101)
    assert relative_error(torch.zeros(2), torch.zeros(2)) == 0
    assert not relative_error(torch.tensor([torch.nan, 0.0]), right) <= 1
    with pytest.raises(ValueError, match="shapes"):
        relative_error(torch.zeros(1, 2), torch.zeros(2))
