"""How a process is set up, and what a record says of the code that made it."""

import gc
import subprocess

import pytest
from places import ROOT

from depthbench import runtime
from depthbench.runtime.environment import capture_environment


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
    named = capture_environment("cpu").git_commit
    assert named is not None
    commit = named.removesuffix("-dirty")
    assert len(commit) >= 12
    assert head.stdout.startswith(commit)


GROUPS = {
    "none": ({}, "0::/\n", None),
    "v2": ({"cpu.max": "150000 100000"}, "0::/\n", 1),
    "v2, no limit": ({"cpu.max": "max 100000"}, "0::/\n", None),
    "v2, nested": (
        {"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"},
        "0::/a/b\n",
        2,
    ),
    "v2, less than one": ({"cpu.max": "20000 100000"}, "0::/\n", 1),
    "v1": (
        {
            "cpu,cpuacct/job/cpu.cfs_quota_us": "300000",
            "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
        },
        "5:memory:/job\n4:cpu,cpuacct:/job\n",
        3,
    ),
    "v1, no limit": (
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
        "4:cpu:/\n",
        None,
    ),
}


@pytest.mark.parametrize("name", GROUPS)
def test_a_container_s_share_of_the_processors_is_heeded(name, tmp_path, monkeypatch):
    files, membership, number = GROUPS[name]
    for file, content in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content + "\n")
    own = tmp_path / "membership"
    own.write_text(membership)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: range(8), raising=False)
    monkeypatch.setattr("os.process_cpu_count", lambda: 8, raising=False)
    assert runtime.num_cores(own, tmp_path) == (number or 8)
    assert runtime.num_cores(tmp_path / "none", tmp_path) == 8
