"""`depthbench compare`: which cells, what it says of them, and when it fails."""

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.report.synthetic import ENVIRONMENT, World, cell, search

from depthbench import cli
from depthbench.record import TrialRecord, to_line
from depthbench.report import read_result
from depthbench.report.comparison import Comparison, Side, compare
from depthbench.report.comparison_tables import COMPARISON_COLUMNS
from depthbench.spec import StudySpec, write_study

STUDY = StudySpec(name="made_up", arch=("net",), seeds=5, cap=192)
Change = Callable[[TrialRecord], TrialRecord]


def make(
    folder: Path,
    *limits: float,
    study: StudySpec = STUDY,
    change: Change = lambda record: record,
    lr: float = 0.05,
    data: str = "mnist",
) -> Path:
    """A results folder of made-up architectures net, net1, ... with these limits."""
    worlds = {f"net{n or ''}": World(limit, 0.3) for n, limit in enumerate(limits)}
    cells = [
        cell(name, study=study, protocol=protocol, lr=lr, data=data)
        for name in worlds
        for protocol in study.protocol
    ]
    records = search(cells, lambda one: worlds[one.architecture])
    folder.mkdir()
    (folder / "study.toml").write_text(write_study(study, cells), encoding="utf-8")
    lines = "".join(to_line(change(record)) for record in records)
    (folder / "trials.jsonl").write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run `depthbench compare` in this process; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["depthbench", "compare", *args])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


def compared(a: Path, b: Path) -> Comparison:
    sides = [Side(study, study.cells[0]) for study in map(read_result, (a, b))]
    found = compare(*sides)
    assert found is not None
    return found


def test_a_result_is_not_different_from_itself(call, tmp_path) -> None:
    make(tmp_path / "a", 40)
    code, out, _ = call("a", "a", "--fail-on-worse")
    assert code == 0
    assert "1.00 (1.00 to 1.00)" in out and "the same trials" in out
    assert "nothing differs" in out


def test_a_repetition_in_other_seconds_is_the_same_training(tmp_path) -> None:
    def later(record: TrialRecord) -> TrialRecord:
        epochs = tuple(replace(e, seconds=9 * e.seconds) for e in record.epochs)
        return replace(record, epochs=epochs, seconds=900.0, finished_at="2027")

    a = make(tmp_path / "a", 40)
    slower = make(tmp_path / "b", 40, change=later)
    found = compared(a, slower)
    assert found.is_same and found.ratio.low == found.ratio.high == 1
    assert found.posterior.probability_b_deeper == 0.5


def test_other_numbers_of_one_spec_are_another_training(tmp_path) -> None:
    """As of another version of PyTorch: equal outcomes, but a second measurement."""

    def elsewhere(record: TrialRecord) -> TrialRecord:
        epochs = tuple(replace(e, train_loss=(0.5,)) for e in record.epochs)
        environment = replace(ENVIRONMENT, torch="2.11.0")
        return replace(record, epochs=epochs, environment=environment)

    found = compared(
        make(tmp_path / "a", 40), make(tmp_path / "b", 40, change=elsewhere)
    )
    diverged = sum(not t.record.epochs for t in found.a.cell.evidence)
    assert found.num_shared == diverged < found.pairs.total == found.num_trials_a
    assert found.ratio.low < 1 < found.ratio.high
    assert [(d.field, d.a, d.b) for d in found.differences] == [
        ("torch", "2.15.0", "2.11.0")
    ]


@pytest.mark.slow
def test_a_shallower_b_fails_when_asked_to(call, tmp_path) -> None:
    make(tmp_path / "a", 90)
    make(tmp_path / "b", 30)
    code, out, _ = call("a", "b")
    assert code == 0 and "B is shallower" in out
    code, _, err = call("a", "b", "--fail-on-worse")
    assert code == 1 and "worse: net" in err
    code, out, _ = call("a", "b", "--fail-on-worse", "--tolerance", "0.9")
    assert code == 0
    code, out, _ = call("b", "a", "--fail-on-worse")
    assert code == 0 and "B is deeper" in out


