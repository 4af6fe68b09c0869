"""README and docs tell the truth: commands, examples, tables and links."""

import itertools
import re
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from places import ROOT
from toy import TOY_SETS

from depthbench import cli
from depthbench.bench.markdown import speed_markdown
from depthbench.bench.measurement import read_table
from depthbench.calibration.forecast_score import (
    read_forecasts,
    score_markdown,
    score_rows,
    score_table,
)
from depthbench.calibration.forecast_start import start_markdown
from depthbench.calibration.summary import calibration_markdown, read_rows, totals
from depthbench.plugins import load_architectures
from depthbench.record import Outcome, from_line
from depthbench.report import read_result, study_markdown, study_result
from depthbench.report.tables import tables_of
from depthbench.spec import TrialSpec, read_cells, read_study
from depthbench.store import read_records
from depthbench.study import dry_run
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial

README = (ROOT / "README.md").read_text(encoding="utf-8")
STUDIES = ROOT / "studies" / "README.md"
PAGES = (ROOT / "README.md", STUDIES, *sorted(ROOT.glob("docs/*.md")))
RESULTS = sorted(path.parent for path in ROOT.glob("results/*/depths.csv"))
COMMITTED = [path for path in RESULTS if path.name != "smoke"]


def named(page):
    return str(page.relative_to(ROOT))


def blocks(page, language):
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands():
    """Every `depthbench` command that a reader is told to give, once."""
    texts = [text for page in PAGES for text in blocks(page, "sh")]
    lines = [line for text in texts for line in text.splitlines()]
    return sorted({line for line in lines if line.startswith("depthbench ")})


@pytest.fixture
def plugin(tmp_path):
    (text,) = blocks(ROOT / "docs" / "architectures.md", "python")
    path = tmp_path / "my_arch.py"
    path.write_text(text)
    return path


@pytest.mark.slow
def test_the_example_plugin_defines_architectures_that_train(
    plugin, tmp_path, monkeypatch
):
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    registry = load_architectures([plugin])
    mine = [name for name in registry if registry[name].plugin_sha256]
    assert mine == ["gelu_norm", "mlp", "mlp_module", "mlp_tensors"]
    assert not registry.broken
    for name in mine:
        item = registry[name]
        spec = TrialSpec(
            architecture=name,
            depth=item.grid.start,
            data="toy",
            seed=0,
            lr=item.lr,
            epochs=40,
            batch_size=16,
            plugin_sha256=item.plugin_sha256,
        )
        record = run_trial(spec, TrialContext(data_dir=tmp_path, plugins=(plugin,)))
        assert record.outcome is Outcome.TRAINED, record.message


