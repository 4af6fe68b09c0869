"""The fold of a search over records, which drives, resumes and reports a study."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest
from builders import under
from plan_cases import CELL, STUDY, a_record

from depthbench.record import Outcome, TrialRecord
from depthbench.search import CellPlan, check_search, plan_cell
from depthbench.spec import Cell, Criterion, StudySpec, TrialSpec
from depthbench.verdict import Verdict

Oracle = Callable[[TrialSpec], Outcome]


def noisy(limit: int, spread: int, world: int) -> Oracle:
    """Trains below the limit and fails above; near it, chance decides."""

    def oracle(spec: TrialSpec) -> Outcome:
        chance = random.Random(f"{world} {spec.depth} {spec.seed}")
        trains = spec.depth + chance.uniform(-spread, spread) <= limit
        return Outcome.TRAINED if trains else Outcome.STUCK

    return oracle


def drive(
    cell: Cell,
    study: StudySpec,
    stored: Iterable[TrialRecord],
    oracle: Oracle,
    order: random.Random,
) -> tuple[CellPlan, list[TrialRecord]]:
    """Train what is wanted, one at a time in a random order, to the end."""
    records = list(stored)
    while not (plan := plan_cell(under(study, cell), records)).is_done:
        ids = [record.id for record in records]
        assert len(records) < 1000
        assert not {spec.id for spec in plan.wanted} & set(ids)
        assert all(cell.owns(spec) for spec in plan.wanted)
        spec = order.choice(plan.wanted)
        records.append(a_record(spec, oracle(spec)))
    return plan, records


def ids_of(records: Sequence[TrialRecord]) -> set[str]:
    assert len({record.id for record in records}) == len(records)
    return {record.id for record in records}


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 3, 5])
@pytest.mark.parametrize("depths", [None, (12, 48)])
@pytest.mark.parametrize("limit", [0, 3, 12, 40, 96])
def test_neither_order_nor_interruption_changes_what_is_trained_and_found(
    seeds: int, depths: tuple[int, int] | None, limit: int
) -> None:
    study = replace(STUDY, seeds=seeds, depths=depths, first_seed=4)
    for world in range(4):
        oracle = noisy(limit, spread=9, world=world)
        plan, records = drive(CELL, study, [], oracle, random.Random(0))
        for attempt in range(3):
            again = drive(CELL, study, [], oracle, random.Random(attempt))
            assert again[0] == plan
            assert ids_of(again[1]) == ids_of(records)
        for length in range(0, len(records), 3):
            resumed = drive(
                CELL, study, records[:length], oracle, random.Random(length)
            )
            assert resumed[0] == plan
            assert ids_of(resumed[1]) == ids_of(records)
        shuffled = random.Random(1).sample(records, len(records))
        assert plan_cell(under(study, CELL), shuffled) == plan


@pytest.mark.parametrize("limit", [0, 3, 6, 39, 93, 96, 200])
def test_the_limit_is_found_and_each_probe_rests_on_its_seeds(limit: int) -> None:
    plan, records = drive(CELL, STUDY, [], noisy(limit, 0, 0), random.Random(0))
    end = plan
    assert end.trains == (min(limit, 96) or None)
    assert end.fails == (limit + 3 if limit < 96 else None)
    seen = {(record.spec.depth, record.spec.seed) for record in records}
    told = {(probe.depth, seed) for probe in plan.probes for seed in probe.seeds}
    assert told == seen
    is_first = True
    for probe in plan.probes:
        failed = probe.depth > limit
        assert probe.verdict is (Verdict.FAILS if failed else Verdict.TRAINS)
        # The failure that first closes the bracket is confirmed by one more seed.
        assert probe.seeds == ((0, 1, 2) if failed and is_first else (0, 1))
        is_first = is_first and not failed


def test_records_of_other_cells_are_passed_over() -> None:
    oracle = noisy(30, 9, 0)
    plan, records = drive(CELL, STUDY, [], oracle, random.Random(0))
    others = [
        a_record(replace(record.spec, **change), Outcome.STUCK)
        for record in records
        for change in (
            {"architecture": "elu_bn"},
            {"data": "kmnist"},
            {"lr": 0.1},
            {"train_mode": "first_epoch"},
            {"device": "cuda"},
            {"plugin_sha256": "ab"},
        )
    ]
    assert plan_cell(CELL, [*others, *records, *others]) == plan
    start = plan_cell(CELL, others)
    assert start == plan_cell(CELL, [])
    assert start.wanted == (CELL.trial(3, 0), CELL.trial(3, 1))


@pytest.mark.parametrize("failure", [o for o in Outcome if not o.is_evidence])
def test_a_failed_measurement_stops_the_cell_until_it_is_measured(
    failure: Outcome,
) -> None:
    oracle = noisy(30, 0, 0)
    plan, records = drive(CELL, STUDY, [], oracle, random.Random(0))
    for number, record in enumerate(records):
        broken = record.spec

        def breaking(spec: TrialSpec, broken: TrialSpec = broken) -> Outcome:
            return failure if spec == broken else oracle(spec)

        stopped, tried = drive(CELL, STUDY, [], breaking, random.Random(number))
        assert stopped.is_done
        assert stopped.unknown == broken.depth
        assert stopped.probes[-1].verdict is Verdict.UNKNOWN
        assert stopped.probes[-1].depth == broken.depth
        same = len(stopped.probes) - 1
        assert stopped.probes[:same] == plan.probes[:same]
        assert not stopped.is_witnessed
        # Tried again, with success: the later record counts.
        redone = [*tried, a_record(broken, oracle(broken))]
        end, _ = drive(CELL, STUDY, redone, oracle, random.Random(0))
        assert end == plan


def test_protocols_that_train_alike_share_their_trials_and_judge_apart() -> None:
    """A network with heads: the first learns at any depth, the last does not."""
    strict = CELL
    lenient = replace(
        CELL, protocol="notebook", criterion=STUDY.criterion_of("notebook")
    )
    records: dict[str, TrialRecord] = {}
    while wanted := {
        spec.id: spec
        for cell in (strict, lenient)
        for spec in plan_cell(under(STUDY, cell), records.values()).wanted
    }:
        for spec in wanted.values():
            assert spec.id not in records
            last = 0.01 if spec.depth <= 12 else 0.30 if spec.depth <= 30 else 0.9
            records[spec.id] = a_record(spec, Outcome.STUCK, 0.01, last)
    plans = [
        plan_cell(under(STUDY, cell), records.values()) for cell in (strict, lenient)
    ]
    assert [(p.trains, p.fails) for p in plans] == [(12, 15), (30, 33)]
    used = [
        {
            cell.trial(probe.depth, seed).id
            for probe in plan.probes
            for seed in probe.seeds
        }
        for cell, plan in zip((strict, lenient), plans, strict=True)
    ]
    assert used[0] & used[1]
    assert used[0] | used[1] == set(records)


def test_another_threshold_needs_only_the_trials_it_has_not() -> None:
    """Records hold every error, so what was trained is judged anew, not again."""
    oracle = noisy(30, 9, 0)
    _, records = drive(CELL, STUDY, [], oracle, random.Random(0))
    lenient = replace(CELL, criterion=Criterion(threshold=0.95))
    first = plan_cell(under(STUDY, lenient), records)
    assert first.probes[-1].verdict is Verdict.TRAINS
    assert len(first.probes) > 3
    assert {spec.id for spec in first.wanted}.isdisjoint(r.id for r in records)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cap": 2}, "cap = 2: elu starts at depth 3"),
        (
            {"depths": (4, 9)},
            "depths: elu: 4 is not on the depth grid .*nearest: 3 and 6",
        ),
        ({"depths": (3, 10)}, "depths: elu: 10 is not on the depth grid .*: 9 and 12"),
        (
            {"depths": (3, 99)},
            "depths = 3:99: the upper end is above the cap 96; raise",
        ),
    ],
)
def test_a_search_that_does_not_fit_the_grid_is_refused(
    changes: dict[str, object], message: str
) -> None:
    study = replace(STUDY, **changes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        check_search(under(study, CELL))
    with pytest.raises(ValueError, match=message):
        plan_cell(under(study, CELL), [])


def test_a_study_says_where_to_start_and_with_which_seeds() -> None:
    study = replace(STUDY, depths=(12, 48), first_seed=7, seeds=5)
    first = plan_cell(under(study, CELL), [])
    assert first.wanted == tuple(CELL.trial(12, seed) for seed in (7, 8, 9))
    trained = [a_record(spec, Outcome.TRAINED) for spec in first.wanted]
    assert {spec.depth for spec in plan_cell(under(study, CELL), trained).wanted} == {
        48
    }


def test_the_cap_is_brought_down_to_the_grid() -> None:
    assert plan_cell(under(replace(STUDY, cap=98), CELL), []).deepest == 96
    plan, records = drive(
        CELL, replace(STUDY, cap=11), [], noisy(500, 0, 0), random.Random(0)
    )
    assert plan.trains == 9
    assert plan.fails is None
    assert max(record.spec.depth for record in records) == 9