def test_unequal_settings_are_unresolved_although_one_is_shallower(
    call, tmp_path
) -> None:
    make(tmp_path / "a", 90)
    make(tmp_path / "b", 30, lr=0.1)
    code, out, _ = call("a", "b")
    assert code == 0 and "B is shallower" in out
    assert "training: lr: 0.05 | 0.1" in out
    code, _, err = call("a", "b", "--fail-on-worse")
    assert code == 5
    assert "unresolved: net@standard@mnist: lr is 0.05 in A, 0.1 in B" in err


def test_two_architectures_may_have_learning_rates_of_their_own(call, tmp_path) -> None:
    make(tmp_path / "a", 30)
    both = make(tmp_path / "b", 20, 90, lr=0.1)
    code, _, err = call("a", f"{both}:net1", "--fail-on-worse")
    assert code == 0, err


def test_a_missing_side_is_unresolved_and_a_worse_one_goes_first(
    call, tmp_path
) -> None:
    make(tmp_path / "a", 40, 90)
    make(tmp_path / "b", 40)
    make(tmp_path / "c", 15)
    code, _, err = call("a", "b", "--fail-on-worse")
    assert code == 5
    assert "unresolved: net1@standard@mnist of a has no counterpart" in err
    code, _, err = call("a", "c", "--fail-on-worse")
    assert (
        code == 1 and "worse: net@standard@mnist" in err and "unresolved: net1" in err
    )


def test_too_few_trials_are_unresolved_and_not_the_same(call, tmp_path) -> None:
    make(tmp_path / "a", 40)
    path = make(tmp_path / "b", 40) / "trials.jsonl"
    first = path.read_text(encoding="utf-8").splitlines(keepends=True)[:6]
    path.write_text("".join(first), encoding="utf-8")
    code, out, _ = call("a", "b")
    assert code == 0
    assert "unresolved" in out and "too few trials: B is unfinished" in out
    assert "not told apart" not in out
    assert call("a", "b", "--fail-on-worse")[0] == 5


def test_a_summary_for_a_job_says_first_what_counts(call, tmp_path) -> None:
    make(tmp_path / "a", 90, 40)
    make(tmp_path / "b", 30, 40)
    code, out, _ = call("a", "b", "--format", "github", "--fail-on-worse")
    assert code == 1
    first, _, second, *rest = out.splitlines()
    assert first == "**depthbench** 2 comparisons: 1 worse, 0 unresolved"
    assert second == "- worse: net@standard@mnist"
    table = "\n".join(rest)
    assert table.index("<details>") < table.index("| net (mnist, standard) / net (")
    assert table.rstrip().endswith("</details>")
    assert "B is shallower |" in table and "the same trials |" in table


def test_a_censored_side_is_a_bound(call, tmp_path) -> None:
    make(tmp_path / "a", 30)
    make(tmp_path / "b", 500)
    code, out, _ = call("a", "b")
    assert code == 0 and "≥" in out
    found = compared(tmp_path / "a", tmp_path / "b")
    assert found.ratio.median is None and found.ratio.high is None
    assert found.ratio.low > 3
    assert compared(tmp_path / "b", tmp_path / "a").is_worse()


def test_other_data_and_another_criterion_are_said_loudly(call, tmp_path) -> None:
    make(tmp_path / "a", 40)
    make(tmp_path / "b", 40, data="kmnist")
    make(tmp_path / "c", 40, study=replace(STUDY, threshold=0.1))
    assert "NOT THE SAME DATA: data: mnist | kmnist" in call("a", "b")[1]
    assert 'NOT THE SAME "TRAINS": threshold: 0.2 | 0.1' in call("a", "c")[1]


def test_trials_that_no_search_asked_for_count_too(tmp_path) -> None:
    """As the report's k50 rests on them."""
    a = make(tmp_path / "a", 40)
    wide = make(tmp_path / "b", 40)
    study = replace(STUDY, search="grid", depths=(3, 90), seeds=2)
    more = make(tmp_path / "more", 40, study=study)
    with (wide / "trials.jsonl").open("a") as file:
        file.write((more / "trials.jsonl").read_text())
    found = compared(a, wide)
    assert found.num_trials_b == len(found.b.cell.evidence) > found.num_trials_a
    assert found.k50_b == found.b.cell.fit.k50 != found.k50_a
    assert found.num_shared == found.pairs.total == found.num_trials_a


