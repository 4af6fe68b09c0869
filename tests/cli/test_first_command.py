"""A newcomer's first command: its data set is fetched, and its help can be read."""

import re
import sys
from dataclasses import replace

import pytest
from toy import toy_data

from depthbench import datasets
from depthbench.cli import run
from depthbench.datasets import DATASETS, Dataset
from depthbench.datasets.image_data import DataDamagedError, DataMissingError
from depthbench.engine.readiness import loaded_or_fetched

MNIST = ("run", "--arch", "elu", "--data", "mnist")


class Source:
    """A published data set whose files are there once it was fetched."""

    def __init__(self, error: Exception | None = None) -> None:
        self.num_fetched = 0
        self.is_there = False
        self.error = error

    def load(self, _folder):
        if not self.is_there:
            raise DataMissingError("not there")
        return toy_data()

    def fetch(self, _folder):
        self.num_fetched += 1
        if self.error:
            raise self.error
        self.is_there = True

    def dataset(self, *, is_published=True):
        return Dataset("toy", "", "", self.load, self.fetch, is_published=is_published)


def test_a_missing_set_is_fetched_once_and_said(tmp_path):
    source, said = Source(), []
    for _ in range(2):
        data = loaded_or_fetched(source.dataset(), tmp_path, say=said.append)
        assert data.sha256 == toy_data().sha256
    assert source.num_fetched == 1
    assert said == [f"toy is not in {tmp_path} yet: fetching it"]


def test_what_is_damaged_or_ones_own_is_never_fetched(tmp_path):
    def damaged(folder):
        raise DataDamagedError("other bytes")

    source = Source()
    broken = replace(source.dataset(), load=damaged)
    for one, error in (
        (broken, DataDamagedError),
        (source.dataset(is_published=False), DataMissingError),
    ):
        with pytest.raises(error):
            loaded_or_fetched(one, tmp_path, say=print)
    assert source.num_fetched == 0


@pytest.fixture
def no_network(monkeypatch):
    """MNIST without its files; its source cannot be reached."""
    source = Source(DataMissingError("could not fetch mnist: no route to host; put x"))
    gone = replace(source.dataset(), name="mnist")
    registry = replace(DATASETS, entries={"mnist": gone})
    monkeypatch.setattr(datasets, "DATASETS", registry)
    return source


def test_without_a_network_the_run_says_what_to_do_and_ends_with_3(call, no_network):
    code, out, err = call(*MNIST)
    assert (code, out) == (3, "")
    assert no_network.num_fetched == 1
    assert err.splitlines()[-1].startswith("depthbench: could not fetch mnist: no ro")
    assert "fetching it" in err


def test_whoever_wants_no_fetching_gets_none(call, no_network):
    code, _, err = call(*MNIST, "--no-fetch")
    assert code == 3 and "not there" in err
    assert no_network.num_fetched == 0


def test_every_option_of_run_is_in_one_group():
    grouped = [name for names in run._GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped))
    options = {p.name for p in run.command.params if p.param_type_name == "option"}
    assert set(grouped) == options


def test_the_help_of_run_begins_with_what_is_needed_every_day(call):
    _, out, _ = call("run", "--help")
    headings = re.findall(r"^ *(\w+):$", out, re.MULTILINE)
    assert headings == ["What", "Search", "Training", "Where", "Output", "Examples"]
    lines = out.splitlines()
    assert lines[lines.index("What:") + 1].lstrip().startswith("--arch")
    assert "  depthbench run --arch elu_bn" in out
    assert len(lines) < 2.5 * len(run.command.params)
    assert "STUDY_FILE" not in "".join(lines[1:])


@pytest.mark.parametrize("typed", ["tanh_g", ""])
def test_a_shell_completes_the_names_of_architectures(typed, monkeypatch, capsys):
    from depthbench import cli

    monkeypatch.setenv("_DEPTHBENCH_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"depthbench run --arch {typed}")
    monkeypatch.setenv("COMP_CWORD", "3")
    monkeypatch.setattr(sys, "argv", ["depthbench"])
    with pytest.raises(SystemExit):
        cli.main()
    names = [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()]
    assert "tanh_glorot" in names
    assert all(name.startswith(typed) for name in names)
    assert ("elu" in names) is not bool(typed)


def test_show_takes_the_file_of_a_network(call, tmp_path):
    path = tmp_path / "my_arch.py"
    one = 'from depthbench import Stack\na = Stack(name="mine", activation="gelu")\n'
    path.write_text(one)
    code, out, err = call("show", str(path))
    assert code == 0, err
    assert out.startswith("name      mine\n")
    path.write_text(f'{one}b = Stack(name="other", activation="gelu")\n')
    code, _, err = call("show", str(path))
    assert code == 2
    assert f"defines mine, other; show one: --plugin {path} NAME" in err
