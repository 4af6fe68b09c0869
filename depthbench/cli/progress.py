"""Progress of a run on standard error: a live table, or one plain line a trial."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from depthbench.cli.messages import say
from depthbench.estimate import eta_seconds
from depthbench.plan import CellPlan
from depthbench.record import Outcome, TrialRecord
from depthbench.report.words import duration, outcome_word, percent
from depthbench.search import BracketSearch
from depthbench.spec import Criterion, StudySpec
from depthbench.study import Progress
from depthbench.verdict import error_of, outcome_under

_BAR_WIDTH = 24
_WIDTH_FOR_BARS = 120


@contextmanager
def show_progress(
    study: StudySpec, num_workers: int
) -> Iterator[Callable[[Progress], None]]:
    """A function to call with every `Progress`, shown as the terminal allows."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda progress: _print_line(study, progress, num_workers)
        return
    last = "starting"
    with Live(console=console, refresh_per_second=4) as live:

        def update(progress: Progress) -> None:
            nonlocal last
            if progress.record is not None:
                last = f"last: {trial_text(progress.record, progress.plans)}"
            left = _eta(study, progress, num_workers)
            below = Text("; ".join(filter(None, (left, last))), style="dim")
            live.update(Group(progress_table(progress, console.width), below))

        yield update


def bracket_text(search: BracketSearch) -> str:
    """The bracket in words: "trains 24, fails 48", as far as it is known."""
    known = []
    if search.trains is not None:
        known.append(f"trains {search.trains}")
    if search.fails is not None:
        known.append(f"fails {search.fails}")
    if search.unknown is not None:
        known.append(f"no verdict at {search.unknown}")
    return ", ".join(known) or "nothing known yet"


def trial_text(record: TrialRecord, plans: Sequence[CellPlan]) -> str:
    """One trial in a line, judged as the first cell that owns it judges."""
    spec = record.spec
    what = f"{spec.architecture} on {spec.data}, k={spec.depth}, seed {spec.seed}"
    cell = next(plan.cell for plan in plans if plan.cell.owns(spec))
    return f"{what}: {_ending(record, cell.criterion)}"


def _ending(record: TrialRecord, criterion: Criterion) -> str:
    outcome = outcome_under(record, criterion)
    if not outcome.is_evidence:
        return f"{outcome_word(outcome)} (no evidence): {record.message}"
    took = f" in {duration(record.seconds)}"
    if outcome is Outcome.DIVERGED:
        return f"diverged at step {record.first_nonfinite_step}{took}"
    error = error_of(record.epochs[-1], criterion)
    return f"{outcome}, error {percent(error)}{took}"


def _print_line(study: StudySpec, progress: Progress, num_workers: int) -> None:
    if progress.record is None:
        return
    spec = progress.record.spec
    brackets = "; ".join(
        f"{plan.cell.protocol} {bracket_text(plan.search)}"
        for plan in progress.plans
        if plan.cell.owns(spec)
    )
    parts = (
        trial_text(progress.record, progress.plans),
        brackets,
        _eta(study, progress, num_workers),
    )
    say(" | ".join(filter(None, parts)))


def _eta(study: StudySpec, progress: Progress, num_workers: int) -> str:
    open_plans = [plan for plan in progress.plans if not plan.is_done]
    if not open_plans:
        return "done"
    seconds = eta_seconds(open_plans, study, progress.records.values(), num_workers)
    return "" if seconds is None else f"about {duration(seconds)} left"


def progress_table(progress: Progress, width: int) -> Table:
    """One row a cell; the bar only where the terminal is wide enough for it."""
    table = Table.grid(padding=(0, 2))
    for plan in progress.plans:
        row: list[Text | str] = [
            Text(plan.cell.architecture, style="bold"),
            Text(f"{plan.cell.data} {plan.cell.protocol}", style="dim"),
            bracket_text(plan.search),
            _state(plan, progress),
        ]
        if width >= _WIDTH_FOR_BARS:
            row.insert(2, _bar(plan.search))
        table.add_row(*row)
    return table


def _state(plan: CellPlan, progress: Progress) -> Text:
    if plan.search.unknown is not None:
        return Text("stopped", style="bold red")
    if plan.is_done:
        return Text("done", style="bold green")
    running = [spec for spec in progress.running if plan.cell.owns(spec)]
    probe = plan.search.next()
    assert probe is not None
    expected = len(plan.probes) + plan.search.num_probes_expected()
    seeds = ", ".join(str(spec.seed) for spec in running)
    what = f"probing {probe.depth}" + (f" (seed {seeds})" if seeds else ", waiting")
    return Text(f"{what}; probe {len(plan.probes) + 1} of about {expected}")


def _bar(search: BracketSearch) -> Text:
    """The depths on a logarithmic scale: seen to train, open, seen to fail."""
    probe = search.next()
    reached = (search.trains, search.unknown, probe.depth if probe else None)
    deepest = search.fails or max(depth for depth in reached if depth is not None)
    span = math.log2(2 * deepest / search.grid.start)
    low = math.log2((search.trains or search.grid.start / 2) * 2 / search.grid.start)
    high = math.log2((search.fails or 2 * deepest) * 2 / search.grid.start)
    if search.fails is not None:
        span += 1  # leaves room for the depths that fail
    trained, failed = (round(_BAR_WIDTH * min(1, x / span)) for x in (low, high))
    return Text.assemble(
        ("━" * trained, "green"),
        ("·" * max(0, failed - trained), "dim"),
        ("━" * (_BAR_WIDTH - max(trained, failed)), "red"),
    )
