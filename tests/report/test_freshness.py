"""A run with nothing left to do leaves a report that is newer than its records."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from depthbench.report.freshness import is_up_to_date
from depthbench.spec import read_resolved, write_study

NOTEBOOK = Path(__file__).parents[2] / "results/notebook"
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


@pytest.mark.slow
def test_a_run_with_nothing_left_to_do_needs_no_torch_and_draws_nothing(tmp_path):
    out = tmp_path / "notebook"
    (out / "figures").mkdir(parents=True)
    shutil.copy(NOTEBOOK / "trials.jsonl", out)
    study, cells = read_resolved(NOTEBOOK / "study.toml")
    finished = [cell for cell in cells if cell.architecture == "tanh_naive"]
    text = write_study(
        replace(study, arch=("tanh_naive",), protocol=("notebook", "standard")),
        finished,
    )
    (out / "study.toml").write_text(text)
    for name in DERIVED:
        (out / name).touch()
    os.utime(out / "report.html", (4e9, 4e9))
    page = (out / "report.html").stat().st_mtime_ns
    script = (
        "import sys\n"
        "from depthbench import cli\n"
        f"sys.argv = ['depthbench', 'run', {str(out / 'study.toml')!r}, '--out', "
        f"{str(out)!r}]\n"
        "try:\n"
        "    cli.main()\n"
        "finally:\n"
        "    heavy = {'torch', 'pandas', 'matplotlib', 'seaborn', 'optuna', 'scipy'}\n"
        "    assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "every trial of this study is stored already" in done.stderr
    assert "tanh_naive (mnist, standard) trains at depth 6" in done.stdout
    assert (out / "report.html").stat().st_mtime_ns == page
