"""What a record says of the code that made it."""

import subprocess
from pathlib import Path

import pytest

from depthbench import runtime

ROOT = Path(__file__).parents[1]


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
