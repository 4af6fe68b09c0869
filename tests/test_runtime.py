"""How a process is set up, and what a record says of the code that made it."""

import gc
import subprocess
from pathlib import Path

import pytest

from depthbench import runtime

ROOT = Path(__file__).parents[1]


def test_what_is_imported_is_not_looked_at_by_the_garbage_collector() -> None:
    """`conftest` configures this process as a worker is."""
    assert gc.get_freeze_count() > 10_000


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
def test_a_record_names_the_commit_it_was_made_with() -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    named = runtime.capture_environment("cpu").git_commit
    assert named is not None
    commit = named.removesuffix("-dirty")
    assert len(commit) >= 12
    assert head.stdout.startswith(commit)
