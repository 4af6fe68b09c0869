"""What untrained networks show on one batch, and short trainings: any architecture."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from depthbench import runtime
from depthbench.architectures.definition import Architecture
from depthbench.datasets.image_data import ImageData
from depthbench.forecasting.limit import AtDepth, Ended, Probe
from depthbench.record import Profile, nats_between
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData
from depthbench.training.batches import as_heads, head_losses
from depthbench.training.blocks import run_by_blocks
from depthbench.training.profile import NUM_IMAGES, profile_of, sample
from depthbench.training.updates import optimizer_of
from depthbench.trial.network import build_network

# Of a probe: that many small steps at most, the mean loss of the last ten below which
# it has learned, and above which it has fallen back, as shares of ln(classes).
_NUM_STEPS = 150
_LEARNED, _BEGUN, _FALLEN = 0.56, 0.93, 0.97
_WINDOW = 10


class Untrained:
    """The untrained networks of a trial's kind, and one batch for them.

    Args:
        architecture: Looked at.
        spec: Any trial of it; depth and seed are replaced.
        data: Whose training images are run through.
        until: Reading of `runtime.cpu_seconds` after which none is built.
    """

    def __init__(
        self,
        architecture: Architecture,
        spec: TrialSpec,
        data: ImageData,
        *,
        until: float = math.inf,
    ) -> None:
        self._architecture, self._spec, self._data = architecture, spec, data
        self._until = until
        self._resident = ResidentData.on("cpu", data).under(spec)
        self.images, self.labels = sample(self._resident)

    def build(self, depth: int, seed: int) -> nn.Module:
        """The network as a trial builds it, in train mode.

        Raises:
            TimeoutError: If the time is up.
            Exception: What a user's builder raises.
        """
        if runtime.cpu_seconds() > self._until:
            raise TimeoutError("the time for a forecast is up")
        spec = self._at(depth, seed)
        with runtime.seeded_global_generators(*spec.entropy, "modules"):
            return build_network(self._architecture, spec, self._data).train()

    def profile(self, depth: int, seed: int = 0) -> Profile | None:
        """The profile of one network; None if it has not two blocks."""
        return profile_of(self.build(depth, seed), self.images, self.labels)

    def at(self, depth: int, seeds: Iterable[int]) -> AtDepth | None:
        """What the networks of a depth show; None if they have not two blocks."""
        found = [self._first_step(depth, seed) for seed in seeds]
        steps = [step for step in found if step is not None]
        if len(steps) < len(found):
            return None
        nats, loss_ratio = zip(*steps, strict=True)
        return AtDepth(depth, nats=nats, loss_ratio=loss_ratio)

    def _first_step(self, depth: int, seed: int) -> tuple[float, float] | None:
        """D, and by what one step multiplies the loss; None without two blocks.

        A classifier that begins at 0 passes nothing on: D is then that after the step.
        """
        net = self.build(depth, seed).requires_grad_()
        with runtime.seeded_global_generators(seed, depth, "forecast"):
            loss, ends = self._backward(net)
            if not ends:
                return None
            _optimizer(net, self._spec).step()
            if not any(ends):
                after, ends = self._backward(net)
            else:
                with torch.no_grad():
                    heads = as_heads(net(self.images))
                after = head_losses(heads, self.labels).mean().item()
        return nats_between(*ends), after / loss

    def _backward(self, net: nn.Module) -> tuple[float, tuple[float, ...]]:
        """The loss, and the norms of its gradient at the first and the last block.

        Without two blocks there are none.
        """
        run = run_by_blocks(net, self.images, only_ends=True)
        losses = head_losses(run.heads, self.labels)
        if len(run.blocks) < 2:
            return losses.mean().item(), ()
        ends = [run.blocks[0].signal, run.blocks[-1].signal]
        gradients = _gradients(ends, losses)
        norms = tuple(each.double().norm().item() for each in gradients)
        return losses.mean().item(), norms

    def probe(self, depth: int, seed: int) -> Probe:
        """Train on 64 images a step until it has learned, diverges, or time is up."""
        net = self.build(depth, seed)
        optimizer = _optimizer(net, self._spec)
        source = runtime.generator(seed, depth, "probe")
        chance, losses = math.log(self._data.num_classes), list[float]()
        lowest = math.inf
        split = self._resident.train
        for step in range(_NUM_STEPS):
            chosen = torch.randint(len(split), (NUM_IMAGES,), generator=source)
            images = self._resident.normalized(split.images[chosen])
            heads = as_heads(net(images))
            loss = head_losses(heads, split.labels[chosen]).mean()
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                return Probe(depth, seed, "failed", step + 1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step >= _WINDOW:
                recent = sum(losses[-_WINDOW:]) / _WINDOW
                lowest = min(lowest, recent)
                if recent < _LEARNED * chance:
                    return Probe(depth, seed, "learned", step + 1)
        has_begun = lowest < _BEGUN * chance
        has_fallen = has_begun and recent > _FALLEN * chance
        ended: Ended = "failed" if has_fallen else "waiting"
        return Probe(
            depth,
            seed,
            "learned" if has_begun and not has_fallen else ended,
            _NUM_STEPS,
        )

    def _at(self, depth: int, seed: int) -> TrialSpec:
        return replace(self._spec, depth=depth, seed=seed, device="cpu")


def _gradients(signals: Sequence[Tensor], losses: Tensor) -> Sequence[Tensor]:
    """Of the last head's loss, at each signal; the weights get that of all heads'."""
    if len(losses) > 1:
        gradients = torch.autograd.grad(losses[-1], signals, retain_graph=True)
        losses.mean().backward()
        return gradients
    for signal in signals:
        signal.retain_grad()
    losses[0].backward()
    return [signal.grad for signal in signals if signal.grad is not None]


def _optimizer(net: nn.Module, spec: TrialSpec) -> torch.optim.Optimizer:
    weights = (weight for weight in net.parameters() if weight.requires_grad)
    return optimizer_of(spec, weights)