BOTH = replace(STUDY, arch=("net", "net1"), protocol=("standard", "notebook"), seeds=1)
MATCHES = {
    ("a", "b"): [("net", "standard"), ("net", "notebook")],
    ("a:net@standard", "b"): [("net", "standard")],
    ("a:net1@notebook", "b:net@standard"): [("net1", "notebook")],
    ("a:net1", "b:net"): [("net1", "standard"), ("net1", "notebook")],
    ("a:*1@mnist", "a:net@mnist"): [("net1", "standard"), ("net1", "notebook")],
    ("a:net@mnist@standard", "a:net1@standard@mnist"): [("net", "standard")],
}


@pytest.mark.parametrize("args", MATCHES, ids=" ".join)
def test_cells_that_belong_together(call, tmp_path, args) -> None:
    make(tmp_path / "a", 20, 30, study=BOTH)
    make(tmp_path / "b", 24, study=BOTH)
    code, out, err = call(*args, "--json")
    assert code == 0, err
    rows = json.loads(out)["comparisons"]
    found = [(row["architecture_a"], row["protocol_a"]) for row in rows]
    assert found == MATCHES[args]
    assert ("net1@standard@mnist of a has no counterpart" in err) == (args[0] == "a")


MISTAKES = {
    ("gone", "b"): "gone: no such folder; give a results folder, or FOLDER:ARCH",
    ("a:elu", "b"): "elu: no such cell; a has net@standard@mnist",
    ("a:net@kmnist", "b"): "no such cell; a has net@standard@mnist",
    ("a:net@x@y", "b"): "write ARCH@PROTOCOL@DATA",
    ("a:net@", "b"): "write ARCH@PROTOCOL@DATA",
    (".", "b"): "no results folder: it has no study.toml",
    ("a", "b", "--tolerance", "5"): "'5': a fraction from 0 to below 1",
    ("a", "b", "--tolerance", "nan"): "'nan': a fraction from 0 to below 1",
    ("a",): "Missing argument 'B'",
}


@pytest.mark.parametrize("args", MISTAKES, ids=" ".join)
def test_a_mistake_gets_exit_2_and_one_helpful_line(call, tmp_path, args) -> None:
    make(tmp_path / "a", 20, 30, study=replace(STUDY, seeds=1))
    make(tmp_path / "b", 20, 30, 40, study=replace(STUDY, seeds=1))
    (make(tmp_path / "empty", 20) / "trials.jsonl").unlink()
    code, out, err = call(*args)
    assert code == 2, err
    assert MISTAKES[args] in err
    assert out == "" and len(err.strip().splitlines()) <= 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("a:net*", "b:net2"), "A and B have no cell in common: A has net@standard"),
        (("a:net", "empty"), "nothing to compare: net@standard@mnist or"),
    ],
)
def test_two_sides_without_a_pair_are_unresolved(call, tmp_path, args, said) -> None:
    make(tmp_path / "a", 20, 30, study=replace(STUDY, seeds=1))
    make(tmp_path / "b", 20, 30, 40, study=replace(STUDY, seeds=1))
    (make(tmp_path / "empty", 20) / "trials.jsonl").unlink()
    code, out, err = call(*args)
    assert code == 5, err
    assert f"unresolved: {said}" in err and out == ""


def test_the_csv_file_holds_what_json_does(call, tmp_path) -> None:
    make(tmp_path / "a", 40)
    make(tmp_path / "b", 500, lr=0.1)
    code, out, err = call("a", "b", "--csv", "c.csv", "--json")
    assert code == 0, err
    (document,) = json.loads(out)["comparisons"]
    (row,) = csv.DictReader((tmp_path / "c.csv").read_text().splitlines())
    assert list(row) == [column.name for column in COMPARISON_COLUMNS]
    for name, value in row.items():
        if name == "differences":
            assert value == "lr: 0.05 | 0.1"
        else:
            assert value == ("" if document[name] is None else str(document[name]))
    assert row["ratio"] == "" and float(row["ratio_low"]) > 1
    assert document["differences"] == [
        {"kind": "training", "field": "lr", "a": "0.05", "b": "0.1"}
    ]


def test_a_csv_file_that_cannot_be_written_is_said(call, tmp_path) -> None:
    make(tmp_path / "a", 40)
    code, _, err = call("a", "a", "--csv", "no/such/c.csv")
    assert code == 3 and "no/such" in err and "Traceback" not in err
