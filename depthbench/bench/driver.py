"""Runs the settings of a plan, each side in turn in worker processes of its own."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from depthbench import runtime
from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.stack import stack_of
from depthbench.bench.document import Benchmark, Failure
from depthbench.bench.machine import (
    Peak,
    capture_environment,
    measure_peak,
    why_not_fused,
)
from depthbench.bench.measurement import (
    Work,
    long_table,
    training_flop_per_image,
    turn_of,
)
from depthbench.bench.plan import SIDE_NAMES, BenchPlan, Setting, Side, settings
from depthbench.bench.tasks import measure, prepare
from depthbench.datasets.image_data import ImageData
from depthbench.engine import LocalProcesses
from depthbench.record import Environment
from depthbench.trial import TrialContext

_BUSY = 0.25  # processes a core, at which the numbers are not those of this alone


def run_bench(
    plan: BenchPlan,
    data: ImageData,
    *,
    data_dir: Path,
    device: str,
    report: Callable[[str], None],
) -> Benchmark:
    """Measure all of a plan.

    Args:
        plan: How much.
        data: To train on.
        data_dir: Where the worker processes find it.
        device: `cpu` or `cuda`.
        report: Called with a line about each round.
    """
    began, started_at = runtime.monotonic_seconds(), runtime.utc_now()
    load_average = runtime.load_average()
    num_cores = runtime.num_cores()
    if load_average is not None and load_average > _BUSY * num_cores:
        report(f"other programs are running (load average {load_average:.1f})")
    without_fused = why_not_fused(device)
    environment, peak = _look_around(device)
    todo = settings(
        plan,
        data=data.name,
        device=device,
        has_fused=without_fused is None,
        num_cores=num_cores,
    )
    context = TrialContext(data_dir=data_dir)
    works, failures = _run(todo, data, context, report)
    return Benchmark(
        plan=plan,
        data=data.name,
        device=device,
        environment=environment,
        num_cores=num_cores,
        load_average=load_average,
        peak=peak,
        without_fused=without_fused,
        table=long_table(works, peak.gflop_per_second, device),
        failures=tuple(failures),
        started_at=started_at,
        seconds=runtime.monotonic_seconds() - began,
    )


def _look_around(device: str) -> tuple[Environment, Peak]:
    """Environment and peak of a process of one thread, as those that are measured."""
    with open_workers({Side.REFERENCE: (1, 1)}) as workers:
        worker = workers[Side.REFERENCE]
        environment = worker.submit(capture_environment, device)
        peak = worker.submit(measure_peak, device)
        return environment.result(), peak.result()


def _run(
    todo: Iterable[Setting],
    data: ImageData,
    context: TrialContext,
    report: Callable[[str], None],
) -> tuple[list[dict[str, Any]], list[Failure]]:
    """Measure every setting; a side that fails is left out of its later rounds.

    Each setting gets new processes, so that none inherits memory; they end with it,
    or with this call, however it ends. Returns rows for `long_table`.
    """
    works: list[dict[str, Any]] = []
    failures: list[Failure] = []
    for setting in todo:
        flop = {"flop_per_image": _flop_per_image(setting, data)}
        sides = _remaining(setting, failures)
        with open_workers({side: setting.processes(side) for side in sides}) as workers:
            for number in setting.rounds:
                sides = _remaining(setting, failures)
                done, failed = _round(setting, number, sides, context, workers)
                for side, mine in done:
                    turn = turn_of(setting, side, number) | flop
                    works += [turn | asdict(work) for work in mine]
                failures += failed
                if sides:
                    report(_line(setting, number, done, failed))
    return works, failures


def _remaining(setting: Setting, failures: Iterable[Failure]) -> list[Side]:
    """The sides that have not failed in an earlier round."""
    failed = {each.side for each in failures if each.setting == setting.name}
    return [side for side in setting.sides if side not in failed]


def _round(
    setting: Setting,
    number: int,
    sides: Sequence[Side],
    context: TrialContext,
    workers: Mapping[Side, LocalProcesses],
) -> tuple[list[tuple[Side, list[Work]]], list[Failure]]:
    """Each side in turn, alone on the machine: what was done, and what failed."""
    done: list[tuple[Side, list[Work]]] = []
    failures: list[Failure] = []
    for side in sides:
        try:
            done.append((side, _turn(setting, side, context, workers[side])))
        except Exception as error:
            failure = Failure(
                setting=setting.name,
                side=side,
                round=number,
                message=f"{type(error).__name__}: {error}",
            )
            failures.append(failure)
    return done, failures


def _turn(
    setting: Setting, side: Side, context: TrialContext, worker: LocalProcesses
) -> list[Work]:
    num_processes, _ = setting.processes(side)
    futures = [
        worker.submit(measure, setting, side, context) for _ in range(num_processes)
    ]
    return [future.result() for future in futures]


def _flop_per_image(setting: Setting, data: ImageData) -> int:
    stack = stack_of(ARCHITECTURES[setting.spec.architecture])
    assert stack is not None
    return training_flop_per_image(
        stack, setting.spec.depth, data.image_shape, data.num_classes
    )


def _line(
    setting: Setting,
    number: int,
    done: Sequence[tuple[Side, list[Work]]],
    failures: Sequence[Failure],
) -> str:
    shown = [
        f"{SIDE_NAMES[side]} {_images_per_second(works):,.0f} images/s"
        for side, works in done
    ]
    shown += [f"{SIDE_NAMES[each.side]} failed: {each.message}" for each in failures]
    turn = f"round {number + 1} of {setting.num_rounds}"
    return f"{setting.name}, {turn}: {'; '.join(shown)}"


def _images_per_second(works: Sequence[Work]) -> float:
    seconds = max(w.ended for w in works) - min(w.began for w in works)
    return sum(work.num_images for work in works) / seconds


@contextmanager
def open_workers(
    processes: Mapping[Side, tuple[int, int]],
) -> Iterator[dict[Side, LocalProcesses]]:
    """Workers of each side, all of them started; killed at the end of the block.

    Processes of their own, as ours have switches of torch changed.

    Args:
        processes: How many, and how many threads each has.
    """
    started: dict[Side, LocalProcesses] = {}
    try:
        for side, (number, num_threads) in processes.items():
            started[side] = LocalProcesses(
                number, prepare=partial(prepare, side, num_threads)
            )
        # They start at their first task. Waiting keeps that out of what is measured.
        pings = [
            workers.submit(runtime.num_cores)
            for side, workers in started.items()
            for _ in range(processes[side][0])
        ]
        for ping in pings:
            ping.result()
        yield started
    finally:
        for workers in started.values():
            workers.shutdown(cancel_futures=True)
