"""What a benchmark measures: frozen plans and the settings they unfold to."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from depthbench.spec import TrialSpec

Part = Literal["step", "epoch", "depth", "batch", "trial"]


class Side(StrEnum):
    """Who trains."""

    BASELINE = "baseline"
    REFERENCE = "reference"
    FUSED = "fused"


SIDE_NAMES = {
    Side.BASELINE: "baseline",
    Side.REFERENCE: "ours, PyTorch",
    Side.FUSED: "ours, fused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """How much is measured.

    Attributes:
        cases: Architecture and depth of each comparison.
        rounds: How often each side takes its turn; of whole trials, at most twice.
        num_steps: Timed in a turn on a CPU; 25 times as many on a GPU. Where growth is
            measured, as many as take as long as these at `batch_depth`.
        batch_size: Images a step, but where batches are compared.
        num_train_images: Of the epoch that stands for a whole one.
        num_test_images: The same; MNIST has six training images to a test image.
        growth: Architecture whose growth with depth and batch is measured. At depth
            1,002 `resnet` keeps a finite loss for some steps; `elu_bn` overflows.
        depths: Depths of `growth`.
        batch_sizes: Batch sizes at `batch_depth`.
        batch_depth: Depth of `growth` at which batch sizes are compared.
    """

    cases: tuple[tuple[str, int], ...]
    rounds: int
    num_steps: int
    batch_size: int = 256
    num_train_images: int
    num_test_images: int
    growth: str = "resnet"
    depths: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    batch_depth: int = 102


FULL = BenchPlan(
    cases=(
        ("elu_bn", 63),
        ("tanh_glorot", 48),
        ("resnet", 102),
        ("elu_multihead", 138),
    ),
    rounds=5,
    num_steps=4,
    num_train_images=1536,
    num_test_images=256,
    depths=(3, 30, 60, 102, 201, 300, 1002),
    batch_sizes=(32, 64, 128, 256, 512, 1024),
)

QUICK = BenchPlan(
    cases=(("elu_bn", 63),),
    rounds=2,
    num_steps=2,
    num_train_images=512,
    num_test_images=86,
    depths=(),
    batch_sizes=(),
)

# Too small to let a loss become infinite in a few steps. It has no say in the time of
# a step, which arithmetic on NaN might.
_TIMING_LR = 1e-4

# A GPU replays in milliseconds what takes a core half a second.
_MORE_STEPS = {"cpu": 1, "cuda": 25}

_ALL = 1 << 40  # more images than any data set has


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Work that every side does in each round, one side after the other.

    Attributes:
        part: `step`: training steps alone, on ready batches, one thread; ours take
            theirs from the data set and normalise them. `epoch`: data loading,
            training and testing, with all cores; ours as one trial per core, which
            with BatchNorm tests twice. `trial`: whole trials, instead of epochs,
            where a GPU makes them short. `depth` and `batch`: steps again, of ours
            only.
        spec: What is trained; `kernels` is the side's to choose.
        sides: In their order.
        num_train_images: Trained on in each epoch. Of a smaller data set, epochs take
            all, and steps go through it again.
        num_test_images: Tested on after it; 0 leaves the test out.
        num_trials: Trials of ours side by side, a process each.
        num_threads: Threads of the baseline; a trial of ours has one.
        rounds: Numbers of its turns with the same processes.
        num_rounds: Of all its turns, some of which may be settings of their own.
    """

    part: Part
    spec: TrialSpec
    sides: tuple[Side, ...]
    num_train_images: int
    num_test_images: int = 0
    num_trials: int = 1
    num_threads: int = 1
    rounds: range
    num_rounds: int

    def processes(self, side: Side) -> tuple[int, int]:
        """How many processes train on a side, and how many threads each has."""
        if side is Side.BASELINE:
            return 1, self.num_threads
        return self.num_trials, 1

    @property
    def name(self) -> str:
        """Part, architecture, depth and batch size, for messages."""
        spec = self.spec
        what = f"{spec.architecture} k={spec.depth}, batch {spec.batch_size}"
        return f"{self.part}, {what}"


def settings(
    plan: BenchPlan, *, data: str, device: str, has_fused: bool, num_cores: int
) -> Iterator[Setting]:
    """The settings of a plan, in the order in which they are measured."""
    ours = (Side.REFERENCE, *([Side.FUSED] if has_fused else []))
    num_steps = plan.num_steps * _MORE_STEPS[device]
    usual = Setting(
        part="step",
        spec=TrialSpec(
            architecture=plan.growth,
            depth=plan.batch_depth,
            data=data,
            seed=0,
            lr=_TIMING_LR,
            epochs=1,
            batch_size=plan.batch_size,
            device=device,
        ),
        sides=(Side.BASELINE, *ours),
        num_train_images=num_steps * plan.batch_size,
        rounds=range(plan.rounds),
        num_rounds=plan.rounds,
    )
    steps = [
        replace(usual, spec=replace(usual.spec, architecture=name, depth=depth))
        for name, depth in plan.cases
    ]
    yield from steps
    if device == "cpu":
        yield from (_epoch(plan, step, num_cores) for step in steps)
    else:
        yield from (_trial(step, num_cores) for step in steps)
    yield from _growth(plan, replace(usual, sides=ours[-1:]))


def _epoch(plan: BenchPlan, step: Setting, num_cores: int) -> Setting:
    return replace(
        step,
        part="epoch",
        num_train_images=plan.num_train_images,
        num_test_images=plan.num_test_images,
        num_trials=num_cores,
        num_threads=num_cores,
    )


def _trial(step: Setting, num_threads: int) -> Setting:
    num_rounds = min(step.num_rounds, 2)
    return replace(
        step,
        part="trial",
        spec=replace(step.spec, epochs=3),
        sides=(step.sides[0], step.sides[-1]),
        num_train_images=_ALL,
        num_test_images=_ALL,
        num_threads=num_threads,
        rounds=range(num_rounds),
        num_rounds=num_rounds,
    )


def _growth(plan: BenchPlan, usual: Setting) -> Iterator[Setting]:
    """All depths and batch sizes once a round, so that a busy minute spoils one round.

    Turns are about as long as the usual one.
    """
    grown: list[tuple[Part, TrialSpec]] = [
        *(("depth", replace(usual.spec, depth=depth)) for depth in plan.depths),
        *(("batch", replace(usual.spec, batch_size=b)) for b in plan.batch_sizes),
    ]
    length = usual.num_train_images * usual.spec.depth
    for number in range(plan.rounds):
        for part, spec in grown:
            num_steps = max(1, length // (spec.depth * spec.batch_size))
            yield replace(
                usual,
                part=part,
                spec=spec,
                num_train_images=num_steps * spec.batch_size,
                rounds=range(number, number + 1),
            )
