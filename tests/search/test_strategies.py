"""What every search must keep; and one that was added by the recipe alone."""

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from builders import under
from plan_cases import CELL, STUDY, a_record
from rich.console import Console

import depthbench
from depthbench.record import Outcome
from depthbench.report import study_markdown
from depthbench.report.collect import study_result
from depthbench.report.facts import measured_facts
from depthbench.report.results import Status
from depthbench.report.tables import tables_of
from depthbench.report.words import answer_sentence
from depthbench.search import CellSearch, check_search, plan_cell, registry, strategy_of
from depthbench.search.measured import by_seed
from depthbench.search.plan import End, from_trials
from depthbench.search.registry import STRATEGIES, TUNED
from depthbench.search.strategy import Strategy
from depthbench.spec import Cell, Rate, SearchSpec, StudySpec, TrialSpec
from depthbench.spec.search import SEARCH_SETTINGS
from depthbench.study.cost import cost_if
from depthbench.study.drive import Progress
from depthbench.study.progress import progress_table, standing_text


class Ladder(Strategy):
    """From the shallowest depth on, a step at a time, until one trial fails."""

    settings = frozenset({"first_seed", "cap"})
    may_end_early = True

    def plan(self, cell, trials):
        measured = by_seed(trials)
        search, grid = cell.search, cell.grid
        asked, end = [], End()
        for depth in grid.between(grid.start, search.cap):
            asked.append((depth, search.first_seed))
            found = measured.get(asked[-1])
            if found is not None and not found.is_evidence:
                end = End(unknown=depth)
            if found is None or not found.trained:
                break
        num_left = (search.cap - depth) // grid.step + (found is None)
        return from_trials(
            cell,
            asked,
            measured,
            end=end,
            num_left=num_left if found is None else 0,
            at_once=1,
            layer_epochs_left=cell.template.epochs * search.cap * num_left,
        )

    def overview(self, search):
        return (
            f"Each architecture was trained a step deeper at a time, to {search.cap}."
        )

    def explanation(self, search):
        return (f"The depth rises until a training fails, or to {search.cap}.",)


@pytest.fixture
def strategies(monkeypatch):
    """With the toy registered: a line more."""
    known = {**STRATEGIES, "ladder": Ladder()}
    monkeypatch.setattr(registry, "STRATEGIES", known)
    return known


NAMES = [*STRATEGIES, "ladder"]
SPECS = {
    "bisect": SearchSpec(name="bisect", cap=60),
    "posterior": SearchSpec(name="posterior", cap=60, max_trials=20),
    "grid": SearchSpec(name="grid", cap=60, depths=(3, 30)),
    "ladder": SearchSpec(name="ladder", cap=60),
}
OTHER = {
    "tune_lr": 5,
    "seeds": 5,
    "first_seed": 7,
    "depths": (6, 12),
    "cap": 48,
    "precision": 0.3,
    "max_trials": 9,
    "budget": "2h",
    "ahead": 5,
    "start": "bottom",
}


def cell_of(name: str, **settings: object) -> Cell:
    return replace(CELL, search=replace(SPECS[name], **settings))  # type: ignore[arg-type]


def oracle(world: int, limit: int, spec: TrialSpec) -> Outcome:
    lot = random.Random(f"{world} {spec.depth} {spec.seed}")
    trained = spec.depth + lot.uniform(-6, 6) <= limit
    return Outcome.TRAINED if trained else Outcome.STUCK


def driven(cell, order, train, stored=()):
    """The search at its end, its trials trained in a random order."""
    search = CellSearch.over(cell, stored)
    records = list(stored)
    while search.plan.wanted:
        assert len(records) < 200
        record = a_record(spec := order.choice(search.plan.wanted), train(spec))
        records.append(record)
        search = search.observe(record)
    return search, records


