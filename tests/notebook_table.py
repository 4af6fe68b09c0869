"""The table of docs/notebooks.md, from docs/notebooks.toml and the results.

`python tests/notebook_table.py` writes it; a test sees that it is fresh.
"""

import csv
import statistics
import tomllib
from pathlib import Path
from typing import Any

from depthbench.record import TrialRecord
from depthbench.report import refresh_between_markers
from depthbench.store import read_records

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "notebooks.md"
NOT_RUN = "not run yet", "0"
HEADINGS = "#", "from", "experiment", "reported", "ours", "n", "what differs and why"


def table(results: Path = ROOT / "results") -> str:
    """In Markdown, one row an experiment or part of one."""
    text = (ROOT / "docs" / "notebooks.toml").read_text(encoding="utf-8")
    rows = [_row(one, results) for one in tomllib.loads(text)["experiment"]]
    marks = ["---:" if name in ("#", "n") else "---" for name in HEADINGS]
    return "".join(f"| {' | '.join(row)} |\n" for row in (HEADINGS, marks, *rows))


def page(text: str) -> str:
    """The page with the table of now."""
    return refresh_between_markers(text, "notebooks", table())


def _row(one: dict[str, Any], results: Path) -> list[str]:
    if "is" in one:
        ours, n = one["is"], "—"
    elif "depths" in one:
        ours, n = _depth(results, **one["depths"])
    else:
        ours, n = _accuracy(results, **one["ours"])
    told = one["what"], one["reported"], ours, n, one["differs"]
    return [one["number"], one["from"], *told]


def _depth(
    results_folder: Path, *, results: str, architecture: str, protocol: str = "standard"
) -> tuple[str, str]:
    """k50 and its interval, and the trials it rests on."""
    path = results_folder / results / "depths.csv"
    if not path.exists():
        return NOT_RUN
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (row["architecture"], row["protocol"]) == (architecture, protocol):
                return _k50(row), row["num_runs"]
    return NOT_RUN


def _k50(row: dict[str, str]) -> str:
    if not row["k50"]:
        return f"trains {row['deepest']}"
    low, high = row["k50_low"] or "—", row["k50_high"] or "—"
    return f"k50 {row['k50']} ({low} to {high})"


def _accuracy(
    results_folder: Path,
    *,
    results: str,
    architecture: str,
    depth: int,
    split: str,
    epoch: int | None = None,
    lr: float | None = None,
    num_train: int | None = None,
) -> tuple[str, str]:
    """Median over seeds, of the last head; a diverged training has none."""
    folder = results_folder / results
    if not folder.exists():
        return NOT_RUN
    records = [
        record
        for record in read_records(folder).records.values()
        if (record.spec.architecture, record.spec.depth) == (architecture, depth)
        and lr in (None, record.spec.lr)
        and num_train in (None, record.num_train)
        and record.outcome.is_evidence
    ]
    if not records:
        return NOT_RUN
    reached = [_reached(record, split, epoch) for record in records]
    known = [accuracy for accuracy in reached if accuracy is not None]
    num_diverged = len(records) - len(known)
    if not known:
        return "diverges", str(len(records))
    ours = f"{100 * statistics.median(known):.1f} %"
    diverged = f", {num_diverged} diverged" if num_diverged else ""
    return ours + diverged, str(len(records))


def _reached(record: TrialRecord, split: str, epoch: int | None) -> float | None:
    place = (epoch or record.spec.epochs) - 1
    is_whole = record.first_nonfinite_step is None
    if not is_whole or (place >= len(record.epochs) and record.ended_by is None):
        return None
    last = record.epochs[min(place, len(record.epochs) - 1)]
    errors = (
        last.train_error_after
        if split == "train_after"
        else getattr(last, f"{split}_error")
    )
    return 1 - errors[-1] if errors else None


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
