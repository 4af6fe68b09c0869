"""The command line as a stranger meets it: help, mistakes, exit codes, messages."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from places import ROOT
from stored import stored_folder
from toy import TOY_SETS, know_toy

from depthbench import datasets
from depthbench.architectures import ARCHITECTURES
from depthbench.cli import results
from depthbench.datasets import DATASETS
from depthbench.engine import opening
from depthbench.plugins import load_architectures
from depthbench.spec import StudySpec, read_cells, write_study
from depthbench.spec.field_help import field_help
from depthbench.spec.study import STUDY_KEYS
from depthbench.study.resolve import resolve_cells

ELU = ("run", "--arch", "elu")
MISTAKES = {
    ("run",): "name an architecture, as elu_bn, or a study file",
    ("run", "--arch", "elu_b_n"): "unknown architecture 'elu_b_n'; did you mean elu_bn",
    ("run", "--arch", "res*net*50"): "no architecture matches 'res*net*50'; known:",
    (*ELU, "--data", "mnits"): "unknown data set 'mnits'; did you mean mnist",
    (*ELU, "--kernels", "fast"): "kernels = fast: one of auto, reference, fused",
    (*ELU, "--protocol", "notbook"): "protocol = notbook: one of standard, notebook",
    (*ELU, "--init", "he"): "initializer = 'he': one of default, kaiming, fan_in",
    (*ELU, "--epochs", "0"): "epochs = 0: a whole number of at least 1",
    (*ELU, "--epochs", "three"): "'three' is not a valid integer",
    (*ELU, "--batch", "-1"): "batch = -1: a whole number of at least 1",
    (*ELU, "--lr", "nan"): "lr = nan: a finite number above 0",
    (*ELU, "--lr", "0"): "lr = 0.0: a finite number above 0",
    (*ELU, "--momentum", "1.5"): "momentum = 1.5: from 0 to below 1",
    (*ELU, "--momentum", "nan"): "momentum = nan: from 0 to below 1",
    (
        *ELU,
        "--weight-decay",
        "inf",
    ): "weight_decay = inf: a finite number of at least 0",
    (*ELU, "--threshold", "20"): "threshold = 20.0: an error is a fraction above 0",
    (
        *ELU,
        "--criterion",
        "tset",
    ): "criterion = 'tset': allowed are either, train, train_after, test",
    (*ELU, "--seeds", "2"): "seeds = 2: an odd number, so that a majority exists",
    (*ELU, "--seeds", "0"): "seeds = 0: a whole number of at least 1",
    (*ELU, "--first-seed", "-1"): "first_seed = -1: a whole number of at least 0",
    (
        *ELU,
        "--depths",
        "3:10",
    ): "10 is not on the depth grid 3, 6, 9, ...; nearest: 9 and 12",
    (*ELU, "--depths", "1:9"): "1 is not on the depth grid 3, 6, 9, ...; nearest: 3",
    (*ELU, "--depths", "9:3"): "depths = 9:3: LOW:HIGH with 0 < LOW < HIGH",
    (*ELU, "--depths", "9"): "'9': two whole numbers, as in 30:90",
    (*ELU, "--depths", "3.5:9"): "'3.5:9': two whole numbers, as in 30:90",
    (*ELU, "--depths", "3:900"): "the upper end is above the cap 768; raise --cap",
    (*ELU, "--search", "bayes"): "search = bayes: one of bisect, posterior, grid",
    (*ELU, "--search", "grid"): "search = grid: needs the depths to train at; add",
    (*ELU, "--search", "grid", "--depths", "10:11"): "10 is not on the depth grid",
    (*ELU, "--precision", "15"): "precision = 15.0: a fraction above 0 and below 1",
    (*ELU, "--precision", "nan"): "precision = nan: a fraction above 0 and below 1",
    (*ELU, "--max-trials", "0"): "max_trials = 0: a whole number of at least 1",
    (*ELU, "--max-trials", "many"): "'many' is not a valid integer",
    (*ELU, "--ahead", "0"): "ahead = 0: a whole number of at least 1",
    (*ELU, "--budget", "2h"): "search = bisect does not use it; leave it out, or take",
    (*ELU, "--max-trials", "9"): "max_trials = 9: search = bisect does not use it",
    (*ELU, "--precision", "0.1"): "precision = 0.1: search = bisect does not use it",
    (*ELU, "--ahead", "4"): "ahead = 4: search = bisect does not use it",
    (
        *ELU,
        "--search",
        "posterior",
        "--budget",
        "2 hours",
    ): "budget = 2 hours: a number above 0 and a unit",
    (*ELU, "--search", "posterior", "--budget", "0le"): "budget = 0le: a number above",
    (*ELU, "--search", "posterior", "--cap", "2"): "cap = 2: elu starts at depth 3",
    (*ELU, "--cap", "2"): "cap = 2: elu starts at depth 3",
    (*ELU, "--device", "tpu"): "device = tpu: one of auto, cpu, cuda",
    (*ELU, "--name", "../up"): "name = '../up': letters, digits",
    (*ELU, "--workers", "0"): "0 is not in the range x>=1",
    (*ELU, "--timeout", "nan"): "'nan': seconds, above 0",
    (*ELU, "--timeout", "inf"): "'inf': seconds, above 0",
    (*ELU, "--timeout", "soon"): "'soon': seconds, above 0",
    (*ELU, "--out", ""): "the name of a folder is empty",
    (*ELU, "--data-dir", ""): "the name of a folder is empty",
    (*ELU, "--timeout", "0"): "'0': seconds, above 0",
    (*ELU, "--plugin", "gone.py"): "File 'gone.py' does not exist",
    (*ELU, "--epoch", "3"): "No such option",
    ("run", "gone.toml"): "File 'gone.toml' does not exist",
    ("show", "elu_b_n"): "did you mean elu_bn",
    ("show", "elu", "--plot", "x.png"): "--plot x.png: give --depth K, and one of .png",
    (
        "show",
        "elu",
        "--depth",
        "6",
        "--plot",
        "x.gif",
    ): "--plot x.gif: give --depth K, and one of .png",
    ("check",): "Missing argument 'NAME|FILE.py...'",
    ("check", "elu_b_n"): "unknown architecture 'elu_b_n'; did you mean elu_bn",
    ("check", "zz*"): "no architecture matches 'zz*'",
    ("check", "gone.py"): "gone.py: no such file; give a file, or an architecture",
    ("check", "elu", "--data", "mnits"): "unknown data set 'mnits'; did you mean mnist",
    (
        "check",
        "elu",
        "--depths",
        "3:10",
    ): "elu: depth 10 is not on the depth grid 3, 6, 9, ...; nearest: 9 and 12",
    ("check", "elu", "--depths", "9:3"): "elu: depths = 9:3: LOW:HIGH with LOW <= HIGH",
    ("list", "zz*"): "no architecture matches 'zz*'",
    ("data", "verify", "mnits"): "did you mean mnist",
    ("data", "verify"): "Missing argument 'NAMES...'",
    ("report", "gone"): "Directory 'gone' does not exist",
    ("env", "--device", "tpu"): "device = tpu: one of auto, cpu, cuda",
    ("bench", "--rounds", "0"): "0 is not in the range x>=1",
    ("bench", "--data", "mnits"): "unknown data set 'mnits'; did you mean mnist",
    ("bench", "--device", "tpu"): "device = tpu: one of auto, cpu, cuda",
    ("bench", "--out", ""): "the name of a folder is empty",
    ("completion", "tcsh"): "'tcsh' is not one of",
    ("rnu",): "no command 'rnu'; did you mean run?",
}


@pytest.mark.parametrize("args", MISTAKES, ids=" ".join)
def test_a_mistake_gets_exit_2_and_one_helpful_line(call, args, tmp_path):
    code, out, err = call(*args)
    assert code == 2, err
    assert MISTAKES[args] in err
    assert out == ""
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) <= 3
    assert not (tmp_path / "results").exists()


def test_no_cuda_is_the_environment_s_fault(call):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    code, _, err = call(*ELU, "--device", "cuda")
    assert code == 3
    assert "device cuda: no usable GPU or driver was found; use --device cpu" in err


def test_missing_data_says_where_it_looked_and_what_to_do(call, tmp_path):
    code, out, err = call(*ELU, "--no-fetch")
    assert code == 3
    assert not list(tmp_path.iterdir())
    assert out == ""
    for part in (
        str(tmp_path / "no-data"),
        "train-images-idx3-ubyte",
        "depthbench data fetch mnist",
        "DEPTHBENCH_DATA",
        "stroke_digits",
    ):
        assert part in err


@pytest.mark.parametrize("kind", ["file", "below a file"])
def test_an_unwritable_folder_is_found_before_any_training(call, tmp_path, kind):
    blocker = tmp_path / "blocker"
    blocker.touch()
    out = blocker if kind == "file" else blocker / "results"
    code, _, err = call(*ELU, "--data", "stroke_digits", "--out", str(out))
    assert code == (2 if kind == "file" else 3)
    assert "blocker" in err
    assert "Traceback" not in err


def test_a_second_writer_is_told_who_holds_the_folder(call, tmp_path):
    script = (
        "import pathlib, sys\n"
        "from depthbench.store import open_store\n"
        "with open_store(pathlib.Path(sys.argv[1])):\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "r"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        code, _, err = call(*ELU, "--out", str(tmp_path / "r"))
        assert code == 4
        assert str(holder.pid) in err
    finally:
        holder.communicate()


def test_a_study_file_names_itself_in_its_errors(call, tmp_path):
    (tmp_path / "s.toml").write_text('arch = "elu"\nepoch = 5\n')
    code, _, err = call("run", "s.toml")
    assert code == 2
    assert "s.toml: unknown key epoch; did you mean epochs?" in err
    (tmp_path / "s.toml").write_text("arch = elu\n")
    code, _, err = call("run", "s.toml")
    assert code == 2
    assert "s.toml: Invalid value (at line 1, column 8)" in err


def test_a_folder_with_trials_of_another_kind_is_refused(call, tmp_path):
    folder = tmp_path / "r"
    study = StudySpec(name="r", arch=("elu",), device="cpu", lr=0.1)
    cells = resolve_cells(study, load_architectures(), DATASETS, device="cpu")
    stored_folder(folder, study, cells)
    code, _, err = call(*ELU, "--out", str(folder), "--device", "cpu")
    assert code == 2
    assert "holds another study: lr: None asked, 0.1 stored" in err
    assert "give another name or folder (out)" in err


def test_a_folder_without_trials_is_anyone_s(call, tmp_path):
    folder = tmp_path / "r"
    study = StudySpec(name="r", arch=("elu",), device="cpu", lr=0.1)
    cells = resolve_cells(study, load_architectures(), DATASETS, device="cpu")
    stored_folder(folder, study, ())
    (folder / "study.toml").write_text(write_study(study, cells))
    code, _, err = call(*ELU, "--out", str(folder), "--device", "cpu")
    assert code == 3, err  # past the folder: the data set is what is missing


@pytest.mark.slow
def test_a_second_study_in_a_folder_keeps_what_the_first_found(call, tmp_path):
    folder = tmp_path / "r"
    study = StudySpec(name="r", arch=("elu", "tanh_naive"), device="cpu")
    cells = resolve_cells(study, load_architectures(), DATASETS, device="cpu")
    stored_folder(folder, study, cells)
    args = ("run", "--arch", "tanh_naive", "--out", str(folder), "--device", "cpu")
    code, out, err = call(*args)
    assert code == 0, err
    assert "elu (mnist, standard) trains at depth 6" in out
    assert "tanh_naive (mnist, standard) trains at depth 6" in out
    assert [cell.architecture for cell in read_cells(folder / "study.toml")] == [
        "elu",
        "tanh_naive",
    ]
    code, _, err = call(*args, "--seeds", "5")
    assert code == 2
    assert "holds another study (of elu): seeds: 5 asked, 3 stored" in err


def test_a_taken_name_is_not_measured_in_silence(call, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from depthbench import Stack\nmine = Stack(name='elu', activation='relu')\n"
    )
    for command in ("run --arch elu", "show elu"):
        code, _, err = call(*command.split(), "--plugin", "mine.py")
        assert code == 2
        assert "mine.py: the name 'elu' is taken; choose another" in err


def test_a_builder_that_raises_is_named_not_depthbench(call, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from depthbench import architecture\n"
        "@architecture('mine', lr=0.1)\n"
        "def mine(depth, *, image_shape, num_classes, generator):\n"
        "    return {}['weights']\n"
    )
    code, _, err = call("show", "mine", "--plugin", "mine.py")
    assert code == 2
    assert "mine, k=3: KeyError: 'weights' (mine.py:4)" in err
    assert "defect" not in err


GOOD_AND_BAD = """
import torch
from torch import nn
from depthbench import Stack, architecture

