"""The house rules that no linter has: length of files, and imports that do nothing."""

import subprocess
import sys

import pytest
from places import ROOT

PACKAGE = ROOT / "depthbench"
MAX_LINES = 250
SOURCES = sorted(
    path for kind in ("*.py", "*.h", "*.cpp") for path in PACKAGE.rglob(kind)
)

# For a process of its own. What the libraries do when they are imported is theirs.
IMPORT_ALL = """
import os, pkgutil, threading, warnings
import distributed, optuna, seaborn, torch, torchvision

def surroundings():
    threads = [thread.name for thread in threading.enumerate()]
    randomness = torch.get_rng_state().tolist()
    return dict(os.environ), os.getcwd(), warnings.filters[:], threads, randomness

before = surroundings()
import depthbench
for module in pkgutil.walk_packages(depthbench.__path__, "depthbench."):
    if not module.name.endswith(("__main__", "._native")):
        __import__(module.name)
assert surroundings() == before
assert os.listdir() == [], "files"
"""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short(path):
    num_lines = len(path.read_text().splitlines())
    assert num_lines <= MAX_LINES, f"{num_lines} lines: split it by what it is about"


@pytest.mark.slow
def test_importing_does_nothing(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
