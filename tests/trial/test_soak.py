"""A thousand trials in one process: what it holds must not grow."""

import gc
import os
from pathlib import Path

import pytest
from toy import know_toy

from depthbench.engine import LocalProcesses
from depthbench.spec import TrialSpec
from depthbench.store import open_store
from depthbench.trial import TrialContext, run_trial

NUM_TRIALS = 1000


def memory_and_files() -> tuple[int, int]:
    """Resident bytes and open files of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.slow
def test_memory_and_files_stay_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a tenth of the trials, the rest may add 2 % of memory and no file."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    context = TrialContext(data_dir=tmp_path)
    seen: list[tuple[int, int]] = []
    ours = []
    with (
        LocalProcesses(1, prepare=know_toy) as executor,
        open_store(tmp_path / "r") as store,
    ):
        for seed in range(NUM_TRIALS):
            spec = TrialSpec(
                architecture="elu_bn", depth=6, data="toy", seed=seed, lr=0.05, epochs=1
            )
            store.append(executor.submit(run_trial, spec, context).result(timeout=60))
            if seed in (NUM_TRIALS // 10, NUM_TRIALS - 1):
                seen.append(executor.submit(memory_and_files).result(timeout=60))
                ours.append(memory_and_files())
    for begin, end in (seen, ours):
        assert end[0] < 1.02 * begin[0]
        assert end[1] == begin[1]
    assert list(scratch.iterdir()) == []
    names = {path.name for path in (tmp_path / "r").iterdir()}
    assert names <= {"trials.jsonl", ".lock"}
