"""The whole command, killed and interrupted at random, must end as if it never was.

The networks come from a plugin and learn the built-in data set in half a second: an
average over 4x4 pixels and a linear layer, cut off from their weights beyond k = 9.
"""

import csv
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from comparable import without_times
from processes import are_gone, forked_command, workers_of

from depthbench.datasets import DATASETS
from depthbench.report.trial_columns import VOLATILE_COLUMNS
from depthbench.store import open_store, read_records

# The command is killed this often; docs/reliability.md tells of 200.
NUM_KILLS = int(os.environ.get("DEPTHBENCH_TEST_KILLS", "4"))

PLUGIN = """
import torch
from depthbench import architecture

class Cut(torch.nn.Module):
    def forward(self, signal):
        return signal.detach()

@architecture("pooled", lr=0.2, has_train_mode=False)
def pooled(depth, *, image_shape, num_classes, generator):
    linear = torch.nn.Linear(49, num_classes)
    if depth > 9:
        torch.nn.init.zeros_(linear.weight)
        linear.weight.requires_grad_(False)
    return torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten(), linear)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    (folder / "nets.py").write_text(PLUGIN)
    DATASETS["stroke_digits"].fetch(folder / "data")
    return folder


def command(out, *more, arch="pooled", plugin="nets.py"):
    return [
        *("run", "--arch", arch, "--plugin", plugin, "--data", "stroke_digits"),
        *("--data-dir", "data", "--out", out, "--workers", "2", "--epochs", "1"),
        *("--train-limit", "2560", "--batch", "64", "--threshold", "0.5", *more),
    ]


def start(place, out, *more, **network):
    return subprocess.Popen(
        [sys.executable, "-m", "depthbench", *command(out, *more, **network)],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def uninterrupted(place):
    process = start(place, "whole")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "trains at depth 9 (1 weight layer) and fails at 12." in out
    return place / "whole"


def stable_columns(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [
            {key: row[key] for key in row if key not in VOLATILE_COLUMNS}
            for row in csv.DictReader(file)
        ]


def whole_lines(folder: Path) -> list[bytes]:
    path = folder / "trials.jsonl"
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def num_stored(folder: Path) -> int:
    return len(whole_lines(folder))


def killed_at_random(place: Path, out: Path, chance: random.Random) -> bool:
    """Run the command and kill it, unless it ends before; whether it was killed.

    After some records or none, at any moment from the first to that in which the last
    file of the report is written.
    """
    stored = whole_lines(out)
    said = place / "said"
    said.write_text("")
    process = forked_command(command(out.name, "--workers", "1"), place, said)
    num_new = chance.choice([0, 0, 1, 3])
    while num_stored(out) < len(stored) + num_new and process.is_alive():
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 1 if num_new else 4))
    workers = workers_of(process.pid) if process.is_alive() else []
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), said.read_text()
    assert are_gone(workers)
    assert whole_lines(out)[: len(stored)] == stored
    # A trial is said to be done once it is stored.
    num_said = len(re.findall(r"k=\d+, seed \d+: ", said.read_text()))
    assert len(stored) + num_said <= num_stored(out)
    return process.exitcode != 0


@pytest.mark.slow
def test_killed_at_random_it_ends_as_if_never_killed(place, uninterrupted):
    """`kill -9` again and again until a study is done, then another one."""
    chance = random.Random(0)
    num_kills = num_folders = 0
    while num_kills < NUM_KILLS:
        out = place / f"killed {num_folders}"
        num_folders += 1
        while num_kills < NUM_KILLS and killed_at_random(place, out, chance):
            num_kills += 1
        process = forked_command(command(out.name), place, place / "said")
        process.join()
        assert process.exitcode == 0, (place / "said").read_text()
        assert records_of(out) == records_of(uninterrupted)
        assert num_stored(out) == len(records_of(out))
        depths = stable_columns(uninterrupted / "depths.csv")
        assert stable_columns(out / "depths.csv") == depths


def records_of(folder: Path) -> list[str]:
    return sorted(map(without_times, read_records(folder).records.values()))


@pytest.mark.slow
def test_the_same_command_again_trains_nothing(place, uninterrupted):
    lines = (uninterrupted / "trials.jsonl").read_bytes()
    page = (uninterrupted / "report.html").read_bytes()
    process = start(place, "whole")
    _, err = process.communicate()
    assert process.returncode == 0
    assert "every trial of this study is stored already" in err
    assert (uninterrupted / "trials.jsonl").read_bytes() == lines
    assert (uninterrupted / "report.html").read_bytes() == page


@pytest.mark.slow
def test_signals_save_and_say_how_to_go_on(place, uninterrupted):
    """Ctrl-C, then the same command and SIGTERM, then the same command to the end."""
    out = place / "signalled"
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        before = num_stored(out)
        process = start(place, "signalled")
        while num_stored(out) <= before and process.poll() is None:
            time.sleep(0.01)
        children = workers_of(process.pid)
        assert children
        process.send_signal(number)
        stdout, err = process.communicate()
        assert process.returncode == code
        assert stdout == ""
        assert "every finished trial is saved. Continue with:\n  depthbench run" in err
        assert "--arch pooled --plugin nets.py" in err
        assert are_gone(children)
    process = start(place, "signalled")
    _, err = process.communicate()
    assert process.returncode == 0, err
    expected = stable_columns(uninterrupted / "trials.csv")
    assert stable_columns(out / "trials.csv") == expected


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_signals_at_random_moments(place, uninterrupted, times):
    """Once or twice, from the first import to the last file of the report."""
    chance = random.Random(times)
    out = place / f"signalled {times} times"
    for number in [signal.SIGINT, signal.SIGTERM] * 3:
        before = num_stored(out)
        process = start(place, out.name)
        # Earlier, nothing has been begun, and Python itself ends by the signal.
        while not out.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 6))
        children = workers_of(process.pid) if process.poll() is None else []
        for _ in range(times):
            process.send_signal(number)
            time.sleep(chance.uniform(0, 0.1))
        _, err = process.communicate(timeout=60)
        # The second may come when Python has put back what the system does.
        assert process.returncode in (0, 128 + number, *[-number] * (times > 1)), err
        # Python itself shows, and loses, one that comes within a callback of an import.
        assert "Traceback" not in err or "Exception ignored in" in err
        assert are_gone(children)
        assert num_stored(out) >= before
    process = start(place, out.name)
    _, err = process.communicate()
    assert process.returncode == 0, err
    expected = stable_columns(uninterrupted / "trials.csv")
    assert stable_columns(out / "trials.csv") == expected


@pytest.mark.slow
def test_trials_of_another_machine_are_kept_and_told(place, uninterrupted):
    """The stored ones count; where they ran is said before new ones join them."""
    out = place / "elsewhere"
    records = [*read_records(uninterrupted).records.values()]
    with open_store(out) as store:
        for record in records[:4]:
            there = replace(record.environment, torch="1.0", device_name="abacus")
            store.append(replace(record, environment=there))
    process = start(place, "elsewhere")
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert "note: stored trials ran with torch 1.0 on abacus; new ones run with" in err
    assert num_stored(out) == len(records)


@pytest.mark.slow
def test_a_network_that_ends_its_process_is_no_evidence(place):
    """Beyond k = 3 this one does, as a fault in native code would."""
    (place / "crash.py").write_text(
        PLUGIN.replace("pooled", "crashing").replace(
            "    linear =",
            "    if depth > 3:\n        import os; os._exit(7)\n    linear =",
        )
    )
    process = start(place, "crash", "--seeds", "1", arch="crashing", plugin="crash.py")
    out, err = process.communicate()
    assert process.returncode == 1, err
    assert "no answer, because of crashed at 6" in out
    assert "ended with exit code 7, twice" in err


@pytest.mark.slow
def test_a_reader_of_the_progress_that_goes_away_stops_nothing(place, uninterrupted):
    process = start(place, "unread")
    process.stderr.close()
    out = process.stdout.read()
    process.stdout.close()
    assert process.wait() == 0
    assert "trains at depth 9" in out