def test_every_strategy_is_tried_here():
    assert set(SPECS) == set(NAMES)
    assert set(OTHER) == set(SEARCH_SETTINGS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("limit", [0, 14, 100])
def test_neither_order_nor_interruption_changes_anything(strategies, name, limit):
    cell = cell_of(name)
    for world in range(3):

        def train(spec, world=world):
            return oracle(world, limit, spec)

        end, records = driven(cell, random.Random(0), train)
        shuffled = random.Random(1).sample(records, len(records))
        assert plan_cell(cell, shuffled) == end.plan
        for number in range(4):
            stored = random.Random(number).sample(records, number * len(records) // 4)
            again, all_records = driven(cell, random.Random(number), train, stored)
            assert again.plan == end.plan
            ids = [record.id for record in all_records]
            assert sorted(ids) == sorted({record.id for record in records})


@pytest.mark.parametrize("name", NAMES)
def test_what_was_measured_of_others_is_passed_over(strategies, name):
    cell = cell_of(name)
    begun = CellSearch.over(cell, [])
    foreign = [
        a_record(replace(spec, **{field: value}), Outcome.TRAINED)
        for spec in begun.plan.wanted
        for field, value in (("lr", 0.3), ("architecture", "x"), ("epochs", 1))
    ]
    assert CellSearch.over(cell, foreign).plan == begun.plan
    assert all(begun.observe(record) is begun for record in foreign)


@pytest.mark.parametrize("name", NAMES)
def test_a_search_in_which_nothing_can_be_measured_ends_without_an_answer(
    strategies, name
):
    cell = cell_of(name)
    end, records = driven(cell, random.Random(0), lambda _: Outcome.TIMED_OUT)
    assert end.plan.not_measured
    assert end.plan.unknown is not None
    result = study_result(StudySpec(arch=("elu",)), [cell], records).cells[0]
    assert result.status is Status.STOPPED
    assert answer_sentence(result).startswith(
        "has no decided depth yet; no answer, because of timed out at "
    )


@pytest.mark.parametrize("name", NAMES)
def test_settings_that_it_does_not_use_are_refused(strategies, name):
    check_search(cell_of(name))
    for setting, value in OTHER.items():
        cell = cell_of(name, **{setting: value})
        if setting in strategies[name].settings:
            check_search(cell)
        elif (name, setting) != ("bisect", "tune_lr"):
            with pytest.raises(ValueError, match=rf"^{setting} = .*{name}"):
                check_search(cell)


def test_a_search_for_rates_uses_more_of_them():
    cell = replace(cell_of("bisect", tune_lr=4), rate=Rate(range=(0.01, 1.0)))
    check_search(replace(cell, search=replace(cell.search, ahead=4)))
    with pytest.raises(ValueError, match=r"precision = 0\.3: search = bisect does not"):
        check_search(replace(cell, search=replace(cell.search, precision=0.3)))
    assert set(TUNED) <= set(STRATEGIES)


def test_an_unknown_search_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"^search = x: one of bisect, posterior, g"):
        strategy_of(SearchSpec(name="x"))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("bisect", {"depths": (9, 9)}, "depths = 9:9: search = bisect begins from two"),
        ("posterior", {"depths": (9, 9)}, "depths = 9:9: search = posterior begins"),
        ("bisect", {"depths": (4, 9)}, "depths: elu: 4 is not on the depth grid"),
        ("grid", {"depths": (4, 5)}, "depths: elu: 4 is not on the depth grid"),
        ("grid", {"depths": None}, "search = grid: needs the depths to train at"),
        ("grid", {"cap": 9}, "depths = 3:30: the upper end is above the cap 9"),
        ("posterior", {"cap": 2}, "cap = 2: elu starts at depth 3"),
        ("bisect", {"seeds": 2}, "seeds = 2: an odd number, so that a majority"),
    ],
)
def test_what_does_not_fit_is_refused(name, settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        check_search(cell_of(name, **settings))


def test_one_added_by_the_recipe_alone_is_run_shown_and_reported(strategies):
    """No other line of depthbench knows its name."""
    study = replace(STUDY, search="ladder", cap=60, first_seed=2)
    cell = under(study, CELL)
    assert cell.search.name == "ladder"
    begun = CellSearch.over(cell, [])
    progress = Progress([begun.plan], begun.plan.wanted, None, {})
    console = Console(width=160, record=True)
    with console.capture() as capture:
        console.print(progress_table(progress, 160))
    assert "probing 3 (seed 2); 0 trials of at most 20" in capture.get()
    assert cost_if(cell, 9, frozenset()).num_probes == 4
    end, records = driven(
        cell,
        random.Random(0),
        lambda s: Outcome.TRAINED if s.depth <= 15 else Outcome.STUCK,
    )
    assert standing_text(end.plan) == "trains 15, fails 18"
    result = study_result(study, [cell], records)
    row = tables_of(result)["depths"].frame.iloc[0]
    assert (row["search"], row["status"], row["deepest"]) == ("ladder", "done", "15")
    assert study_markdown(result).count("\n") == 3
    (said,) = [fact for fact in measured_facts(result) if fact.term == "A depth"]
    assert said.sentences == ("The depth rises until a training fails, or to 60.",)


def test_no_other_room_tells_searches_apart_by_name():
    source = Path(depthbench.__file__).parent
    name = f'"({"|".join(STRATEGIES)})"'
    told_apart = re.compile(rf"[=!]= {name}|case {name}|in \({name}|{name} (in|if) ")
    found = [
        f"{path.relative_to(source)}: {line.strip()}"
        for path in sorted(source.rglob("*.py")) + sorted(source.rglob("*.j2"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if told_apart.search(line)
    ]
    assert found == []
