"""One batch of a pass over a split: what a step computes, in memory that stays put.

A step takes its batch by a counter on the device and leaves its results in tensors of
the pass, so that the same calls can be run eagerly, step by step, or be captured once
and replayed.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from depthbench.training.resident import ResidentData, Split
from depthbench.training.updates import Updates


class DataPass:
    """Passes of a network over a split, and what they came to.

    Attributes:
        order: Index of each image in the order they are taken, int64 [N].
        sizes: Images of each batch; the last one holds what is left.

    Args:
        joins_one: Whether a single image that is left goes into the batch before: it
            has no variance by which a norm could divide.
    """

    def __init__(
        self,
        net: nn.Module,
        data: ResidentData,
        split: Split,
        batch_size: int,
        *,
        joins_one: bool = False,
    ) -> None:
        self._net = net
        self._data = data
        self._split = split
        self._batch_size = batch_size
        num_images, device = len(split), split.labels.device
        self.order = torch.arange(num_images, device=device)
        starts = range(0, num_images, batch_size)
        sizes = tuple(min(batch_size, num_images - start) for start in starts)
        if joins_one and len(sizes) > 1 and sizes[-1] == 1:
            sizes = (*sizes[:-2], sizes[-2] + 1)
        self.sizes = sizes
        self._step = torch.zeros(1, dtype=torch.int64, device=device)
        self._offsets = torch.arange(max(sizes), device=device)
        self._results: _Results | None = None

    @property
    def losses(self) -> Tensor:
        """Loss of each step so far, the mean over heads: [steps]."""
        assert self._results is not None
        return self._results.losses

    @property
    def minimized(self) -> Tensor:
        """The same with the penalty on the weights: what the training minimises."""
        assert self._results is not None
        return self._results.losses + self._results.penalties

    @property
    def gradient_norms(self) -> Tensor:
        """Norm of each training step's gradient so far: [steps]."""
        assert self._results is not None
        return self._results.gradient_norms

    def rewind(self) -> None:
        """Begin a new pass."""
        self._step.zero_()
        if self._results is not None:
            self._results.loss_sums.zero_()
            self._results.num_wrong.zero_()

    def means(self, num_steps: int | None = None) -> "SplitMetrics":
        """What the pass came to, or its first steps, if they were all."""
        assert self._results is not None
        count = sum(self.sizes[:num_steps])
        return SplitMetrics(
            tuple(value / count for value in self._results.loss_sums.tolist()),
            tuple(value / count for value in self._results.num_wrong.tolist()),
        )

    def train_step(self, num_images: int, updates: Updates) -> None:
        """Train on the next `num_images` images."""
        heads, labels = self._next(num_images)
        losses = head_losses(heads, labels)
        loss = losses.mean(-1)
        updates.forget_gradients()
        loss.backward()
        penalty = updates.penalty()
        norm = updates.step()
        self._keep(heads, labels, losses.detach(), loss.detach())
        self._keep_update(norm, penalty)

    @torch.no_grad()
    def test_step(self, num_images: int) -> None:
        """Test on the next `num_images` images, in the present mode of the network."""
        heads, labels = self._next(num_images)
        losses = head_losses(heads, labels)
        self._keep(heads, labels, losses, losses.mean(-1))

    def _next(self, num_images: int) -> tuple[tuple[Tensor, ...], Tensor]:
        places = self._step * self._batch_size + self._offsets[:num_images]
        chosen = self.order.index_select(0, places)
        images = self._data.normalized(self._split.images[chosen])
        return as_heads(self._net(images)), self._split.labels[chosen]

    @torch.no_grad()
    def _keep(
        self, heads: tuple[Tensor, ...], labels: Tensor, losses: Tensor, loss: Tensor
    ) -> None:
        if self._results is None:
            self._results = _Results(losses, len(self.sizes))
        kept = self._results
        kept.losses.index_copy_(0, self._step, loss.unsqueeze(0))
        kept.loss_sums.add_(losses.to(torch.float64) * len(labels))
        answers = torch.stack([head.argmax(-1) for head in heads])
        kept.num_wrong.add_((answers != labels).sum(-1))
        self._step.add_(1)

    @torch.no_grad()
    def _keep_update(self, norm: Tensor, penalty: Tensor | None) -> None:
        kept, step = self._results, self._step - 1
        assert kept is not None
        kept.gradient_norms.index_copy_(0, step, norm.unsqueeze(0))
        if penalty is not None:
            kept.penalties.index_copy_(0, step, penalty.unsqueeze(0))


class SplitMetrics(NamedTuple):
    """Over the images of a split: nats and a fraction, one entry a head."""

    loss: tuple[float, ...]
    error: tuple[float, ...]


class _Results:
    """Made once the number of heads is known, at the first step."""

    def __init__(self, losses: Tensor, num_steps: int) -> None:
        self.losses = losses.new_zeros(num_steps)
        self.gradient_norms = torch.zeros_like(self.losses, dtype=torch.float32)
        self.penalties = torch.zeros_like(self.gradient_norms)
        self.loss_sums = torch.zeros_like(losses, dtype=torch.float64)
        self.num_wrong = torch.zeros_like(losses, dtype=torch.int64)


def as_heads(output: Tensor | tuple[Tensor, ...] | list[Tensor]) -> tuple[Tensor, ...]:
    """The logits of each head, of a network with one head or several."""
    return (output,) if isinstance(output, Tensor) else tuple(output)


def head_losses(heads: tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Mean cross entropy of each head over a batch, in nats: [heads]."""
    return torch.stack([functional.cross_entropy(head, labels) for head in heads])
