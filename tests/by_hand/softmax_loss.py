"""Cross entropy of the softmax of scores.

Source: Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.4.
"""

import torch
from torch import Tensor


def softmax(scores: Tensor) -> Tensor:
    """Probabilities, of which each row sums to 1.

    p[n,k] = exp(s[n,k]) / sum_l exp(s[n,l])

    The largest score of a row is taken off before, which changes no quotient and keeps
    exp finite.

    Source: Bishop, equation 4.104.

    Args:
        scores: [N, K], before any softmax.
    """
    exponentials = torch.exp(scores - scores.amax(1, keepdim=True))
    return exponentials / exponentials.sum(1, keepdim=True)


def softmax_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """The mean of minus the logarithm of the label's probability, in nats.

    L = -1/N sum_n log p[n, label n], which is ln(K) for equal scores

    The logarithm is taken of the sum, not of p, which may be as good as 0:
    log p[n,k] = s[n,k] - log sum_l exp(s[n,l]).

    Source: Bishop, equation 4.108, as a mean over images.

    Args:
        scores: [N, K].
        labels: [N], integers from 0 to K - 1.

    Returns:
        A scalar.
    """
    shifted = scores - scores.amax(1, keepdim=True)
    log_sums = torch.log(torch.exp(shifted).sum(1))
    of_labels = shifted[torch.arange(len(labels)), labels]
    return (log_sums - of_labels).mean()


def softmax_loss_backward(scores: Tensor, labels: Tensor) -> Tensor:
    """Probabilities minus the right ones.

    dL/ds[n,k] = (p[n,k] - [k is label n]) / N

    The loss is where a backward pass begins, so there is no grad_out.

    Source: Bishop, equation 4.109.

    Args:
        scores: [N, K].
        labels: [N], integers from 0 to K - 1.

    Returns:
        dL/dscores [N, K]; each row sums to 0.
    """
    grad = softmax(scores)
    grad[torch.arange(len(labels)), labels] -= 1
    return grad / len(labels)
