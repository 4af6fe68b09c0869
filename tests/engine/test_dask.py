"""A real Dask scheduler with two workers: what dies, what is left, what comes out.

The networks come from a plugin. It says which processes train, and hangs once, at the
first depth, if it is told to.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future
from dataclasses import replace

import pytest
from comparable import without_times
from dask_tasks import hang, kill_own_worker, nothing
from places import TESTS
from processes import are_gone, die, fail, give_up, is_alive
from toy import TOY_SETS, know_toy, toy_data

from depthbench import cli, datasets, engine
from depthbench.datasets import Dataset
from depthbench.engine import (
    ClusterError,
    TaskTimedOutError,
    WorkerDiedError,
    opening,
    remote,
)
from depthbench.plugins import load_architectures
from depthbench.registry import Registry
from depthbench.spec import Cell, Criterion, TrialSpec
from depthbench.store import read_records
from depthbench.trial import run as trial

pytest.importorskip("distributed")

from depthbench.engine.dask_cluster import DaskCluster
from depthbench.engine.dask_scheduler import needed_resources, num_slots

DATA = toy_data()
DEADLINE = 300  # seconds, for a busy machine

PLUGIN = """
import os, pathlib, signal
import torch
from depthbench import architecture

PLACE = pathlib.Path({place!r})

class Cut(torch.nn.Module):
    def forward(self, signal):
        return signal.detach()

def hang_once():
    order = PLACE / "hang"
    try:
        order.rename(PLACE / "hung")
    except FileNotFoundError:
        return
    (PLACE / "pids.tmp").write_text(f"{{os.getpid()}} {{os.getppid()}}")
    (PLACE / "pids.tmp").rename(PLACE / "pids")
    signal.pause()

@architecture("pooled", lr=0.2, has_train_mode=False)
def pooled(depth, *, image_shape, num_classes, generator):
    hang_once()
    linear = torch.nn.Linear(16, num_classes)
    if depth > 6:
        torch.nn.init.zeros_(linear.weight)
        linear.weight.requires_grad_(False)
    return torch.nn.Sequential(torch.nn.AvgPool2d(2), torch.nn.Flatten(), linear)
