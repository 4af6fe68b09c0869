"""A run with nothing left to do leaves a report that is newer than its records."""

import os

from depthbench.report.freshness import is_up_to_date

DERIVED = ("depths.csv", "trials.csv", "epochs.csv", "report.html")


def folder_with(path, **ages):
    """A results folder whose files have these ages in seconds."""
    (path / "figures").mkdir()
    for name in ("study.toml", "trials.jsonl", *DERIVED):
        file = path / name
        file.touch()
        age = ages.get(name.partition(".")[0], 100 if name in DERIVED else 200)
        os.utime(file, (1e9 - age, 1e9 - age))
    return path


def test_a_newer_page_is_up_to_date(tmp_path):
    assert is_up_to_date(folder_with(tmp_path))


def test_a_later_record_or_study_is_not_on_the_page(tmp_path):
    for number, name in enumerate(("trials", "study")):
        place = tmp_path / str(number)
        place.mkdir()
        assert not is_up_to_date(folder_with(place, **{name: 50}))


def test_what_a_clone_lacks_is_written(tmp_path):
    (folder_with(tmp_path) / "trials.csv").unlink()
    assert not is_up_to_date(tmp_path)
