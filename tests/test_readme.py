"""The README tells the truth: its example runs, its tables are those of the results."""

import json
import re
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from toy import TOY_SETS

from depthbench import cli
from depthbench.bench.markdown import speed_markdown
from depthbench.calibration.markdown import calibration_markdown
from depthbench.plugins import load_architectures
from depthbench.record import Outcome
from depthbench.report import read_result, study_markdown
from depthbench.report.tables import build_tables, to_csv
from depthbench.spec import TrialSpec, read_cells, read_study
from depthbench.store import read_records
from depthbench.study import dry_run
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = (ROOT / "README.md", ROOT / "studies" / "README.md")
RESULTS = sorted(path.parent for path in ROOT.glob("results/*/depths.csv"))
COMMITTED = [path for path in RESULTS if path.name not in ("smoke", "notebook")]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands():
    """Every `depthbench` command that a reader is told to give."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("depthbench ")]


@pytest.fixture
def plugin(tmp_path):
    (text,) = blocks("python")
    path = tmp_path / "my_arch.py"
    path.write_text(text)
    return path


def test_the_example_plugin_defines_architectures_that_train(
    plugin, tmp_path, monkeypatch
):
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    registry = load_architectures([plugin])
    mine = [name for name in registry if registry[name].plugin_sha256]
    assert mine == ["gelu_bn", "mlp", "mlp_module", "mlp_tensors"]
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


@pytest.mark.parametrize("line", commands())
def test_every_command_is_understood(line, plugin, monkeypatch, capsys):
    """Down to the plan of a run; nothing is trained or written."""
    words = shlex.split(line)[1:]
    if words[0] == "run":
        words += ["--dry-run"]
    if words[0] == "data":
        words = [*words[:2], "--help"]
    monkeypatch.chdir(plugin.parent)
    monkeypatch.setattr(dry_run, "time_layer_epoch", lambda spec, context: 1.0)
    (plugin.parent / "studies").symlink_to(ROOT / "studies")
    shutil.copytree(ROOT / "results", plugin.parent / "results")
    (plugin.parent / "README.md").write_text(README)
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
    tables = build_tables(study, cells, stored.records.values())
    assert (folder / "depths.csv").read_text() == to_csv(tables.depths)


def test_fused_and_reference_kernels_give_the_same_verdicts():
    """On MNIST: what either trained, the other did, alike through the first epoch."""
    fused = read_records(ROOT / "results/notebook").records
    pairs = []
    for record in read_records(ROOT / "results/reference_kernels").records.values():
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_tables_in_the_readme_are_fresh(page):
    text = page.read_text(encoding="utf-8")
    names = re.findall(r"<!-- depthbench:([\w.-]+):start -->", text)
    assert names
    for name in names:
        start = f"<!-- depthbench:{name}:start -->"
        shown = text.split(start)[1].split(f"<!-- depthbench:{name}:end -->")[0]
        folder = ROOT / "results" / name
        if (folder / "bench.json").exists():
            table = speed_markdown(json.loads((folder / "bench.json").read_text()))
        elif (folder / "calibration.json").exists():
            stored = (folder / "calibration.json").read_text()
            table = calibration_markdown(json.loads(stored))
        else:
            table = study_markdown(read_result(folder))
        assert shown.strip() == table.strip()


def test_every_study_is_named():
    text = PAGES[1].read_text(encoding="utf-8")
    for study in ROOT.glob("studies/**/*.toml"):
        name = study.relative_to(ROOT / "studies")
        assert f"[{name.with_suffix('')}]({name})" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_every_file_the_readme_points_to_is_there(page):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    for target in (each for each in targets if not each.startswith("https://")):
        assert (page.parent / target).exists(), target
