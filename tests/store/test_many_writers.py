"""Ten processes that all want to write one folder."""

import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from depthbench.record import Outcome, TrialRecord, to_line
from depthbench.spec import TrialSpec
from depthbench.store import read_records

NUM_PROCESSES, NUM_RECORDS = 10, 4

WRITE = """
import sys, time
from dataclasses import replace
from pathlib import Path
from depthbench.record import from_line
from depthbench.store import StoreLockedError, open_store
folder, line, first, number = Path(sys.argv[1]), *sys.argv[2:]
record = from_line(line)
refused = 0
for seed in range(int(first), int(first) + int(number)):
    while True:
        try:
            with open_store(folder) as store:
                store.append(replace(record, spec=replace(record.spec, seed=seed)))
            break
        except StoreLockedError as error:
            assert "is being written by" in str(error), error
            refused += 1
            time.sleep(0.01)
print(refused)
"""


@pytest.mark.slow
def test_ten_processes_lose_and_double_no_record(tmp_path: Path) -> None:
    spec = TrialSpec(architecture="elu", depth=3, data="mnist", seed=0, lr=0.05)
    line = to_line(TrialRecord(spec=spec, outcome=Outcome.CRASHED)).strip()
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-c", WRITE, tmp_path / "r", line),
                *(str(NUM_RECORDS * number), str(NUM_RECORDS)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(NUM_PROCESSES)
    ]
    refusals = [int(process.communicate(timeout=100)[0]) for process in processes]
    assert {process.returncode for process in processes} == {0}
    assert sum(refusals) > 0
    found = read_records(tmp_path / "r")
    seeds = sorted(record.spec.seed for record in found.records.values())
    assert seeds == list(range(NUM_PROCESSES * NUM_RECORDS))
    lines = (tmp_path / "r" / "trials.jsonl").read_bytes().count(b"\n")
    assert lines == len(seeds)
    assert found.num_damaged == 0
