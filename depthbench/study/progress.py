"""Progress of a run: a live table on a terminal or in a notebook, or plain lines."""

import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from depthbench.record import Outcome, TrialRecord
from depthbench.report.words import outcome_word
from depthbench.search import CellPlan, strategy_of
from depthbench.spec import Criterion
from depthbench.study.cost import eta_seconds
from depthbench.study.drive import Progress
from depthbench.study.messages import say
from depthbench.text import duration, percent
from depthbench.verdict import error_of, outcome_under

_BAR_WIDTH = 24
_WIDTH_FOR_BARS = 120


@contextmanager
def show_progress(num_workers: int) -> Iterator[Callable[[Progress], None]]:
    """A function to call with every `Progress`, shown as its place allows.

    That is a notebook, a terminal, or anything else on standard error, which gets a
    line for each trial.
    """
    console = Console(stderr=True, highlight=False)
    if console.is_jupyter:
        # Not Live, which needs ipywidgets there.
        display = importlib.import_module("IPython.display").display
        shown = display(Text("starting"), display_id=True)
        yield _drawing(shown.update, num_workers, console.width)
    elif console.is_terminal:
        with Live(console=console, refresh_per_second=4) as live:
            yield _drawing(live.update, num_workers, console.width)
    else:
        yield lambda progress: _print_line(progress, num_workers)


def _drawing(
    draw: Callable[[Table], None], num_workers: int, width: int
) -> Callable[[Progress], None]:
    """What draws the table of all cells, the last trial below it."""
    last = "starting"

    def update(progress: Progress) -> None:
        nonlocal last
        if progress.record is not None:
            last = f"last: {trial_text(progress.record, progress.plans)}"
        below = "; ".join(filter(None, (_eta(progress, num_workers), last)))
        whole = Table.grid()
        whole.add_row(progress_table(progress, width))
        whole.add_row(Text(below, style="dim"))
        draw(whole)

    return update


def standing_text(plan: CellPlan) -> str:
    """What is known: "trains 24, fails 48", or "k50 47 (41 to 53)"."""
    known = strategy_of(plan.cell.search).standing(plan)
    unknown = f"no verdict at {plan.unknown}" if plan.unknown is not None else ""
    return ", ".join(filter(None, (known, unknown))) or "nothing known yet"


def trial_text(record: TrialRecord, plans: Sequence[CellPlan]) -> str:
    """One trial in a line, judged as the first cell that owns it judges."""
    spec = record.spec
    cell = next(plan.cell for plan in plans if plan.cell.owns(spec))
    what = f"{spec.architecture} on {spec.data}, k={spec.depth}, seed {spec.seed}"
    what += f", lr {spec.lr:.4g}" if cell.rate.name else ""
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


def _print_line(progress: Progress, num_workers: int) -> None:
    if progress.record is None:
        return
    spec = progress.record.spec
    standing = "; ".join(
        f"{', '.join(plan.cell.key[2:])} {standing_text(plan)}"
        for plan in progress.plans
        if plan.cell.owns(spec)
    )
    parts = (
        trial_text(progress.record, progress.plans),
        standing,
        _eta(progress, num_workers),
    )
    say(" | ".join(filter(None, parts)))


def _eta(progress: Progress, num_workers: int) -> str:
    open_plans = [plan for plan in progress.plans if not plan.is_done]
    if not open_plans:
        return "done"
    told = [plan for plan in open_plans if _is_foreseeable(plan)]
    seconds = eta_seconds(told, progress.records.values(), num_workers)
    if seconds is None or not told:
        return ""
    some = f" for {len(told)} of {len(open_plans)} searches"
    return (
        f"about {duration(seconds)} left{some if len(told) < len(open_plans) else ''}"
    )


def _is_foreseeable(plan: CellPlan) -> bool:
    """Whether it can be told how long a search takes.

    Of one that ends when it knows enough, once trials have trained and failed: before,
    it may have to climb to any depth.
    """
    outcomes = {trained for _, trained in plan.observations}
    return len(outcomes) == 2 or not strategy_of(plan.cell.search).may_end_early


def progress_table(progress: Progress, width: int) -> Table:
    """One row per cell; the bar only where the terminal is wide enough for it."""
    table = Table.grid(padding=(0, 2))
    for plan in progress.plans:
        row: list[Text | str] = [
            Text(plan.cell.architecture, style="bold"),
            Text(" ".join(plan.cell.key[1:]), style="dim"),
            standing_text(plan),
            _state(plan, progress),
        ]
        if width >= _WIDTH_FOR_BARS:
            row.insert(2, _bar(plan))
        table.add_row(*row)
    return table


def _state(plan: CellPlan, progress: Progress) -> Text:
    if plan.unknown is not None:
        return Text("stopped", style="bold red")
    if plan.is_done:
        return Text("done", style="bold green")
    running = [spec for spec in progress.running if plan.cell.owns(spec)]
    strategy = strategy_of(plan.cell.search)
    return Text(f"probing {strategy.doing(plan, running)}; {strategy.progress(plan)}")


def _bar(plan: CellPlan) -> Text:
    """The depths on a logarithmic scale: seen to train, open, seen to fail."""
    start = plan.cell.grid.start
    reached = (plan.trains, plan.unknown, *(spec.depth for spec in plan.wanted))
    deepest = plan.fails or max(filter(None, reached), default=start)
    span = math.log2(2 * deepest / start)
    low = math.log2((plan.trains or start / 2) * 2 / start)
    high = math.log2((plan.fails or 2 * deepest) * 2 / start)
    if plan.fails is not None:
        span += 1  # leaves room for the depths that fail
    trained, failed = (round(_BAR_WIDTH * min(1, x / span)) for x in (low, high))
    return Text.assemble(
        ("━" * trained, "green"),
        ("·" * max(0, failed - trained), "dim"),
        ("━" * (_BAR_WIDTH - max(trained, failed)), "red"),
    )
