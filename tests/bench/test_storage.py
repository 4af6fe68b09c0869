"""What stored trials cost is measured on whole studies of them."""

import pandas as pd
import pytest
from click.testing import CliRunner

from depthbench.bench import storage
from depthbench.cli.bench import command
from depthbench.search import plan_cell


def test_the_made_up_study_is_complete_and_of_both_outcomes():
    study, cells = storage._study(256)
    wanted = [spec for cell in cells for spec in plan_cell(cell, ()).wanted]
    assert len(wanted) == 256
    records = [storage._record(spec) for spec in wanted]
    assert not any(plan_cell(cell, records).wanted for cell in cells)
    trained = sum(record.outcome.value == "trained" for record in records)
    assert 80 < trained < 176
    assert study.seeds == 1


@pytest.mark.slow
def test_the_command_writes_what_it_prints(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "COUNTS", (8, 24))
    asked = ["--storage", "--out", str(tmp_path)]
    ran = CliRunner().invoke(command, asked, catch_exceptions=False)
    stored = pd.read_csv(tmp_path / "storage.csv")
    assert list(stored.columns) == storage.COLUMNS
    assert list(stored["num_trials"]) == [8] * 4 + [24] * 4
    assert list(stored["part"][:4]) == ["append", "read", "plan", "report"]
    assert (stored["seconds"] > 0).all()
    per_trial = 1e6 * stored["seconds"] / stored["num_trials"]
    assert stored["microseconds_per_trial"].sub(per_trial).abs().max() < 1
    assert "| part | 8 trials | 24 trials |" in ran.output
