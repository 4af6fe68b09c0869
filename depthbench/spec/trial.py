"""One training, completely described, and the hash that names it."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from depthbench.spec.choices import Normalization, OptimizerName

TrainMode = Literal["every_epoch", "first_epoch"]
Kernels = Literal["reference", "fused"]
Seeding = Literal["seed", "seed_and_depth"]

# Of trials that do not say theirs: the first version had no other.
FIRST_SEEDING: Seeding = "seed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpec:
    """Everything that influences one training, and nothing else.

    How a finished training is judged (threshold, criterion) is not part of it, so
    two protocols that train alike share their trials.

    Attributes:
        architecture: Registered name.
        depth: k, on the architecture's depth grid.
        data: Registered name of the data set.
        seed: With the depth, source of the initial weights and of the data order. At
            one depth and seed all architectures, rates and protocols share both.
        lr: Learning rate at the start.
        initializer: Convolution initialiser in place of the architecture's own;
            None keeps that.
        epochs: Passes over the training set.
        batch_size: Images a step; the last, smaller batch of an epoch is kept.
        momentum: Of SGD, without dampening; the other optimizers have none.
        weight_decay: w in the gradient g + w W of every parameter W.
        train_mode: `every_epoch` calls `train()` before each training epoch;
            `first_epoch` before the first only, so that BatchNorm trains through
            its running statistics from the second epoch on (a bug of the notebook).
        device: Kind of device, `cpu` or `cuda`; results differ between the two.
        kernels: What computes the blocks: plain PyTorch, or the fused kernels for
            CPUs. They round differently, so near the limit results may differ.
        plugin_sha256: Hash of the source file of a user's architecture, so that
            an edited file never meets the records of its former self.
        stop_rules: Names of rules that could stop it early, in records of earlier
            versions; a new trial has none.
        optimizer: `sgd`; `adam` (Kingma and Ba, 2015) with its usual constants: beta
            0.9 and 0.999, epsilon 1e-8; or `rmsprop` (Tieleman and Hinton, 2012) with a
            decay of 0.99 and epsilon 1e-8. All are those of `torch.optim`.
        nesterov: Nesterov's correction of SGD's momentum, as PyTorch defines it.
        l2: c of a penalty c sum(W^2), without a factor 1/2, that is part of the
            training loss; over the weights of convolutions and linear layers alone.
        lr_milestones: Numbers of epochs, increasing; after each the learning rate is
            multiplied by `lr_gamma` (PyTorch's `MultiStepLR`).
        lr_gamma: See `lr_milestones`.
        num_validation: The last so many training images are not trained on, but
            tested on after each epoch.
        train_limit: Train on the first so many images only; None for all.
        normalization: Of the pixels, as fractions p of 255: `data` subtracts the mean
            over the whole training set and divides by the standard deviation, per
            channel; `half` is (p - 0.5) / 0.5.
        max_train_seconds: Training ends at the first step after so many seconds of
            training, evaluations not counted; what is trained by then counts. None
            for no limit. A result then depends on how fast the machine is.
        train_after: Test on all training images after each epoch, too, as on the test
            images; it changes nothing else.
        test_every: `2ep`: test after every second epoch and after the last; `100it`:
            after each epoch and within epochs every 100 steps. Both test before
            training, too; None for after each epoch alone. It changes nothing else.
        warmup: Steps over which the learning rate rises linearly to what it would be
            without; the first has 1/warmup of it.
        seeding: What the generators are derived from. Under `seed`, as the first
            version did it, trials of one seed at different depths begin alike, and
            are no independent evidence.
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
    optimizer: OptimizerName = "sgd"
    nesterov: bool = False
    l2: float = 0.0
    lr_milestones: tuple[int, ...] = ()
    lr_gamma: float = 0.1
    num_validation: int = 0
    train_limit: int | None = None
    normalization: Normalization = "data"
    max_train_seconds: float | None = None
    train_after: bool = False
    test_every: str | None = None
    warmup: int = 0
    seeding: Seeding = "seed_and_depth"

    @property
    def entropy(self) -> tuple[int, ...]:
        """What every generator of the trial is derived from, with its purpose."""
        is_first = self.seeding == FIRST_SEEDING
        return (self.seed,) if is_first else (self.seed, self.depth)

    @property
    def id(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the non-default fields.

        Fields at their default are left out, so that a field added later, whose
        default means "no effect", leaves every stored identity as it is. Equal specs
        have equal identities: a rate of 1 is one of 1.0.
        """
        named = {
            name: float(value) if name in _REAL_FIELDS else value
            for name, value in self.non_defaults().items()
        }
        # Left out not at its default, but where the first identities had none.
        named["seeding"] = self.seeding
        if self.seeding == FIRST_SEEDING:
            del named["seeding"]
        text = json.dumps(named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def non_defaults(self) -> dict[str, Any]:
        """The fields that are not at their default, by name."""
        return {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        }

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, defaults included."""
        return asdict(self)


# A rate of 1 and one of 1.0 are the same training.
_REAL_FIELDS = frozenset(
    field.name for field in fields(TrialSpec) if field.type in (float, float | None)
)
