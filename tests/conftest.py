"""What every test runs under; the command line, called in this process."""

import signal
import sys

import pytest
import torch

from depthbench import cli, runtime


def pytest_configure(config: pytest.Config) -> None:
    """One thread, as in a worker: small networks only lose time to more."""
    del config
    runtime.configure_process(num_threads=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(autouse=True)
def signals_as_before():
    """A command that is interrupted leaves the system's own handlers behind."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run a command line in this process; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEPTHBENCH_PLUGINS", raising=False)
    monkeypatch.setenv("DEPTHBENCH_DATA", str(tmp_path / "no-data"))

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["depthbench", *args])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run
