"""A clock that jumps: durations and order do not depend on the time of day."""

import itertools
import time
from dataclasses import replace
from pathlib import Path

import pytest
from toy import TOY_SETS

from depthbench.record import to_line
from depthbench.spec import TrialSpec
from depthbench.store import open_store, read_records
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial

SPEC = TrialSpec(
    architecture="tanh_naive", depth=3, data="toy", seed=0, lr=0.05, epochs=2
)


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the time of day finds another year, 1970 among them."""
    years = itertools.cycle([1.7e9, 0.0, 4e9, 1.6e9])
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    monkeypatch.setattr(time, "time", lambda: next(years))
    monkeypatch.setattr(time, "time_ns", lambda: int(next(years) * 1e9))


@pytest.mark.usefixtures("jumping")
def test_durations_are_those_of_a_steady_clock() -> None:
    record = run_trial(
        replace(SPEC, max_train_seconds=60.0), TrialContext(data_dir=Path())
    )
    assert record.outcome.is_evidence, record.message
    assert record.ended_by is None
    assert 0 < sum(epoch.seconds for epoch in record.epochs) <= record.seconds < 60


@pytest.mark.usefixtures("jumping")
def test_the_record_stored_last_counts_whatever_its_date(tmp_path: Path) -> None:
    record = run_trial(SPEC, TrialContext(data_dir=Path()))
    late = replace(record, finished_at="2099-01-01T00:00:00Z", num_steps=1)
    early = replace(record, finished_at="1970-01-01T00:00:00Z", num_steps=2)
    with open_store(tmp_path) as store:
        store.append(late)
        store.append(early)
    (found,) = read_records(tmp_path).records.values()
    assert to_line(found) == to_line(early)
