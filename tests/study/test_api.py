"""The Python API: what a script, standard input and a notebook get from it."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from stored import stored_folder

import depthbench as db
from depthbench import runtime
from depthbench.architectures import ARCHITECTURES
from depthbench.datasets import DATASETS
from depthbench.datasets.image_data import DataMissingError
from depthbench.plugins import load_architectures
from depthbench.report.trial_columns import VOLATILE_COLUMNS
from depthbench.spec import StudySpec
from depthbench.study.drive import Progress
from depthbench.study.prepare import prepare
from depthbench.study.progress import show_progress
from depthbench.study.resolve import resolve_cells

# Flags and keywords of a study of two trainings that take half a second.
TINY = {"data": "stroke_digits", "search": "grid", "depths": (3, 6), "seeds": 1}
TINY |= {"epochs": 1, "train_limit": 512, "device": "cpu", "workers": 1}

SCRIPT = f"""
import torch
import depthbench as db

@db.architecture("pooled", lr=0.2, has_train_mode=False)
def pooled(depth, *, image_shape, num_classes, generator):
    linear = torch.nn.Linear(49, num_classes)
    return torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten(), linear)

result = db.measure(pooled, out="scripted", **{TINY!r})
print(result)
"""

ON_STANDARD_INPUT = f"""
import depthbench as db
net = db.Stack(name="mine", activation="tanh")
result = db.measure(net, out="typed", **{TINY!r})
print(result.k50.high, len(result.trials))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    DATASETS["stroke_digits"].fetch(folder / "data")
    return folder


def python(place, *args, text=None):
    return subprocess.run(
        [sys.executable, *args],
        cwd=place,
        input=text,
        capture_output=True,
        text=True,
        env={**os.environ, "DEPTHBENCH_DATA": str(place / "data")},
        check=False,
    )


def stable_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    return [{k: row[k] for k in row if k not in VOLATILE_COLUMNS} for row in rows]


def test_without_its_data_a_network_of_this_script_leaves_nothing(tmp_path):
    net = db.Stack(name="mine", activation="tanh")
    given = {"out": tmp_path / "r", "data_dir": tmp_path / "none", "fetch": False}
    with pytest.raises(DataMissingError):
        db.measure(net, data="mnist", **given)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_standard_input_measures_what_the_command_line_does(place):
    """The stack that was typed is in the results folder, for the command to take."""
    typed = python(place, "-", text=ON_STANDARD_INPUT)
    assert typed.returncode == 0, typed.stderr
    assert typed.stdout.split()[-1] == "2"
    flags = "--data stroke_digits --search grid --depths 3:6 --seeds 1 --epochs 1 "
    flags += "--train-limit 512 --device cpu --workers 1 --out commanded"
    file = ("--arch", "mine", "--plugin", "typed/mine.py")
    done = python(place, "-m", "depthbench", "run", *file, *flags.split())
    assert done.returncode == 0, done.stderr
    for name in ("trials.csv", "depths.csv"):
        expected = stable_rows(place / "commanded" / name)
        assert stable_rows(place / "typed" / name) == expected


@pytest.mark.slow
def test_a_script_needs_no_main_guard_for_the_network_it_defines(place):
    (place / "script.py").write_text(SCRIPT)
    done = python(place, "script.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pooled (stroke_digits, standard) ")
    assert done.stdout.count("\n") == 2, "the script ran in workers, beyond its call"
    again = python(place, "script.py")
    assert "every trial of this study is stored already" in again.stderr
    assert again.stdout == done.stdout


def test_importing_it_is_light():
    script = "import sys, depthbench; assert dir(depthbench)\n"
    script += "heavy = {'torch', 'numpy', 'pandas', 'click', 'rich'} & set(sys.modules)"
    script += "\nassert not heavy, heavy"
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == 0