@pytest.mark.slow
@pytest.mark.parametrize("line", commands())
def test_every_command_is_understood(line, plugin, monkeypatch, capsys):
    """Down to the plan of a run; nothing is trained or written."""
    words = shlex.split(line)[1:]
    if words[0] == "run":
        words += ["--dry-run"]
    if words[0] == "data":
        words = [*words[:2], "--help"]
    if words[0] in ("bench", "forecast", "watch"):
        words += ["--help"]
    monkeypatch.chdir(plugin.parent)
    monkeypatch.setattr(dry_run, "time_layer_epoch", lambda spec, context: 1.0)
    (plugin.parent / "studies").symlink_to(ROOT / "studies")
    shutil.copytree(ROOT / "results", plugin.parent / "results")
    (plugin.parent / "README.md").write_text(README)
    images = plugin.parent / "my_images"
    for split, name in itertools.product(("train", "test"), ("cat", "dog")):
        (images / split / name).mkdir(parents=True)
        for number in range(2):
            picture = Image.new("RGB", (32, 32), (number, 90, 200))
            picture.save(images / split / name / f"{number}.png")
    monkeypatch.setattr(sys, "argv", ["depthbench", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0, capsys.readouterr().err


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda path: path.name)
def test_committed_depths_are_those_of_the_committed_records(folder):
    """`depthbench report results/NAME` would change nothing in depths.csv."""
    stored = read_records(folder)
    assert stored.num_damaged == 0
    study = read_study(folder / "study.toml")
    cells = read_cells(folder / "study.toml")
    tables = tables_of(study_result(study, cells, stored.records.values()))
    assert (folder / "depths.csv").read_text() == tables["depths"].csv


def records_of(path):
    return [from_line(line) for line in path.read_text().splitlines()]


def test_fused_and_reference_kernels_give_the_same_verdicts():
    """On MNIST: what either trained, the other did, alike through the first epoch."""
    stored = ROOT / "results/calibration/shared_seeds"
    fused = {record.id: record for record in records_of(stored / "notebook.jsonl")}
    pairs = []
    for record in records_of(stored / "reference_kernels.jsonl"):
        twin = fused.get(replace(record.spec, kernels="fused").id)
        if twin is not None:
            pairs.append((record, twin))
    assert len({(a.spec.architecture, a.spec.depth) for a, _ in pairs}) >= 5
    for usual, ours in pairs:
        is_trained = usual.outcome is Outcome.TRAINED
        assert is_trained == (ours.outcome is Outcome.TRAINED), usual.spec
        if is_trained:
            first, other = usual.epochs[0].test_error, ours.epochs[0].test_error
            assert other == pytest.approx(first, abs=0.005), usual.spec


def tables():
    """Every page with the name of every generated table in it.

    That of the notebooks has a test of its own, in `test_docs.py`.
    """
    return [
        (page, name)
        for page in PAGES
        if page.name != "notebooks.md"
        for name in re.findall(
            r"<!-- depthbench:([\w.-]+):start -->", page.read_text(encoding="utf-8")
        )
    ]


def test_the_readme_is_one_page():
    lines = README.splitlines()
    first_command = next(n for n, line in enumerate(lines) if line.startswith("```"))
    assert first_command < 20
    assert len(" ".join(lines[:first_command]).split()) <= 150
    assert len(README.split()) <= 900


def forecasts_and_measured():
    stored = read_forecasts(ROOT / "results/forecast/forecasts.json")
    return read_result(ROOT / "results/notebook"), stored


def test_the_committed_score_is_that_of_the_committed_records():
    rows = score_rows(*forecasts_and_measured())
    stored = (ROOT / "results/forecast/score.csv").read_text(encoding="utf-8")
    assert stored == score_table(rows).csv


@pytest.mark.parametrize(("page", "name"), tables(), ids=lambda each: Path(each).name)
def test_generated_tables_are_fresh(page, name):
    text = page.read_text(encoding="utf-8")
    start = f"<!-- depthbench:{name}:start -->"
    shown = text.split(start)[1].split(f"<!-- depthbench:{name}:end -->")[0]
    folder = ROOT / "results" / name
    if name == "forecast_start":
        stored = ROOT / "results/calibration/forecast_start.csv"
        table = start_markdown(pd.read_csv(stored))
    elif name == "forecast_score":
        table = score_markdown(score_rows(*forecasts_and_measured()))
    elif (folder / "bench.csv").exists():
        table = speed_markdown(read_table(folder / "bench.csv"))
    elif (folder / "calibration.csv").exists():
        table = calibration_markdown(totals(read_rows(folder / "calibration.csv")))
    else:
        table = study_markdown(read_result(folder))
    assert shown.strip() == table.strip()


def test_every_study_is_named():
    text = STUDIES.read_text(encoding="utf-8")
    for study in ROOT.glob("studies/**/*.toml"):
        name = study.relative_to(ROOT / "studies")
        assert f"[{name.with_suffix('')}]({name})" in text


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_a_page_points_to_is_there(page):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    for target in (each for each in targets if not each.startswith("https://")):
        assert (page.parent / target).exists(), target
