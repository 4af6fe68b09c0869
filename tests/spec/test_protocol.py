"""The fields of a protocol beyond plain SGD: checks, flags, files, words."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from fixtures.report.synthetic import World, cell, record_of

from depthbench.cli.options import study_options
from depthbench.datasets import DATASETS
from depthbench.plugins import load_architectures
from depthbench.record import Outcome
from depthbench.report.collect import study_result
from depthbench.report.facts import measured_facts
from depthbench.report.tables import tables_of
from depthbench.spec import StudySpec, read_study, study_of, write_study
from depthbench.spec.protocol import PROTOCOL_FIELDS
from depthbench.study.cost import seconds_per_layer_epoch, workload
from depthbench.study.resolve import resolve_cells

STUDY = StudySpec(name="made_up", arch=("net",), cap=48)

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"optimizer": "adagrad"}, "optimizer = adagrad: one of sgd, adam, rmsprop"),
    ({"normalization": "none"}, "normalization = none: one of data, half"),
    ({"l2": -1e-5}, "l2 = -1e-05: a finite number of at least 0"),
    ({"l2": float("nan")}, "l2 = nan: a finite number of at least 0"),
    ({"l2": float("inf")}, "l2 = inf: a finite number of at least 0"),
    (
        {"nesterov": True, "optimizer": "adam"},
        "nesterov = true: a correction of SGD's momentum; adam has none, leave "
        "nesterov out",
    ),
    (
        {"nesterov": True, "momentum": 0.0},
        "nesterov = true: needs a momentum above 0, as 0.9",
    ),
    (
        {"lr_milestones": (3,)},
        "lr_milestones = 3: whole numbers of epochs, increasing, above 0 and below "
        "epochs = 3",
    ),
    ({"lr_milestones": (0,)}, "lr_milestones = 0: whole numbers of epochs"),
    ({"lr_milestones": (2, 1)}, "lr_milestones = 2, 1: whole numbers of epochs"),
    ({"lr_milestones": (1, 1)}, "lr_milestones = 1, 1: whole numbers of epochs"),
    ({"lr_gamma": 0.0}, "lr_gamma = 0.0: a finite number above 0"),
    ({"lr_gamma": float("inf")}, "lr_gamma = inf: a finite number above 0"),
    ({"lr_gamma": 0.5}, "lr_gamma = 0.5: without effect; add lr_milestones"),
    (
        {"optimizer": "adam", "momentum": 0.5},
        "momentum = 0.5: without effect, adam has none; leave momentum out",
    ),
    ({"num_validation": -1}, "num_validation = -1: a whole number of at least 0"),
    ({"train_limit": 0}, "train_limit = 0: a whole number of at least 1"),
    (
        {"criterion": "validation"},
        "criterion = validation: needs images held out; add num_validation, as 1000",
    ),
    (
        {"criterion": "train_after"},
        "criterion = train_after: needs the training images tested on; add train_after",
    ),
    ({"test_every": "0it"}, "test_every = 0it: a whole number above 0 and its unit"),
    ({"test_every": "100"}, "test_every = 100: a whole number above 0 and its unit"),
    ({"test_every": "2 days"}, "test_every = 2 days: a whole number above 0 and its"),
    ({"warmup": -1}, "warmup = -1: a whole number of at least 0 steps"),
    ({"max_train_seconds": 0.0}, "max_train_seconds = 0: a finite number above 0"),
    ({"max_train_seconds": float("inf")}, "max_train_seconds = inf: a finite number"),
    ({"max_train_seconds": float("nan")}, "max_train_seconds = nan: a finite number"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        StudySpec(arch=("elu",), **fields)


FLAGS = {
    "--optimizer=adam": {"optimizer": "adam"},
    "--nesterov": {"nesterov": True},
    "--no-nesterov": {"nesterov": False},
    "--l2=1e-5": {"l2": 1e-5},
    "--lr-milestones=6,8": {"lr_milestones": (6, 8)},
    "--lr-gamma=0.5 --lr-milestones=1": {"lr_gamma": 0.5, "lr_milestones": (1,)},
    "--num-validation=1000": {"num_validation": 1000},
    "--train-limit=500": {"train_limit": 500},
    "--normalization=half": {"normalization": "half"},
    "--max-train-seconds=60": {"max_train_seconds": 60.0},
    "--test-every=2ep": {"test_every": "2ep"},
}


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_reaches_the_trial_and_survives_the_file(
    flag: str, tmp_path: Path
) -> None:
    studies = []

    @click.command()
    @study_options
    def command(**flags: Any) -> None:
        given = {key: each for key, each in flags.items() if each not in (None, ())}
        studies.append(study_of(given))

    arguments = ["--arch=elu", "--epochs=10", "--name=s", *flag.split()]
    ended = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert ended.exception is None, ended.exception
    (study,) = studies
    (found,) = resolve_cells(study, load_architectures(), DATASETS, device="cpu")
    for name, value in FLAGS[flag].items():
        assert getattr(study, name) == value
        assert getattr(found.template, name) == value
    path = tmp_path / "s.toml"
    path.write_text(write_study(study, ()))
    assert read_study(path) == study


# Another value for each, with what the field needs beside it.
CHANGES: dict[str, dict[str, Any]] = {
    "optimizer": {"optimizer": "adam"},
    "nesterov": {"nesterov": True},
    "l2": {"l2": 1e-5},
    "lr_milestones": {"lr_milestones": (1, 2)},
    "lr_gamma": {"lr_milestones": (1,), "lr_gamma": 0.5},
    "num_validation": {"num_validation": 1000},
    "train_limit": {"train_limit": 500},
    "normalization": {"normalization": "half"},
    "max_train_seconds": {"max_train_seconds": 60.0},
    "train_after": {"train_after": True},
    "test_every": {"test_every": "100it"},
    "warmup": {"warmup": 100},
}


def test_every_field_is_tried_here() -> None:
    assert tuple(CHANGES) == PROTOCOL_FIELDS


WORLD = World(limit=20)


def facts(study: StudySpec, *records: Any) -> dict[str, tuple[str, ...]]:
    result = study_result(study, [cell("net", study=study)], records)
    return {fact.term: fact.sentences for fact in measured_facts(result)}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "SGD with momentum 0.9, learning rate 0.05."),
        ({"optimizer": "adam"}, "batches of 256, Adam, learning rate 0.05."),
        ({"nesterov": True}, "SGD with Nesterov momentum 0.9, "),
        ({"lr_milestones": (2,)}, "learning rate 0.05 (times 0.1 after epoch 2)."),
        (
            {"lr_milestones": (1, 2), "lr_gamma": 0.5},
            "learning rate 0.05 (times 0.5 after epochs 1 and 2).",
        ),
        (
            {"l2": 1e-5, "weight_decay": 1e-4},
            ", weight decay 0.0001, a penalty of 1e-05 times the sum of the squared "
            "weights of convolutions and linear layers, which no loss here contains.",
        ),
        (
            {"max_train_seconds": 60.0},
            ", at most 60 s of training per trial, evaluations not counted.",
        ),
    ],
)
def test_the_report_tells_the_protocol(fields: dict[str, Any], words: str) -> None:
    told = facts(replace(STUDY, **fields))
    assert words in told["Training"][0]
    limit = "of those that 60 s of training have room for, is below"
    assert (limit in told["A trial"][0]) is ("max_train_seconds" in fields)


def test_machines_that_read_alike_are_one_sentence() -> None:
    """Of three environments two differ in nothing that is told here."""
    net = cell("net", study=STUDY)
    records = [record_of(net.trial(3, n), Outcome.TRAINED, WORLD) for n in range(4)]
    first = records[0].environment
    assert first is not None
    others = [
        first,
        first,
        replace(first, git_commit="fedcba9"),
        replace(first, torch="2.16.0"),
    ]
    pairs = zip(records, others, strict=True)
    sentences = facts(STUDY, *(replace(r, environment=e) for r, e in pairs))["Machine"]
    assert [sentence.rpartition("; ")[2] for sentence in sentences] == [
        "3 trials.",
        "1 trial.",
    ]


def test_a_trial_that_a_limit_ended_is_shown_as_one() -> None:
    study = replace(STUDY, max_train_seconds=60.0)
    net = cell("net", study=study)
    whole = record_of(net.trial(3, 0), Outcome.TRAINED, WORLD)
    cut = replace(
        whole, epochs=whole.epochs[:2], num_steps=300, ended_by="max_train_seconds"
    )
    tables = tables_of(study_result(study, [net], [cut]))
    (row,) = tables["trials"].frame.to_dict("records")
    assert (row["stopped_early"], row["num_epochs"]) == ("max_train_seconds", 2)
    assert row["test_error"] == cut.epochs[-1].test_error[-1]


def test_an_epoch_that_was_cut_does_not_tell_the_pace() -> None:
    whole = record_of(cell("net", study=STUDY).trial(3, 0), Outcome.TRAINED, WORLD)
    short = replace(whole.epochs[1], seconds=0.001)
    cut = replace(whole, epochs=(whole.epochs[0], short), ended_by="max_train_seconds")
    pace = whole.epochs[0].seconds / 3
    assert seconds_per_layer_epoch([cut])[workload(cut.spec)] == pytest.approx(pace)
    assert seconds_per_layer_epoch([replace(cut, epochs=(short,))]) == {}


def test_each_data_set_and_plugin_has_a_pace_of_its_own() -> None:
    many = cell("net", study=STUDY).trial(3, 0)
    seconds = {
        many: 60.0,
        replace(many, plugin_sha256="edited"): 1.0,
        replace(many, data="other"): 30.0,
    }
    records = []
    for spec, duration in seconds.items():
        whole = record_of(spec, Outcome.TRAINED, WORLD)
        timed = tuple(replace(epoch, seconds=duration) for epoch in whole.epochs)
        records.append(replace(whole, epochs=timed))
    paces = seconds_per_layer_epoch(records)
    for spec, duration in seconds.items():
        assert paces[workload(spec)] == pytest.approx(duration / 3)
