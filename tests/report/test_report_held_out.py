"""What a report tells of images held out, of a limit and of normalisation."""

from dataclasses import replace

import pytest
from fixtures.report.synthetic import World, cell, search

from depthbench.record import EvaluationPoint
from depthbench.report.accuracies import accuracies_table
from depthbench.report.collect import study_result
from depthbench.report.facts import measured_facts
from depthbench.report.results import StudyResult
from depthbench.report.tables import tables_of
from depthbench.spec import StudySpec

PLAIN = StudySpec(name="made_up", arch=("net",), cap=12)
HELD_OUT = replace(PLAIN, num_validation=100, criterion="validation")


def result_of(study: StudySpec) -> StudyResult:
    """Two trials with two heads each; those of one that holds out images say so."""
    net = cell("net", study=PLAIN)
    world = World(limit=9)
    template = replace(net.template, num_validation=study.num_validation)
    own = replace(net, template=template, criterion=study.criterion_of("standard"))
    records = []
    for record in search([net], lambda _: world)[:2]:
        epochs = [
            replace(
                epoch,
                train_loss=epoch.train_loss * 2,
                train_error=epoch.train_error * 2,
                test_loss=epoch.test_loss * 2,
                test_error=epoch.test_error * 2,
                validation_loss=(1.0, 2.0) if study.num_validation else None,
                validation_error=(0.25, 0.125) if study.num_validation else None,
            )
            for epoch in record.epochs
        ]
        spec = replace(record.spec, num_validation=study.num_validation)
        records.append(replace(record, spec=spec, epochs=tuple(epochs)))
    return study_result(study, [own], records)


def test_images_held_out_have_columns_of_their_own() -> None:
    tables = tables_of(result_of(HELD_OUT))
    assert set(tables["trials"].frame["validation_error"]) == {0.125}
    assert set(tables["trials"].frame["criterion_error"]) == {0.125}
    assert set(tables["trials"].frame["heads_mean_validation_error"]) == {0.1875}
    assert tables["epochs"].frame["validation_loss"].tolist()[:2] == [1.0, 2.0]
    assert tables["epochs"].frame["validation_error"].tolist()[:2] == [0.25, 0.125]


def test_the_columns_are_empty_where_none_are_held_out() -> None:
    tables = tables_of(result_of(PLAIN))
    assert len(tables["trials"].frame) == 2
    names = ("validation_error", "heads_mean_validation_error")
    assert all(tables["trials"].frame[name].isna().all() for name in names)
    for name in ("validation_loss", "validation_error"):
        assert tables["epochs"].frame[name].isna().all()


@pytest.mark.parametrize(
    ("study", "told"),
    [
        (PLAIN, "learning rate 0.05."),
        (replace(PLAIN, train_limit=1), ", the first 1 training image only."),
        (HELD_OUT, ", the last 100 training images held out for validation."),
        (
            replace(HELD_OUT, train_limit=500, normalization="half"),
            "learning rate 0.05, the first 500 training images only, the last 100 "
            "training images held out for validation, pixels scaled to between -1 "
            "and 1.",
        ),
    ],
)
def test_the_facts_tell_which_images_are_trained_on(
    study: StudySpec, told: str
) -> None:
    facts = {fact.term: fact.sentences for fact in measured_facts(result_of(study))}
    assert facts["Training"][0].endswith(told)


def test_the_facts_tell_of_a_criterion_on_images_held_out() -> None:
    (sentence,) = measured_facts(result_of(HELD_OUT))[0].sentences
    assert "its error on the training images held out after the last of" in sentence


def test_tests_on_the_training_images_and_within_epochs_have_columns_and_rows() -> None:
    result = result_of(replace(HELD_OUT, train_after=True))
    first, *others = result.records
    last = replace(first.epochs[-1], train_error_after=(0.5, 0.375))
    tested = replace(
        first,
        epochs=(*first.epochs[:-1], last),
        tests=(
            EvaluationPoint(0, (2.3, 2.4), (0.9, 0.875)),
            EvaluationPoint(300, (1.0, 1.5), (0.5, 0.25)),
        ),
    )
    found = study_result(result.study, [result.cells[0].cell], [tested, *others])
    tables = tables_of(found)
    trials = tables["trials"].frame.set_index("trial").loc[first.id]
    assert trials["train_after_error"] == 0.375
    assert trials["heads_mean_train_after_error"] == 0.4375
    epochs = tables["epochs"].frame
    own = epochs[epochs["trial"] == first.id]
    assert own["num_steps"].tolist() == [
        each for each in (0, 235, 300, 470, 705) for _ in (1, 2)
    ]
    within = own[own["epoch"].isna()]
    assert within["validation_error"].tolist() == [0.9, 0.875, 0.5, 0.25]
    assert within["head"].tolist() == [1, 2, 1, 2]
    assert set(within["num_heads"]) == {2}
    assert within["test_error"].isna().all()
    assert own["train_after_error"].tolist()[-2:] == [0.5, 0.375]
    assert own["train_after_error"].notna().sum() == 2


def test_accuracies_show_those_after_the_epoch_where_there_are_any() -> None:
    result = result_of(HELD_OUT)
    titles = [each.title for each in accuracies_table(result).display().headings]
    assert "training after" not in titles
    records = [
        replace(
            record,
            epochs=tuple(replace(e, train_error_after=(0.5,)) for e in record.epochs),
        )
        for record in result.records
    ]
    found = study_result(result.study, [result.cells[0].cell], records)
    assert "50.00 %" in accuracies_table(found).markdown().splitlines()[-1]