tanh = Stack(name="tanh", activation="tanh")

@architecture("seven", lr=0.1)
def seven(depth, *, image_shape, num_classes, generator):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 7))
"""


@pytest.fixture
def with_toy(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "DATASETS", TOY_SETS)
    (tmp_path / "mine.py").write_text(GOOD_AND_BAD)


@pytest.mark.slow
def test_check_looks_at_all_that_a_file_defines(call, with_toy):
    code, out, err = call("check", "mine.py", "--data", "toy", "--depths", "3:6")
    assert code == 1, err
    assert err == ""
    lines = out.splitlines()
    assert lines[0].startswith("tanh (conv, tanh; init fan_out) on toy, k = 3, 6 of 3,")
    assert "k=3    logits            passed    float32 [3, 10] for 3 images" in lines
    (failed, _) = [line for line in lines if "  failed  " in line]
    assert failed.startswith("k=3    logits            failed    head 1 of 1 gives")
    assert "all other checks need logits" in out
    assert lines[-2] == "tanh: sound; 28 checks: 26 passed, 2 skipped"
    assert lines[-1].startswith("seven: NOT sound (logits); 4 checks: 2 failed")


@pytest.mark.slow
def test_check_of_what_is_sound_ends_with_0_and_as_json_too(call, with_toy):
    args = ("check", "tanh", "--plugin", "mine.py", "--data", "toy", "--depths", "3:3")
    code, out, err = call(*args, "--json")
    assert code == 0, err
    (item,) = json.loads(out)["architectures"]
    assert (item["name"], item["passed"], item["depths"]) == ("tanh", True, [3])
    assert {check["verdict"] for check in item["checks"]} == {"passed"}
    assert item["checks"][0] == {
        "check": "logits",
        "depth": 3,
        "verdict": "passed",
        "figures": "float32 [3, 10] for 3 images",
    }


def test_check_of_a_file_that_cannot_be_read_names_the_line(call, tmp_path):
    (tmp_path / "bad.py").write_text("import depthbench\n1 / 0\n")
    code, _, err = call("check", "bad.py")
    assert code == 2
    assert "bad.py:2: ZeroDivisionError" in err
    text = "from depthbench import Stack\nmine = Stack(name='elu', activation='relu')\n"
    (tmp_path / "taken.py").write_text(text)
    code, _, err = call("check", "taken.py")
    assert code == 2
    assert "taken.py: the name 'elu' is taken" in err


@pytest.fixture
def run_toy(call, with_toy, monkeypatch):
    """`depthbench run` of the plugin's architectures on the toy set."""
    monkeypatch.setattr(opening, "_PREPARE", know_toy)

    def run(*more):
        args = ("run", "--plugin", "mine.py", "--data", "toy", "--device", "cpu")
        sizes = ("--epochs", "1", "--seeds", "1", "--cap", "3", "--workers", "1")
        return call(*args, *sizes, "--out", "r", *more)

    return run


