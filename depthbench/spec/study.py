"""What a user asks for: architectures x data sets x protocols, and how to search."""

from dataclasses import dataclass, fields

from depthbench.spec.checks import check_study
from depthbench.spec.choices import (
    DeviceChoice,
    KernelsChoice,
    Normalization,
    OptimizerName,
    Picture,
    ProtocolName,
    SearchName,
)
from depthbench.spec.criterion import Criterion, ErrorSource
from depthbench.spec.protocol import PROTOCOL_FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """A study as a user writes it; every field is a TOML key and a flag.

    Attributes:
        name: Names the results folder.
        arch: Registered architectures; wildcards allowed.
        data: Registered data sets.
        protocol: `standard` trains in train mode throughout; `notebook` repeats the
            reference experiment: train mode in the first epoch only, and the mean
            over heads as the error of a network with several.
        init: Convolution initialiser in place of the architecture's own.
        epochs: Passes over the training set.
        batch: Images a step.
        lr: Learning rate; None takes each architecture's own.
        lr_grid: Learning rates in place of one: a cell, with a search, for each. A
            depth trains if the best of them trains.
        lr_scaling: Exponent of depth: one more cell, whose rate is lr at `lr_depth`
            (None: the shallowest depth) and goes as a power of depth from there.
        tune_lr: Most learning rates to try at each depth, of `lr_range`, the next
            chosen by what came of those before; 0 searches for none.
        lr_range: (lowest, highest) rate of that search, uniform in the logarithm.
        momentum: Of SGD.
        weight_decay: Of the optimizer, on every parameter.
        optimizer: `sgd` or `adam`; this and the next eight as in `TrialSpec`.
        nesterov: Nesterov's correction of SGD's momentum.
        l2: Factor of the sum of squared weights in the training loss.
        lr_milestones: Epochs after which the learning rate is multiplied by lr_gamma.
        lr_gamma: See `lr_milestones`.
        num_validation: Training images held out, to be tested on after each epoch.
        train_limit: Train on the first so many images only.
        normalization: `data` by the training set's mean and deviation, `half` by 0.5
            and 0.5.
        max_train_seconds: Limit of a trial's training time, as part of the question;
            what it has reached by then counts.
        threshold: Error, as a fraction, that "trains" must stay below.
        criterion: Which error: `either` (the lower of train and test), `train`, `test`
            or `validation`.
        search: How depths are chosen: `bisect` doubles and bisects, each depth
            decided by a majority of seeds; `posterior` spends each trial where it
            says most, for its cost, about the depth at which half of the seeds
            train; `grid` trains every depth of `depths`.
        seeds: Trainings of a depth. Under `bisect` a majority of them decides, so it
            is an odd number; `posterior` chooses their number itself.
        first_seed: The seeds are first_seed, first_seed + 1, ...
        depths: Bracket (shallow, deep) to start from, or the ends of a `grid`, between
            which every depth that an architecture has is trained; None doubles up from
            the bottom.
        cap: No deeper network is trained; the answer is censored when this depth
            trains.
        precision: A `posterior` search ends when half the width of the 90 % interval
            of k50 is at most this fraction of k50.
        max_trials: Most trials of a `posterior` search, for each cell.
        budget: Most training of a `posterior` search, for each cell: "2h" or "90s"
            measured, or "5000le" layer-epochs; None for no limit.
        ahead: Trials of a `posterior` search that can be under way at once: each is
            chosen from the outcomes of all but the `ahead` - 1 before it, however
            many workers there are, so that neither their number nor their pace
            changes what is trained.
        device: `cpu`, `cuda`, or `auto`: CUDA where there is one.
        kernels: What computes the built-in blocks: `reference` is plain PyTorch,
            `fused` this package's own kernels, `auto` the faster that works here.
        pictures: What the report shows besides: `filters` of the first layer after
            training, `histories` of loss and accuracy.
        note: What the study asks and what to hold its answers against, in words, for
            the readers of its report.
    """

    name: str = ""
    arch: tuple[str, ...] = ()
    data: tuple[str, ...] = ("mnist",)
    protocol: tuple[ProtocolName, ...] = ("standard",)
    init: str | None = None
    epochs: int = 3
    batch: int = 256
    lr: float | None = None
    lr_grid: tuple[float, ...] = ()
    lr_scaling: float | None = None
    lr_depth: int | None = None
    tune_lr: int = 0
    lr_range: tuple[float, float] = (1e-4, 1.0)
    momentum: float = 0.9
    weight_decay: float = 0.0
    optimizer: OptimizerName = "sgd"
    nesterov: bool = False
    l2: float = 0.0
    lr_milestones: tuple[int, ...] = ()
    lr_gamma: float = 0.1
    num_validation: int = 0
    train_limit: int | None = None
    normalization: Normalization = "data"
    max_train_seconds: float | None = None
    threshold: float = 0.20
    criterion: ErrorSource = "either"
    search: SearchName = "bisect"
    seeds: int = 3
    first_seed: int = 0
    depths: tuple[int, int] | None = None
    cap: int = 768
    precision: float = 0.15
    max_trials: int = 40
    budget: str | None = None
    ahead: int = 2
    device: DeviceChoice = "auto"
    kernels: KernelsChoice = "auto"
    pictures: tuple[Picture, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        check_study(self)

    def criterion_of(self, protocol: str) -> Criterion:
        """The criterion of this study under one of its protocols."""
        return Criterion(
            threshold=self.threshold,
            source=self.criterion,
            heads="mean" if protocol == "notebook" else "last",
        )

    @property
    def has_notebook_settings(self) -> bool:
        """Whether the reference experiment's own answers are comparable."""
        names = ("epochs", "batch", "lr", "momentum", "weight_decay", "threshold")
        default = {field.name: field.default for field in fields(self)}
        return all(
            getattr(self, name) == default[name] for name in names + PROTOCOL_FIELDS
        )

    def differences(self, stored: "StudySpec", names: tuple[str, ...]) -> list[str]:
        """The fields among `names` that differ, as "lr: 0.1 asked, 0.05 stored"."""
        return [
            f"{name}: {getattr(self, name)} asked, {getattr(stored, name)} stored"
            for name in names
            if getattr(self, name) != getattr(stored, name)
        ]


# What a training depends on, besides its cell, depth and seed.
TRAINING_FIELDS = (
    "init",
    "epochs",
    "batch",
    "lr",
    "lr_scaling",
    "lr_depth",
    "momentum",
    "weight_decay",
    "device",
    *PROTOCOL_FIELDS,
)

# What the answer of a cell depends on, besides its trainings.
SEARCH_FIELDS = (
    "threshold",
    "criterion",
    "search",
    "tune_lr",
    "lr_range",
    "seeds",
    "first_seed",
    "depths",
    "cap",
    "precision",
    "max_trials",
    "budget",
    "ahead",
)

STUDY_KEYS = tuple(field.name for field in fields(StudySpec))
