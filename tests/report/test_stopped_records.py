"""Earlier versions could stop a trial early by a rule; such records are no evidence."""

from dataclasses import replace
from pathlib import Path

import pytest
from builders import under
from places import FIXTURES
from plan_cases import CELL, STUDY, a_record

from depthbench.record import Outcome, TrialRecord, from_line
from depthbench.report.collect import study_result
from depthbench.report.facts import missing_notes
from depthbench.report.tables import tables_of
from depthbench.search import plan_cell
from depthbench.spec import Cell, Criterion, read_cells, read_study, write_study
from depthbench.verdict import outcome_under

FIXTURE = FIXTURES / "trials_v1_stopped.jsonl"
RULE = "chance(step=350, tolerance=0.05, gradient_norm=0.2)"


def stored_by_an_earlier_version() -> TrialRecord:
    with FIXTURE.open(encoding="utf-8") as lines:
        (stopped,) = [r for r in map(from_line, lines) if r.was_stopped]
    return stopped


def cell_of(record: TrialRecord) -> Cell:
    template = replace(record.spec, depth=3, seed=0, stop_rules=())
    return replace(CELL, protocol="notebook", template=template)


@pytest.mark.parametrize("threshold", [0.05, 0.2, 0.99])
def test_a_stopped_trial_is_no_evidence_by_any_threshold(threshold: float) -> None:
    stopped = stored_by_an_earlier_version()
    assert stopped.outcome is Outcome.STUCK  # as its rule concluded
    found = outcome_under(stopped, Criterion(threshold=threshold))
    assert found is Outcome.UNSETTLED
    assert not found.is_evidence


@pytest.mark.parametrize("search", ["bisect", "posterior", "grid"])
def test_a_search_wants_it_in_full(search: str) -> None:
    study = replace(STUDY, search=search, depths=(3, 9), cap=9)  # type: ignore[arg-type]
    cell = under(study, CELL)
    wanted = plan_cell(cell, []).wanted
    stopped = [
        replace(
            a_record(replace(spec, stop_rules=(RULE,)), Outcome.STUCK),
            stopped_early=RULE,
        )
        for spec in wanted
    ]
    assert plan_cell(cell, stopped) == plan_cell(cell, [])
    full = [a_record(spec, Outcome.TRAINED) for spec in wanted]
    expected = plan_cell(cell, full)
    for records in (stopped + full, full + stopped):
        assert plan_cell(cell, records) == expected


def test_one_that_no_rule_stopped_counts_whatever_rules_it_had() -> None:
    specs = plan_cell(CELL, []).wanted
    plain = [a_record(spec, Outcome.TRAINED) for spec in specs]
    ruled = [
        a_record(replace(spec, stop_rules=(RULE,)), Outcome.TRAINED) for spec in specs
    ]
    assert plan_cell(CELL, ruled) == plan_cell(CELL, plain)


def test_a_report_says_so() -> None:
    stopped = stored_by_an_earlier_version()
    cell = cell_of(stopped)
    result = study_result(STUDY, [cell], [stopped])
    (one,) = result.cells
    assert result.num_foreign == 0
    assert not one.evidence
    (note,) = [note for note in missing_notes(result) if "rule" in note]
    assert note.startswith("1 trial stopped early by a rule of an earlier version")
    row = tables_of(result)["trials"].frame.iloc[0]
    assert (row["outcome"], row["stopped_early"]) == ("unsettled", RULE)
    # Once it was trained in full, that is what is shown.
    full = a_record(cell.trial(9, 2), Outcome.TRAINED)
    for records in ([stopped, full], [full, stopped]):
        (shown,) = study_result(STUDY, [cell], records).cells[0].trials
        assert shown.record == full


def test_a_study_that_had_rules_is_read_without_them(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    keys = 'early_stop = "chance"\nearly_stop_at = "far"\n'
    head, table = write_study(STUDY, [CELL]).split("[[cells]]\n")
    path.write_text(f'{keys}{head}[[cells]]\nstop_rules = ["{RULE}"]\n{table}')
    assert read_study(path) == STUDY
    assert read_cells(path) == (CELL,)
    path.write_text(f'arch = "elu"\n{keys}')
    with pytest.raises(ValueError, match="unknown key early_stop"):
        read_study(path)