"""


def know_toy_remotely():
    """As `know_toy`, for who examines the data, too."""
    know_toy()
    datasets.DATASETS = TOY_SETS


def eventually(condition):
    """What the condition gives, as soon as it gives something."""
    deadline = time.monotonic() + DEADLINE
    while not (value := condition()):
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)
    return value


class Cluster:
    """Subprocesses of this machine; a worker of two threads that trains one trial."""

    def __init__(self, place, port=0, num_workers=2):
        self.place = place
        self.file = place / "scheduler.json"
        self.file.unlink(missing_ok=True)
        # Workers have a data folder of their own, and no plugin.
        path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
        data = str(place / "workers-data")
        self.env = {**os.environ, "PYTHONPATH": path, "DEPTHBENCH_DATA": data}
        self.processes = []
        self.scheduler = self.start(
            *("scheduler", "--host", "127.0.0.1", "--port", str(port)),
            *("--scheduler-file", str(self.file), "--no-dashboard"),
        )
        eventually(self.file.exists)
        eventually(lambda: self.file.read_text().endswith("}"))
        self.address = json.loads(self.file.read_text())["address"]
        for number in range(num_workers):
            self.start(
                *("worker", self.address, "--nthreads", "2", "--no-dashboard"),
                *("--resources", "CPU=1", "--name", f"{number}"),
                *("--local-directory", str(place / f"worker-{number}")),
            )

    def start(self, *args):
        with (self.place / "log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *args],
                env=self.env,
                cwd=self.place,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(60)
            # A nanny may be starting its worker anew, and deaf meanwhile.
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(DEADLINE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("dask"))
    yield cluster
    cluster.stop()


@pytest.fixture
def connect(cluster):
    """Executors on the cluster, which leave it at the end."""
    opened = []

    def connect(**options):
        executor = DaskCluster(
            cluster.address, resource="CPU", prepare=nothing, **options
        )
        opened.append(executor)
        eventually(lambda: executor.num_slots() == 2)
        return executor

    yield connect
    for executor in opened:
        executor.shutdown(cancel_futures=True)


@pytest.fixture
def place(tmp_path):
    """A folder with a plugin; a file named "hang" there makes the next trial hang."""
    (tmp_path / "nets.py").write_text(PLUGIN.format(place=str(tmp_path)))
    return tmp_path


@pytest.fixture
def run(place, cluster, monkeypatch, capfd):
    """`depthbench run` on the toy set in this process; gives exit code and stderr."""
    monkeypatch.chdir(place)
    monkeypatch.setattr(datasets, "DATASETS", TOY_SETS)
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    monkeypatch.setattr(opening, "_PREPARE", know_toy_remotely)

    def run(*more):
        # What hangs is a trial, and no forecast.
        args = ("run", "--no-forecast", "--plugin", "nets.py", "--data", "toy")
        args += ("--arch", "pooled")
        args += ("--epochs", "6", "--batch", "16", "--threshold", "0.5", "--cap", "12")
        if "--engine" not in more:
            more += ("--engine", "dask", "--scheduler", cluster.address)
        monkeypatch.setattr(
            sys, "argv", ["depthbench", *args, "--device", "cpu", *more]
        )
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capfd.readouterr().err

    return run


def records(place, out):
    found = read_records(place / out).records.values()
    return [without_times(r) for r in sorted(found, key=lambda r: r.id)]


def when_hung(place, act):
    """Make the next trial hang, and then call `act` with the pids it runs under."""
    (place / "hang").touch()
    pids = []

    def wait():
        text = eventually((place / "pids").exists) and (place / "pids").read_text()
        pids.extend(map(int, text.split()))
        act(*pids)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, pids


class Inline(Executor):
    """The local engine without its processes, which other tests are about."""

    def __init__(self, *args, **kwargs):
        pass

    def submit(self, function, *args):
        future = Future()
        future.set_result(function(*args))
        return future


@pytest.fixture
def expected(place, run, monkeypatch):
    """The records of the local engine."""
    with monkeypatch.context() as patch:
        patch.setattr(engine, "LocalProcesses", Inline)
        code, err = run("--engine", "local", "--workers", "1", "--out", "local")
    assert code == 0, err
    return records(place, "local")


@pytest.mark.slow
def test_records_are_those_of_the_local_engine_though_a_worker_is_killed(
    run, place, expected, cluster
):
    """A whole Dask worker in the middle of a trial; its other child dies with it."""
    outcomes = {r.outcome for r in read_records(place / "local").records.values()}
    assert outcomes == {"trained", "stuck"}
    thread, pids = when_hung(place, kill_worker)
    code, err = run("--out", "dask")
    thread.join()
    assert code == 0, err
    assert records(place, "dask") == expected
    assert are_gone(pids)


def kill_worker(child, worker):
    os.kill(worker, signal.SIGKILL)


@pytest.mark.slow
def test_an_interrupt_frees_the_workers(run, place, cluster):
    thread, pids = when_hung(place, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    code, err = run("--out", "out")
    thread.join()
    assert code == 130
    assert "--scheduler" in err
    assert are_gone(pids[:1])
    assert is_alive(pids[1])


@pytest.mark.slow
def test_a_task_that_loses_two_workers_fails(connect, tmp_path):
    executor = connect()
    future = executor.submit(kill_own_worker, tmp_path)
    with pytest.raises(WorkerDiedError, match="lost, twice"):
        future.result(DEADLINE)
    # A third attempt may begin before it is known to be the third.
    assert len((tmp_path / "attempts").read_text().split()) in (2, 3)
    eventually(lambda: executor.num_slots() == 2)
    assert executor.submit(os.getpid).result(DEADLINE)


@pytest.mark.slow
def test_a_task_that_takes_too_long_frees_its_process(connect, tmp_path):
    executor = connect(timeout_seconds=0.5)
    with pytest.raises(TaskTimedOutError, match=r"longer than 0\.5 s"):
        executor.submit(hang, tmp_path).result(DEADLINE)
    assert are_gone([int((tmp_path / "pid").read_text())])


@pytest.mark.slow
def test_tasks_end_as_in_local_processes(connect):
    executor = connect()
    with pytest.raises(ValueError, match="a bad value"):
        executor.submit(fail).result(DEADLINE)
    first = executor.submit(os.getpid).result(DEADLINE)
    assert executor.submit(give_up, 1).result(DEADLINE) > 0
    with pytest.raises(WorkerDiedError, match="killed by SIGKILL, twice"):
        executor.submit(die, signal.SIGKILL).result(DEADLINE)
    assert first != os.getpid()


# The last with this cluster.
@pytest.mark.slow
def test_a_lost_scheduler_ends_the_run_and_the_same_command_continues(
    run, place, expected, cluster
):
    def kill_scheduler(*_):
        cluster.scheduler.kill()

    port = cluster.address.rpartition(":")[2]
    thread, pids = when_hung(place, kill_scheduler)
    code, err = run("--out", "out")
    thread.join()
    assert code == 1
    assert "the connection to the Dask scheduler" in err
    assert "Continue with:" in err
    cluster.stop()
    assert are_gone(pids)
    another = Cluster(cluster.place, port, num_workers=1)
    try:
        code, err = run("--out", "out")
    finally:
        another.stop()
    assert code == 0, err
    assert records(place, "out") == expected


@pytest.mark.slow
def test_a_plugin_travels_as_text_and_an_edited_one_is_refused(place, monkeypatch):
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    monkeypatch.setattr(datasets, "DATASETS", TOY_SETS)
    path = place / "nets.py"
    helper = place / "their_helper.py"
    helper.write_text("WIDTH = 4\n")
    path.write_text(path.read_text() + "\nfrom their_helper import WIDTH\n")
    spec = TrialSpec(
        architecture="pooled",
        depth=3,
        data="toy",
        seed=0,
        lr=0.2,
        epochs=1,
        batch_size=16,
        plugin_sha256=load_architectures([path])["pooled"].plugin_sha256,
    )
    context = remote.remote_context([path], place)
    path.unlink()
    helper.unlink()
    record = remote.run_remote_trial(spec, context)
    assert record.outcome.is_evidence, record.message
    # Or it would take torch to read the record.
    assert type(record.environment.torch) is str
    (files,) = context.plugins
    assert [name for name, _ in files] == ["nets.py", "their_helper.py"]
    for place_of in (0, 1):
        changed = [(n, c + b"\n" * (i == place_of)) for i, (n, c) in enumerate(files)]
        edited = replace(context, plugins=(tuple(changed),))
        record = remote.run_remote_trial(spec, edited)
        assert not record.outcome.is_evidence
        assert "was changed" in record.message


def test_data_lie_where_the_worker_s_machine_has_them_unless_named(place, monkeypatch):
    seen = []
    asked = Dataset("asked", "", "", lambda folder: seen.append(folder) or DATA, None)
    monkeypatch.setattr(datasets, "DATASETS", Registry("data set", {"asked": asked}))
    monkeypatch.setenv("DEPTHBENCH_DATA", str(place / "theirs"))
    template = TrialSpec(
        architecture="elu", depth=3, data="asked", seed=0, lr=0.1, kernels="reference"
    )
    cell = Cell(protocol="standard", template=template, criterion=Criterion())
    for named in (None, place / "named"):
        context = remote.remote_context([], named)
        assert remote.examine([cell], "cpu", context) == {"asked": DATA.sha256}
    assert seen == [place / "theirs", place / "named"]


@pytest.mark.slow
def test_no_scheduler_at_the_address(run):
    code, err = run("--engine", "dask", "--scheduler", "tcp://127.0.0.1:9")
    assert code == 3
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--engine", "dask"), "engine = dask: needs scheduler = tcp://HOST:PORT"),
        (("--engine", "local", "--scheduler", "tcp://a:1"), "only for engine = dask"),
        (
            ("--engine", "dask", "--scheduler", "a"),
            "scheduler = a: an address like tcp://HOST",
        ),
        (("--engine", "ray"), "'ray' is not one of 'local', 'dask'"),
    ],
)
def test_mistakes(run, flags, message):
    code, err = run(*flags)
    assert code == 2
    assert message in err


def test_without_dask_it_is_said_how_to_get_it(run, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, err = run("--engine", "dask", "--scheduler", "tcp://a:1")
    assert code == 2
    assert "pip install 'depthbench[dask]'" in err


def worker(nthreads=4, **resources):
    return {"nthreads": nthreads, "resources": resources}


@pytest.mark.parametrize(
    ("workers", "resource", "slots", "needed"),
    [
        ([], "CPU", 0, {}),
        ([worker(), worker(2)], "CPU", 6, {}),
        ([worker(), worker(CPU=3)], "CPU", 3, {"CPU": 1}),
        ([worker(2, CPU=3)], "CPU", 2, {"CPU": 1}),
        ([worker(), worker(GPU=2)], "GPU", 2, {"GPU": 1}),
        ([worker(), worker(GPU=2)], "CPU", 8, {}),
        ([], "GPU", 0, {"GPU": 1}),
    ],
)
def test_a_task_takes_what_workers_declare_or_else_a_thread(
    workers, resource, slots, needed
):
    by_address = dict(enumerate(workers))
    assert num_slots(by_address, resource) == slots
    assert needed_resources(by_address, resource, before={}) == needed


def test_a_gpu_that_no_worker_declares_is_an_error_unless_one_did_before():
    with pytest.raises(ClusterError, match=r'none of the 1 .*"GPU=1"'):
        needed_resources({"a": worker()}, "GPU", before={})
    assert needed_resources({"a": worker()}, "GPU", before={"GPU": 1}) == {"GPU": 1}
