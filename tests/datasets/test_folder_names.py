"""The name folder:PATH, wherever a data set is named."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from image_trees import grown, load, small_tree

from depthbench import cli
from depthbench.datasets import DATASETS
from depthbench.datasets.image_data import DataMissingError
from depthbench.engine.remote import examine, remote_context
from depthbench.plugins import load_architectures
from depthbench.spec import StudySpec, read_study
from depthbench.store import read_records
from depthbench.study.resolve import resolve_cells


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return grown(tmp_path / "my" / "own", small_tree(28, 28))


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in this process; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEPTHBENCH_DATA", str(tmp_path))

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["depthbench", *args])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


def test_an_absolute_path_works_as_well(folder: Path) -> None:
    named = DATASETS[f"folder:{folder}"].load(Path("/elsewhere"))
    assert named.sha256 == load(folder).sha256
    assert named.name == f"folder:{folder}"


def test_it_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError) as caught:
        DATASETS["folder:my/own"].fetch(tmp_path)
    assert "folder:my/own is a folder of your own and cannot be fetched" in str(
        caught.value
    )
    assert f"{tmp_path}/my/own/train/CLASS" in str(caught.value)


def test_patterns_take_it_as_it_is() -> None:
    names = DATASETS.match(["folder:a[1]*", "mni*", "folder:b", "folder:a[1]*"])
    assert names == ("folder:a[1]*", "mnist", "folder:b")


@pytest.mark.parametrize("ask", [DATASETS.match, lambda names: DATASETS[names[0]]])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("folder:", "folder: names no folder; write folder:PATH"),
        ("mnits", r"did you mean mnist .*or folder:PATH\?"),
        ("cats", "known: mnist, .*, folder:PATH"),
    ],
)
def test_a_wrong_name_tells_of_folders(
    ask: Callable[[list[str]], object], name: str, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        ask([name])


# On the command line


@pytest.mark.slow
def test_a_run_trains_on_it_under_a_name_that_a_folder_can_have(
    folder: Path, call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    args = "--search grid --depths 3:3 --seeds 1 --epochs 1 --workers 1 --device cpu"
    where = ("--arch", "tanh_naive", "--data", "folder:my/own")
    code, out, err = call("run", *where, *args.split())
    assert code == 0, err
    place = tmp_path / "results" / "tanh_naive-folder-my-own"
    assert read_study(place / "study.toml").data == ("folder:my/own",)
    (record,) = read_records(place).records.values()
    assert record.spec.data == "folder:my/own"
    assert record.data_sha256 == load(folder).sha256
    assert record.num_classes == 3
    assert "folder:my/own" in out
    assert (place / "report.html").is_file()


def test_it_can_be_verified_but_not_fetched(
    folder: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, _ = call("data", "verify", "folder:my/own", "--json")
    (row,) = json.loads(out)["data"]
    assert (code, row["sha256"]) == (0, load(folder).sha256)
    assert (row["num_train"], row["num_test"], row["image_shape"]) == (
        6,
        3,
        [1, 28, 28],
    )
    code, _, err = call("data", "fetch", "folder:my/own")
    assert code == 3
    assert "cannot be fetched" in err


@pytest.mark.parametrize(
    "args",
    [
        ("run", "--arch", "elu", "--device", "cpu"),
        ("bench", "--quick", "--device", "cpu"),
    ],
)
def test_a_folder_that_is_not_there_ends_with_exit_3(
    args: tuple[str, ...], call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    code, _, err = call(*args, "--data", "folder:nowhere")
    assert code == 3
    assert f"folder:nowhere needs a folder {tmp_path}/nowhere/train" in err


def test_listings_mention_it(call: Callable[..., tuple[int, str, str]]) -> None:
    _, out, _ = call("list")
    assert "\nfolder:PATH" in out
    assert "folder:PATH" in json.loads(call("list", "--json")[1])["data"]
    assert "folder:PATH" in call("data", "--help")[1]
    assert "folder:PATH" in call("run", "--help")[1]


def test_a_worker_elsewhere_looks_in_its_own_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = StudySpec(arch=("elu",), data=("folder:own",), device="cpu")
    cells = resolve_cells(study, load_architectures(), DATASETS, device="cpu")
    monkeypatch.setenv("DEPTHBENCH_DATA", str(folder.parent))
    sums = examine(cells, "cpu", remote_context((), None))
    assert sums == {"folder:own": load(folder).sha256}


def test_a_limit_beyond_the_images_there_are_ends_before_any_training(
    folder: Path, call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    where = ("run", "--arch", "tanh_naive", "--data", "folder:my/own")
    limits = ("--num-validation", "2", "--train-limit", "5", "--device", "cpu")
    code, _, err = call(*where, *limits)
    assert code == 3
    assert "folder:my/own has 6 training images, num_validation = 2 of them" in err
    assert "train_limit = 5 is more than the 4 there are" in err
    assert not (tmp_path / "results").exists()