def test_all_that_is_offered_is_there():
    for name in db.__all__:
        assert getattr(db, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'mesure'"):
        _ = db.mesure


# By value


def plain(name="mine", activation="tanh", **more):
    return db.Stack(name=name, activation=activation, **more)


def prepared(*args, **more):
    return prepare(*args, **({"data": "stroke_digits", "device": "cpu"} | more))


def test_a_stack_has_the_identity_of_its_description(tmp_path):
    """The same, whoever writes its file, and another for another stack."""
    one, same, other = (
        prepared(plain(activation=name), out=tmp_path).cells[0].template
        for name in ("tanh", "tanh", "elu")
    )
    assert one == same
    assert one.plugin_sha256 != other.plugin_sha256
    run = prepared(plain(), out=tmp_path)
    (tmp_path / "mine.py").write_text(run.written["mine.py"])
    (by_file,) = prepared(tmp_path / "mine.py").cells
    assert by_file.template == one
    assert run.context.plugins == (tmp_path / "mine.py",)


@pytest.mark.parametrize("arch", ["elu", ARCHITECTURES["elu"]], ids=["name", "value"])
def test_what_is_built_in_needs_no_file(arch):
    run = prepared(arch)
    assert (run.context.plugins, run.written) == ((), {})
    assert run.cells[0].template.plugin_sha256 is None
    assert prepared(["elu", "elu*_bn"]).study.arch == ("elu", "elu*_bn")


def typed():
    space = {"db": db}
    line = "x = db.architecture('typed', lr=0.1)(lambda depth, **_: None)"
    exec(compile(line, "<stdin>", "exec"), space)
    return space["x"]


REFUSED = {
    "typed": (typed, "typed: worker processes cannot load what was defined in a"),
    "taken": (lambda: plain("elu"), "the name 'elu' is taken by another architecture"),
    "no file": (lambda: "gone.py", "gone.py: no such file"),
    "nothing": (lambda: (), "name an architecture, as elu_bn, or a study file"),
    "unknown": (
        lambda: "elu_b_n",
        "unknown architecture 'elu_b_n'; did you mean elu_bn",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_workers_cannot_reach_is_refused_in_a_line(case):
    arch, message = REFUSED[case]
    with pytest.raises(db.UsageError) as caught:
        prepared(arch())
    assert message in str(caught.value)


def test_an_architecture_that_is_not_its_file_s_is_refused(tmp_path):
    (tmp_path / "net.py").write_text(
        "import depthbench as db\n"
        "@db.architecture('net', lr=0.1)\n"
        "def net(depth, **_):\n    pass\n"
    )
    space = {"__file__": str(tmp_path / "net.py")}
    code = (tmp_path / "net.py").read_text()
    exec(compile(code, str(tmp_path / "net.py"), "exec"), space)
    run = prepared(space["net"])
    assert run.context.plugins == (tmp_path / "net.py",)
    assert run.cells == prepared(str(tmp_path / "net.py")).cells
    (tmp_path / "net.py").write_text(code.replace("0.1", "0.2"))
    with pytest.raises(db.UsageError, match=r"net\.py, where it differs in lr; give"):
        prepared(space["net"])


def test_an_architecture_inside_a_function_is_refused(tmp_path):
    (tmp_path / "net.py").write_text(
        "import depthbench as db\n"
        "def make():\n"
        "    return db.architecture('net', lr=0.1)(lambda depth, **_: None)\n"
    )
    space = {}
    code = (tmp_path / "net.py").read_text()
    exec(compile(code, str(tmp_path / "net.py"), "exec"), space)
    with pytest.raises(
        db.UsageError, match=r"net\.py: .*defines no architecture: a mo"
    ):
        prepared(space["make"]())


MISTAKES = {
    "epoch": (3, "unknown key epoch; did you mean epochs?"),
    "epochs": (0, "epochs = 0: a whole number of at least 1"),
    "seeds": ("3", "seeds = '3': a whole number is expected"),
    "workers": (0, "workers = 0: a whole number of at least 1"),
    "timeout": (-1.0, "timeout = -1.0: seconds, above 0"),
    "engine": ("ray", "engine = ray: one of local, dask"),
    "scheduler": ("tcp://a:1", "scheduler = tcp://a:1: only for engine = dask"),
    "plugins": (["gone.py"], "plugins = gone.py: no such file"),
    "study": ("gone.toml", "gone.toml: No such file"),
    "depths": ([3, 10], "10 is not on the depth grid 3, 6, 9, ...; nearest: 9 and 12"),
}


@pytest.mark.parametrize("keyword", MISTAKES)
def test_a_mistake_is_a_usage_error_that_helps(keyword, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value, message = MISTAKES[keyword]
    with pytest.raises(db.UsageError) as caught:
        db.measure("elu", **{keyword: value})
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


# Results


@pytest.fixture
def folder(tmp_path):
    """Two cells, measured by an oracle up to depth 6."""
    study = StudySpec(
        name="r", arch=("elu", "tanh_naive"), device="cpu", kernels="reference"
    )
    cells = resolve_cells(study, load_architectures(), DATASETS, device="cpu")
    stored_folder(tmp_path / "r", study, cells)
    return tmp_path / "r"


def test_a_result_has_tables_intervals_and_figures(folder):
    result = db.load(folder)
    assert list(result.depths["trains"]) == [6, 6]
    assert len(result.trials) == len(result.found.records)
    assert len(result.epochs) == 3 * len(result.trials)
    with pytest.raises(db.UsageError, match=r'result\["elu@standard@mnist"\].k50'):
        _ = result.k50
    k50 = result["elu"].k50
    assert k50.low < 6 < k50.high
    assert db.load(f"{folder}:elu@standard").k50 == k50
    assert str(result).startswith("elu (mnist, standard) trains at depth 6")
    with pytest.raises(db.UsageError, match="figure = sucess: one of depths, success"):
        result.plot("sucess")
    with pytest.raises(db.UsageError, match=r"gone: no such cell; .* has elu@standard"):
        result["gone"]


@pytest.mark.slow
def test_a_notebook_shows_a_table_and_a_figure(folder):
    result = db.load(folder)
    html = result._repr_html_()
    assert html.count("<tr>") == 3
    assert 'src="data:image/svg+xml;base64,' in html
    assert result.plot()._repr_png_().startswith(b"\x89PNG")


def test_two_results_are_compared(folder):
    result = db.load(folder)
    found = db.compare(result["elu"], f"{folder}:tanh_naive")
    (one,) = found
    assert one.k50_a == result["elu"].k50
    assert found.table["ratio"][0] == pytest.approx(1, abs=0.5)
    assert "not told apart" in str(found) or "same" in str(found)
    assert "<table" in found._repr_html_()


COUNT = """
import collections, pathlib, sys
reads = collections.Counter()

def note(event, args):
    if event == "open" and isinstance(args[1], str):
        reads[pathlib.Path(str(args[0])).name] += "r" in args[1]

sys.addaudithook(note)
from depthbench.cli import main
sys.argv = ["depthbench", "run", *sys.argv[1:]]
try:
    main()
finally:
    print(reads["trials.jsonl"], reads["study.toml"])
"""


@pytest.mark.slow
def test_a_resumed_run_reads_what_is_stored_once(folder):
    flags = "--arch elu --arch tanh_naive --device cpu --kernels reference --out r"
    done = python(folder.parent, "-c", COUNT, *flags.split())
    assert "every trial of this study is stored already" in done.stderr
    # The study a second time, to see whether it is to be written.
    assert done.stdout.splitlines()[-1] == "1 2"


# Signals and progress


def test_the_second_signal_does_what_it_did_before():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), runtime.noted_signals() as stopped:
        assert stopped() == 0
        signal.raise_signal(signal.SIGINT)
        assert stopped() == signal.SIGINT
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_was_noted_is_carried_out_even_if_it_is_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt):
            runtime.end_by_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_notebook_sees_one_table_that_changes(monkeypatch, folder):
    """As IPython shows it: through a handle of one place in the page."""
    shown = []
    handle = SimpleNamespace(update=shown.append)
    module = SimpleNamespace(display=lambda first, display_id: handle)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    result = db.load(folder)
    plans = tuple(cell.plan for cell in result.cells)
    last = result.found.records[-1]
    with show_progress(num_workers=2) as report:
        report(Progress(plans, (), None, {}))
        report(Progress(plans, (), last, {last.id: last}))
    assert len(shown) == 2
    page = shown[-1]._repr_mimebundle_([], [])["text/plain"]
    assert "elu" in page
    assert f"last: {last.spec.architecture} on mnist" in page
