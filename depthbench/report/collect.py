"""From records to the results of a study's cells."""

from collections.abc import Iterable, Sequence

from depthbench.record import TrialRecord
from depthbench.report.fit import fit_of
from depthbench.report.judged import JudgedTrial, observations_of
from depthbench.report.results import CellResult, StudyResult
from depthbench.search import CellSearch, strategy_of
from depthbench.spec import Cell, StudySpec
from depthbench.verdict import outcome_under


def study_result(
    study: StudySpec,
    cells: Sequence[Cell],
    records: Iterable[TrialRecord],
    *,
    num_damaged: int = 0,
) -> StudyResult:
    """Sort records into cells and judge them.

    Of several records of one trial the last counts, as it does for the search. A
    trial that two protocols share is in the result of both.
    """
    latest = tuple({record.id: record for record in records}.values())
    results = tuple(_cell_result(cell, latest) for cell in cells)
    owned = {r.id for r in latest if any(cell.owns(r.spec) for cell in cells)}
    return StudyResult(
        study=study,
        cells=results,
        records=latest,
        num_foreign=len(latest) - len(owned),
        num_damaged=num_damaged,
    )


def _cell_result(cell: Cell, records: Sequence[TrialRecord]) -> CellResult:
    own = sorted(
        (record for record in records if cell.owns(record.spec)),
        key=lambda one: (
            one.spec.depth,
            one.spec.seed,
            one.spec.lr,
            not one.was_stopped,
        ),
    )
    # One that was stopped and then trained in full is shown in full.
    shown = {(r.spec.depth, r.spec.seed, r.spec.lr): r for r in own}
    trials = tuple(
        JudgedTrial(record, outcome_under(record, cell.criterion))
        for record in shown.values()
    )
    search = CellSearch.over(cell, own)
    plan = search.plan
    observations = observations_of(trials)
    if cell.rate.range is not None:
        observations = plan.observations  # those that chose a rate would flatter it
    end = None
    if not plan.is_done:
        end = strategy_of(cell.search).end(cell, search.trials)
    return CellResult(
        cell,
        plan,
        trials,
        fit=fit_of(plan, observations),
        is_complete=plan.is_done or end is not None,
        limited_by=end.limited_by if end else plan.limited_by,
    )
