"""The hinge loss of a support vector machine of several classes.

Source: Weston and Watkins, "Support vector machines for multi-class pattern
recognition", 1999, equation 1, without its penalty and with a margin of 1.
"""

import torch
from torch import Tensor


def svm_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """By how much other classes come closer than 1 to the label's score.

    L = 1/N sum_n sum over k other than label n of max(0, s[n,k] - s[n, label n] + 1)

    Equal scores have a loss of K - 1.

    Args:
        scores: [N, K].
        labels: [N], integers from 0 to K - 1.

    Returns:
        A scalar.
    """
    violated = torch.where(_violates(scores, labels), _margins(scores, labels), 0)
    return violated.sum() / len(labels)


def svm_loss_backward(scores: Tensor, labels: Tensor) -> Tensor:
    """Every class inside the margin pushes itself down and the label up, alike.

    dL/ds[n,k] = [the margin of k is violated] / N for k other than label n
    dL/ds[n, label n] = -(number of violated margins of n) / N

    Exactly at a margin, where there is no derivative, this takes 0. The loss is where
    a backward pass begins, so there is no grad_out.

    Args:
        scores: [N, K].
        labels: [N], integers from 0 to K - 1.

    Returns:
        dL/dscores [N, K]; each row sums to 0.
    """
    violates = _violates(scores, labels).to(scores.dtype)
    grad = violates.clone()
    grad[torch.arange(len(labels)), labels] = -violates.sum(1)
    return grad / len(labels)


def _margins(scores: Tensor, labels: Tensor) -> Tensor:
    of_labels = scores[torch.arange(len(labels)), labels]
    return scores - of_labels[:, None] + 1


def _violates(scores: Tensor, labels: Tensor) -> Tensor:
    """Of the classes other than the label; NaN counts, so that it stays NaN."""
    violates = ~(_margins(scores, labels) <= 0)
    violates[torch.arange(len(labels)), labels] = False
    return violates
