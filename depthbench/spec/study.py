"""What a user asks for: architectures x data sets x protocols, and how to search."""

import math
import re
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from depthbench.spec.budget import parse_budget
from depthbench.spec.criterion import Criterion
from depthbench.spec.rate import check_rates

SearchName = Literal["bisect", "posterior", "grid"]
ProtocolName = Literal["standard", "notebook"]
DeviceChoice = Literal["auto", "cpu", "cuda"]
KernelsChoice = Literal["auto", "reference", "fused"]
EarlyStop = Literal["off", "chance", "all"]
EarlyStopAt = Literal["far", "everywhere"]


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
        weight_decay: Of SGD.
        threshold: Error, as a fraction, that "trains" must stay below.
        criterion: Which error: `either` (the lower), `train` or `test`.
        search: How depths are chosen: `bisect` doubles and bisects, each depth
            decided by a majority of seeds; `posterior` spends each trial where it
            says most, for its cost, about the depth at which half of the seeds
            train; `grid` trains every depth of `depths`.
        seeds: Trainings of a depth. Under `bisect` a majority of them decides, so it
            is an odd number; `posterior` chooses their number itself.
        first_seed: The seeds are first_seed, first_seed + 1, ...
        depths: Bracket (shallow, deep) to start from, or the ends of a `grid`; None
            doubles up from the bottom of the grid.
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
        early_stop: Rules that may end a trial when its outcome is settled: `chance`
            one that never left chance, `all` also one that has clearly learned. See
            `depthbench stops` for how often they are wrong.
        early_stop_at: `far` applies them far from the decision only, so that the
            answer rests on trainings in full; `everywhere` to every trial.
        device: `cpu`, `cuda`, or `auto`: CUDA where there is one.
        kernels: What computes the built-in blocks: `reference` is plain PyTorch,
            `fused` this package's own kernels, `auto` the faster that works here.
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
    threshold: float = 0.20
    criterion: Literal["either", "train", "test"] = "either"
    search: SearchName = "bisect"
    seeds: int = 3
    first_seed: int = 0
    depths: tuple[int, int] | None = None
    cap: int = 768
    precision: float = 0.15
    max_trials: int = 40
    budget: str | None = None
    ahead: int = 2
    early_stop: EarlyStop = "off"
    early_stop_at: EarlyStopAt = "far"
    device: DeviceChoice = "auto"
    kernels: KernelsChoice = "auto"

    def __post_init__(self) -> None:
        _require(
            re.fullmatch(r"[\w][\w.+-]*|", self.name) is not None,
            "name",
            repr(self.name),
            "letters, digits, '_', '-', '+' and '.', not starting with '.'",
        )
        for what in ("arch", "data", "protocol"):
            _require(bool(getattr(self, what)), what, (), "name at least one")
        for protocol in self.protocol:
            allowed = get_args(ProtocolName)
            _require(
                protocol in allowed, "protocol", protocol, f"one of {_or(allowed)}"
            )
        _whole(self, "epochs", 1)
        _whole(self, "batch", 1)
        _whole(self, "cap", 1)
        _whole(self, "first_seed", 0)
        _whole(self, "seeds", 1)
        _whole(self, "max_trials", 1)
        _whole(self, "ahead", 1)
        self._check_search()
        _require(
            self.lr is None or (math.isfinite(self.lr) and self.lr > 0),
            "lr",
            self.lr,
            "a finite number above 0",
        )
        _require(0 <= self.momentum < 1, "momentum", self.momentum, "from 0 to below 1")
        _require(
            math.isfinite(self.weight_decay) and self.weight_decay >= 0,
            "weight_decay",
            self.weight_decay,
            "a finite number of at least 0",
        )
        for what, choices in (
            ("device", get_args(DeviceChoice)),
            ("kernels", get_args(KernelsChoice)),
            ("early_stop", get_args(EarlyStop)),
            ("early_stop_at", get_args(EarlyStopAt)),
            ("search", get_args(SearchName)),
        ):
            given = getattr(self, what)
            _require(given in choices, what, given, f"one of {_or(choices)}")
        Criterion(threshold=self.threshold, source=self.criterion)
        check_rates(self)

    def _check_search(self) -> None:
        _require(
            self.search != "bisect" or self.seeds % 2 == 1,
            "seeds",
            self.seeds,
            "an odd number, so that a majority exists; try 1, 3 or 5",
        )
        _require(
            0 < self.precision < 1,
            "precision",
            self.precision,
            "a fraction above 0 and below 1; 0.15 means to within 15 %",
        )
        if self.budget is not None:
            parse_budget(self.budget)
            _require(
                self.search == "posterior",
                "budget",
                self.budget,
                "only a posterior search has one; add search = posterior",
            )
        if self.depths is None:
            _require(
                self.search != "grid",
                "search",
                self.search,
                "needs the depths to train at; add depths, as in 3:60",
            )
            return
        low, high = self.depths
        _require(
            0 < low < high,
            "depths",
            f"{low}:{high}",
            "LOW:HIGH with 0 < LOW < HIGH",
        )

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
        return all(getattr(self, name) == default[name] for name in names)

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
    "early_stop_at",
)

STUDY_KEYS = tuple(field.name for field in fields(StudySpec))


def _require(holds: bool, what: str, given: Any, allowed: str) -> None:
    if not holds:
        shown = given if given != () else "nothing"
        raise ValueError(f"{what} = {shown}: {allowed}")


def _whole(study: StudySpec, what: str, least: int) -> None:
    value = getattr(study, what)
    _require(value >= least, what, value, f"a whole number of at least {least}")


def _or(names: tuple[str, ...]) -> str:
    return ", ".join(names)