FAULTS = {
    "return nn.Sequential(nn.Flatten(), nn.Linear(64, 7))": (
        "seven, k=3: ValueError: logits of two images in evaluation mode: got "
        "torch.float32 of shape (2, 7), expected floats of shape (2, 10)"
    ),
    "import os; os._exit(7)": "seven, k=3: the worker process ended with exit code 7",
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_trained_ends_a_run_before_any_trial(run_toy, tmp_path, fault):
    before, _, _ = GOOD_AND_BAD.rpartition("return")
    (tmp_path / "mine.py").write_text(f"{before}{fault}\n")
    code, out, err = run_toy("--arch", "tanh", "--arch", "seven")
    assert code == 2, err
    assert FAULTS[fault] in err
    how = f"depthbench check seven --plugin {tmp_path}/mine.py --data toy\n"
    assert f"nothing was trained; see {how}" in err
    assert "Traceback" not in err
    assert out == ""
    assert not (tmp_path / "r").exists()


def test_a_folder_without_a_study_is_no_results_folder(call, tmp_path):
    code, _, err = call("report", str(tmp_path))
    assert code == 2
    assert "is no results folder: it has no study.toml" in err


def test_a_broken_plugin_is_named_with_its_line_when_asked_for(call, tmp_path):
    (tmp_path / "bad.py").write_text("import depthbench\n1 / 0\n")
    code, _, err = call("run", "--arch", "mine", "--plugin", "bad.py")
    assert code == 2
    assert "bad.py:2: ZeroDivisionError" in err
    code, out, err = call("list", "elu", "--plugin", "bad.py")
    assert code == 0
    assert "elu" in out
    assert "bad.py:2: ZeroDivisionError" in err


def test_list_and_show(call):
    code, out, _ = call("list", "*bn*", "--names")
    assert code == 0
    assert out.split()[:3] == ["elu_bn", "tanh_bn_naive", "resnet_nobn"]
    assert out.split() == [name for name in ARCHITECTURES if "bn" in name]
    code, out, _ = call("list", "--json")
    listed = json.loads(out)
    assert len(listed["architectures"]) == len(ARCHITECTURES.entries)
    assert list(listed["data"]) == [*DATASETS, "permuted:NAME", "folder:PATH"]
    code, out, _ = call("show", "tanh_naive", "--json")
    shown = json.loads(out)
    # In colour the first convolution has 2 x 9 x 4 weights more, and the head, which
    # reads 16 x 4 x 4 features and not 16 x 3 x 3, 112 x 10.
    assert shown["sizes"][0] == {
        "depth": 3,
        "weight_layers": 4,
        "parameters": 2954,
        "parameters_colour": 2954 + 72 + 1120,
    }
    code, out, _ = call("show", "tanh_naive")
    assert code == 0
    assert "conv, tanh; init normal_0.05" in out


def test_env_says_what_a_trial_would_run_with(call):
    import torch

    code, out, _ = call("env", "--json")
    assert code == 0
    assert json.loads(out)["torch"] == torch.__version__


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(call, shell):
    code, out, _ = call("completion", shell)
    assert code == 0
    assert "_DEPTHBENCH_COMPLETE" in out


def test_show_tells_what_an_architecture_cannot_have(call, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from depthbench import architecture\n"
        "@architecture('colour', lr=0.1)\n"
        "def colour(depth, *, image_shape, num_classes, generator):\n"
        "    from torch import nn\n"
        "    assert image_shape[0] == 3, 'colour only'\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3072, num_classes))\n"
    )
    code, out, _ = call("show", "colour", "--plugin", "mine.py", "--json")
    assert code == 0
    first = json.loads(out)["sizes"][0]
    assert (first["parameters"], first["parameters_colour"]) == (None, 30730)
    assert first["weight_layers"] == 1
    code, out, _ = call("show", "colour", "--plugin", "mine.py")
    assert out.splitlines()[-1].split() == ["99", "1", "-", "30,730"]


@pytest.mark.parametrize("name", ["elu", "deep_convnet_1e-1", "preresnet"])
def test_initial_weights_are_of_any_family_and_part_of_a_trial(name):
    """Its own rule by any spelling is no other training."""
    registry = load_architectures()

    def initializer(init):
        study = StudySpec(arch=(name,), init=init)
        (cell,) = resolve_cells(study, registry, DATASETS, device="cpu")
        return cell.template.initializer

    assert initializer("normal_2e-2") == "normal_0.02"
    assert initializer("default") == (None if name == "preresnet" else "default")
    assert initializer(registry[name].initializer) is None
    assert initializer(None) is None


def test_help_imports_nothing_heavy():
    """Torch, pandas and their like take seconds; `--help` must not wait for them."""
    script = (
        "import sys\n"
        "from depthbench import cli\n"
        "sys.argv = ['depthbench', '--help']\n"
        "try:\n"
        "    cli.main()\n"
        "finally:\n"
        "    heavy = {'torch', 'numpy', 'pandas', 'matplotlib', 'seaborn', 'rich'}\n"
        "    heavy |= {'depthbench.spec', 'depthbench.record'}\n"
        "    assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "How deep can this network architecture be" in done.stdout


LIGHT = ("list", "run --help", "completion bash", "report results/bench")


@pytest.mark.parametrize("command", LIGHT)
def test_light_commands_do_not_import_torch(command):
    script = (
        "import sys\n"
        "from depthbench import cli\n"
        f"sys.argv = ['depthbench', *{command.split()!r}]\n"
        "try:\n"
        "    cli.main()\n"
        "finally:\n"
        "    assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_reader_that_goes_away_is_no_error():
    script = "from depthbench.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    with process.stderr:
        err = process.stderr.read()
    assert process.wait() == 0
    assert err == b""


def test_what_trials_have_to_say_is_said_once_and_apart_from_results(
    capsys, monkeypatch
):
    monkeypatch.setattr(results, "answer_sentence", lambda cell: "trains at depth 6")
    said = [SimpleNamespace(record=SimpleNamespace(message="ran eagerly"))] * 2
    quiet = [SimpleNamespace(record=SimpleNamespace(message=None))]
    cell = SimpleNamespace(
        evidence=[*said, *quiet],
        plan=SimpleNamespace(not_measured=()),
        trials=(),
        shares_seeds=False,
        cell=SimpleNamespace(
            architecture="elu",
            key=("elu", "mnist", "standard"),
            rate=SimpleNamespace(name=""),
        ),
    )
    results.print_results(Path("r"), SimpleNamespace(cells=[cell]), as_json=False)
    out, err = capsys.readouterr()
    assert err == "note: ran eagerly\n"
    assert "ran eagerly" not in out


@pytest.mark.slow
def test_the_json_of_a_report_has_the_columns_of_its_table(call, tmp_path):
    folder = tmp_path / "r"
    study = StudySpec(name="r", arch=("elu",), device="cpu", lr_grid=(0.01, 0.1))
    cells = resolve_cells(study, load_architectures(), DATASETS, device="cpu")
    stored_folder(folder, study, cells)
    code, out, err = call("report", str(folder), "--json")
    assert code == 0, err
    document = json.loads(out)
    for name, rows in (("depths", document["cells"]), ("rates", document["rates"])):
        head, *lines = (folder / f"{name}.csv").read_text().splitlines()
        assert len(rows) == len(lines)
        assert head.split(",") == [key for key in rows[0] if key != "messages"]
    assert [row["messages"] for row in document["cells"]] == [[], []]


def test_flags_are_the_fields_of_a_study_in_its_own_words(call):
    _, out, _ = call("run", "--help")
    words = " ".join(out.split())
    for name in STUDY_KEYS:
        assert f" --{name.replace('_', '-')} " in words
        assert set(field_help()) == set(STUDY_KEYS)
    assert "Passes over the training set. [3]" in words
    assert "learning rate is multiplied by --lr-gamma." in words
    assert "uniform in the logarithm. [0.0001:1]" in words
    assert "histories of loss and accuracy. Repeatable." in words


def test_importing_a_command_reads_no_file_of_the_package():
    """But modules: what a command needs from the disk waits until it is called."""
    script = (
        "import pathlib, sys\n"
        "read = []\n"
        "def note(event, args):\n"
        "    if event == 'open' and 'depthbench' in str(args[0]):\n"
        "        read.append(str(args[0]))\n"
        "sys.addaudithook(note)\n"
        "import depthbench.cli.run, depthbench.cli.check, depthbench.cli.report\n"
        "code = ('.py', '.pyc', '.so')\n"
        "assert read and not [p for p in read if not p.rstrip('0123456789.').endswith("
        "code)], read\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
