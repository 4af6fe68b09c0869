"""One training, completely described, and the hash that names it."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

TrainMode = Literal["every_epoch", "first_epoch"]
Kernels = Literal["reference", "fused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpec:
    """Everything that influences one training, and nothing else.

    How a finished training is judged (threshold, criterion) is not part of it, so
    two protocols that train alike share their trials.

    Attributes:
        architecture: Registered name.
        depth: k, on the architecture's depth grid.
        data: Registered name of the data set.
        seed: Source of the initial weights and of the data order.
        lr: Learning rate of SGD, constant.
        initializer: Convolution initialiser in place of the architecture's own;
            None keeps that.
        epochs: Passes over the training set.
        batch_size: Images a step; the last, smaller batch of an epoch is kept.
        momentum: Of SGD, without dampening or Nesterov's correction.
        weight_decay: L2 coefficient of SGD, on every parameter.
        train_mode: `every_epoch` calls `train()` before each training epoch;
            `first_epoch` before the first only, so that BatchNorm trains through
            its running statistics from the second epoch on (the notebook's slip).
        device: Kind of device, `cpu` or `cuda`; results differ between the two.
        kernels: What computes the blocks: plain PyTorch, or the fused kernels of the
            device. They round differently, so near the limit results may differ.
        plugin_sha256: Hash of the source file of a user's architecture, so that
            an edited file never meets the records of its former self.
        stop_rules: Names of the rules that may end it early, in the order they are
            asked; see `depthbench.stop_rules`.
    """

    architecture: str
    depth: int
    data: str
    seed: int
    lr: float
    initializer: str | None = None
    epochs: int = 3
    batch_size: int = 256
    momentum: float = 0.9
    weight_decay: float = 0.0
    train_mode: TrainMode = "every_epoch"
    device: str = "cpu"
    kernels: Kernels = "reference"
    plugin_sha256: str | None = None
    stop_rules: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the non-default fields.

        Fields at their default are left out, so that a field added later, whose
        default means "no effect", leaves every stored identity as it is. Equal specs
        have equal identities: a rate of 1 is one of 1.0.
        """
        named = {
            field.name: float(value) if field.type is float else value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        }
        text = json.dumps(named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def knows_replicas(self) -> bool:
        """Whether its kernels can train it beside trials of other seeds and rates."""
        return self.device == "cuda" and self.kernels == "fused"

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, defaults included."""
        return asdict(self)
