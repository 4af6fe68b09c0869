"""What a run shows while it runs, in every state a search can be in."""

from dataclasses import replace

import pytest
from builders import under
from rich.console import Console
from study_cases import STUDY, cell, record_of

from depthbench.record import Outcome, TrialRecord
from depthbench.search import CellSearch, plan_cell
from depthbench.study.drive import Progress
from depthbench.study.progress import progress_table, show_progress, trial_text


def records_up_to(limit, num_trials, crash_at=None, study=STUDY):
    """The records after so many trials of a network that trains up to `limit`."""
    records = []
    while len(records) < num_trials:
        plan = plan_cell(under(study, cell("a")), records)
        if plan.is_done:
            break
        for spec in plan.wanted:
            lost = TrialRecord(spec=spec, outcome=Outcome.CRASHED, message="boom")
            trained = record_of(spec, spec.depth <= limit)
            records.append(lost if spec.depth == crash_at else trained)
    return records


STATES = {
    "nothing known": ([], "nothing known yet", "probing 3, waiting"),
    "climbing": (records_up_to(39, 4), "trains 6", "probing 12"),
    "bisecting": (records_up_to(39, 11), "trains 24, fails 48", "probing 36"),
    "done": (records_up_to(39, 999), "trains 39, fails 42", "done"),
    "cap trains": (records_up_to(768, 999), "trains 192", "done"),
    "bottom fails": (records_up_to(0, 999), "fails 3", "done"),
    "no verdict at the bottom": (
        records_up_to(39, 999, crash_at=3),
        "no verdict at 3",
        "stopped",
    ),
    "no verdict deeper": (
        records_up_to(39, 999, crash_at=24),
        "trains 12, no verdict at 24",
        "stopped",
    ),
}


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("state", STATES)
def test_every_state_can_be_shown(state, width):
    records, bracket, doing = STATES[state]
    plan = plan_cell(under(STUDY, cell("a")), records)
    progress = Progress((plan,), (), None, {r.id: r for r in records})
    console = Console(width=width, record=True)
    with console.capture() as capture:
        console.print(progress_table(progress, width))
    text = " ".join(capture.get().split())
    if width == 160:
        assert bracket in text
        assert doing in text
        assert ("━" in text or "·" in text) is True
    else:
        assert "━" not in text


POSTERIOR = replace(STUDY, search="posterior", ahead=1)
GRID = replace(STUDY, search="grid", depths=(3, 60), seeds=2)
OTHER_SEARCHES = {
    "posterior, nothing known": (POSTERIOR, 0, "nothing known yet", "0 trials of at"),
    "posterior, one trained": (POSTERIOR, 1, "k50 ≥ ", "1 trial of at most 40"),
    "posterior, bounded": (POSTERIOR, 9, " to ", "9 trials of at most 40"),
    "posterior, done": (POSTERIOR, 999, " to ", "done"),
    "posterior, stopped": (POSTERIOR, -1, "no verdict at", "stopped"),
    "grid, nothing known": (GRID, 0, "nothing known yet", "0 trials of 40"),
    "grid, half way": (GRID, 20, "trains 36, fails 45", "20 trials of 40"),
    "grid, done": (GRID, 999, "trains 39, fails 42", "done"),
}


@pytest.mark.parametrize("state", OTHER_SEARCHES)
def test_every_search_can_be_shown(state):
    """Expected trials and an interval in place of probes and a bracket."""
    study, num_trials, known, doing = OTHER_SEARCHES[state]
    crash_at = plan_cell(under(study, cell("a")), []).wanted[0].depth
    records = records_up_to(39, 999, crash_at, study)
    if num_trials >= 0:
        records = records_up_to(39, 999, study=study)[:num_trials]
    plan = plan_cell(under(study, cell("a")), records)
    running = plan.wanted[:2]
    progress = Progress((plan,), running, None, {r.id: r for r in records})
    console = Console(width=160, record=True)
    with console.capture() as capture:
        console.print(progress_table(progress, 160))
    text = " ".join(capture.get().split())
    assert known in text
    assert doing in text
    for spec in running:
        assert f"{spec.depth} (seed {spec.seed})" in text


def test_the_time_left_is_an_expectation_and_called_no_bound(capsys):
    """And it is told once depths trained and failed, of the searches where they did."""
    other = plan_cell(under(POSTERIOR, cell("b")), ())
    lines = []
    for number in (3, 9):
        records = records_up_to(39, number, study=POSTERIOR)
        known = {record.id: record for record in records}
        plan = plan_cell(under(POSTERIOR, cell("a")), records)
        for plans in ((plan,), (plan, other)):
            with show_progress(num_workers=2) as report:
                report(Progress(plans, (), records[-1], known))
            lines += capsys.readouterr().err.splitlines()
    first, same, alone, both = lines
    assert first == same and "| standard k50 " in first and "left" not in first
    assert "| about " in alone and alone.endswith(" left")
    assert both.endswith(" left for 1 of 2 searches")
    assert not any("at most" in line for line in lines)


def test_a_trial_is_judged_by_the_criterion_of_its_cell():
    spec = cell("a").trial(3, 0)
    record = record_of(spec, trained=False)
    epoch = replace(record.epochs[0], train_error=(0.5,), test_error=(0.5,))
    record = replace(record, epochs=(epoch,) * 3)
    strict = plan_cell(under(STUDY, cell("a")), ())
    lenient_cell = replace(
        cell("a"), criterion=replace(STUDY.criterion_of("standard"), threshold=0.6)
    )
    lenient = plan_cell(under(STUDY, lenient_cell), ())
    assert "stuck, error 50.00 %" in trial_text(record, [strict])
    assert "trained, error 50.00 %" in trial_text(record, [lenient])


def test_off_a_terminal_there_is_one_plain_line_a_trial(capsys):
    records = records_up_to(39, 4)
    plans = (plan_cell(under(STUDY, cell("a")), records),)
    known = {record.id: record for record in records}
    with show_progress(num_workers=2) as report:
        report(Progress(plans, (), None, known))
        report(Progress(plans, (), records[-1], known))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("a on toy, k=6, seed 1: trained, error 5.00 % in 0 s | ")
    assert "standard trains 6 | about" in line


@pytest.mark.parametrize(
    "study",
    [GRID, STUDY, replace(POSTERIOR, budget="1s"), replace(POSTERIOR, max_trials=1)],
)
def test_a_search_in_which_nothing_was_measured_can_be_shown(study):
    """On a wide terminal too, where there is a bar of depths."""
    search = CellSearch.over(under(study, cell("a")), [])
    for _ in range(200):
        for spec in search.plan.wanted:
            gone = TrialRecord(spec=spec, outcome=Outcome.TIMED_OUT, seconds=600.0)
            search = search.observe(gone)
    assert search.plan.is_done
    console = Console(width=160, record=True)
    with console.capture() as capture:
        console.print(progress_table(Progress((search.plan,), (), None, {}), 160))
    assert "a toy standard" in " ".join(capture.get().split())
