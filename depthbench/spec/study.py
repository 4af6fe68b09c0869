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
    Start,
)
from depthbench.spec.criterion import Criterion, ErrorSource
from depthbench.spec.protocol import PROTOCOL_FIELDS
from depthbench.spec.rate import DEFAULT_RANGE
from depthbench.spec.search import SEARCH_SETTINGS, SearchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """A study as a user writes it; every field is a TOML key, a flag and a keyword.

    Attributes:
        name: Names the study and its results folder.
        arch: Architectures; wildcards allowed.
        data: Data sets, or folder:PATH for images of your own.
        protocol: `standard`, or `notebook` for the reference experiment's way. The
            first trains in train mode throughout; the second in the first epoch only,
            and takes the mean over heads as the error of a network with several.
        init: Initial weights: default (PyTorch's), kaiming, fan_in, fan_out, xavier,
            orthogonal, delta_orthogonal or normal_SIGMA, as normal_0.05; the
            architecture's own if none is given.
        epochs: Passes over the training set.
        batch: Images in a step.
        lr: Learning rate; the architecture's own if none is given.
        lr_grid: Learning rates in place of one, each with a search of its own. A depth
            trains if the best of them trains.
        lr_scaling: Exponent, as -1.5, of one more search whose learning rate is a
            power of depth. It is `lr` at depth `lr_depth`.
        lr_depth: See `lr_scaling`. Without it, the shallowest depth.
        tune_lr: Most learning rates to try at each depth, of `lr_range`. The next is
            chosen by what came of those before; 0 does not tune.
        lr_range: Lowest and highest rate of that search, uniform in the logarithm.
        momentum: Momentum of SGD.
        weight_decay: Weight decay of the optimizer, on every parameter.
        optimizer: `sgd`, `adam` or `rmsprop`.
        nesterov: Nesterov's correction of SGD's momentum.
        l2: Factor of the sum of squared weights, of convolutions and linear layers, in
            the training loss.
        lr_milestones: Epochs after which the learning rate is multiplied by `lr_gamma`.
        lr_gamma: See `lr_milestones`.
        num_validation: Training images, the last ones, to hold out and to test on after
            each epoch.
        train_limit: Train on the first so many images only. Without it, on all.
        normalization: Pixels are normalised by data, the training set's mean and
            deviation, or by half, 0.5 and 0.5.
        max_train_seconds: End a trial's training after so many seconds. What it has
            reached by then counts. Without it, never.
        train_after: Test on all training images, too, after each epoch. The training
            error is otherwise only a mean over the epoch's steps.
        test_every: Test before training, and after every so many epochs, as 10ep, or
            within epochs every so many steps, as 100it. Without it, after each epoch
            alone.
        warmup: Steps over which the learning rate rises linearly from 0.
        threshold: Error, as a fraction, that a trained network stays below.
        criterion: Error to judge by: `train`, `test`, `either` (the lower of the two),
            `validation`, train_after, or `test_batch_stats`. The last normalises each
            batch by its own statistics, as without `eval()`.
        search: How depths are chosen: `bisect`, `posterior` or `grid`. The first
            doubles and bisects, each depth decided by a majority of seeds; `posterior`
            spends each trial where it says most, for its cost, about the depth at
            which half of the seeds train (k50); `grid` trains every depth of `depths`.
            A setting below that it does not use is refused.
        seeds: Trainings per depth. An odd number for `bisect`, where a majority
            decides; `posterior` chooses their number itself.
        first_seed: The seeds are first_seed, first_seed + 1, ...
        depths: Bracket to start from, or the ends of a `grid`. Without it, a search
            doubles up from the shallowest depth.
        cap: No deeper network is trained. When this depth trains, the answer is
            censored.
        precision: Fraction of k50 to which a `posterior` search finds it. The search
            ends when half the width of its 90 % interval is at most that.
        max_trials: Most trials of a `posterior` search, for each cell.
        budget: Most training of a `posterior` search, for each cell: 2h, 30m, 90s or
            5000le. The last are layer-epochs: depth times epochs. Without it, no limit.
        ahead: Trials of a `posterior` search that can be under way at once. Each is
            chosen from the outcomes of all but the `ahead` - 1 before it, however
            many workers there are.
        start: Where a `posterior` search begins: at its `forecast` or the `bottom`.
        device: `cpu`, `cuda`, or `auto`: CUDA where there is one.
        kernels: What computes the built-in blocks: `reference`, `fused` or `auto`. The
            first is plain PyTorch, the second this package's own kernels, `auto` the
            faster that works here.
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
    lr_range: tuple[float, float] = DEFAULT_RANGE
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
    train_after: bool = False
    test_every: str | None = None
    warmup: int = 0
    threshold: float = 0.20
    criterion: ErrorSource = "either"
    search: str = "bisect"
    seeds: int = 3
    first_seed: int = 0
    depths: tuple[int, int] | None = None
    cap: int = 768
    precision: float = 0.15
    max_trials: int = 40
    budget: str | None = None
    ahead: int = 2
    start: Start = "forecast"
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
    def search_spec(self) -> SearchSpec:
        """The search of each of its cells."""
        settings = {name: getattr(self, name) for name in SEARCH_SETTINGS}
        return SearchSpec(name=self.search, **settings)

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
SEARCH_FIELDS = ("threshold", "criterion", "search", "lr_range", *SEARCH_SETTINGS)

STUDY_KEYS = tuple(field.name for field in fields(StudySpec))
