"""Forecasts against the depths that were measured, for several thresholds of |D|."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from depthbench.curves import Estimate
from depthbench.curves.words import estimate_text
from depthbench.forecasting.limit import LITERATURE, AtDepth, signal_limit
from depthbench.report.results import CellResult, Status, StudyResult
from depthbench.report.table import NOTHING, Table, shown, table_of_fields

# In nats; 13.8 is where torchmortem (on PyPI) calls a ratio of gradients critical.
FIXED = (LITERATURE[0], 13.8, LITERATURE[1])
OWN = "own"
THRESHOLDS = (*(f"{nats:g}" for nats in FIXED), OWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """A cell's forecast under one threshold: a line of `score.csv`.

    Attributes:
        status: Of the search that measured k50.
        k50_low: End of the 90 % interval of the measured k50.
        threshold: Of |D|, in nats; `own` is the package's, which knows the rate and
            the length of the trainings.
        forecast: The lower of the signal's limit under that threshold and the learning
            rate's; None if neither was found.
        ratio: Forecast over measured.
    """

    architecture: str
    data: str
    lr: float
    status: str
    k50_low: float | None
    k50: float | None
    k50_high: float | None
    threshold: str
    forecast: float | None
    ratio: float | None


def read_forecasts(path: Path) -> list[Mapping[str, Any]]:
    """What `depthbench forecast --json` printed, or a run stored.

    Raises:
        ValueError: If it is not that.
        OSError: If it cannot be read.
    """
    stored = json.loads(path.read_text(encoding="utf-8"))
    found = list(stored.values()) if isinstance(stored, dict) else stored
    if not isinstance(found, list) or not all(isinstance(f, dict) for f in found):
        raise ValueError("no forecasts, as `depthbench forecast --json` prints them")
    return found


def score_rows(
    result: StudyResult, forecasts: Iterable[Mapping[str, Any]]
) -> list[ScoreRow]:
    """A row for each forecast of a cell and each threshold.

    Of cells that differ in protocol alone, the one in train mode throughout counts:
    that is what a forecast is of.
    """
    by_network = {
        (f["architecture"], f["data"], f["lr"]): f for f in reversed(list(forecasts))
    }
    rows: list[ScoreRow] = []
    for cells in result.rows:
        cell = next((c for c in cells if c.cell.protocol == "standard"), cells[0])
        template = cell.cell.template
        key = (template.architecture, template.data, template.lr)
        if key in by_network:
            rows += [_row(cell, by_network[key], name) for name in THRESHOLDS]
    return rows


def _row(cell: CellResult, forecast: Mapping[str, Any], threshold: str) -> ScoreRow:
    k50 = cell.fit.k50 if cell.fit else None
    middle = k50.median if k50 else None
    found = _forecast(forecast, threshold)
    return ScoreRow(
        architecture=cell.cell.architecture,
        data=cell.cell.data,
        lr=cell.cell.template.lr,
        status=str(cell.status),
        k50_low=_rounded(k50.low if k50 else None),
        k50=_rounded(middle),
        k50_high=_rounded(k50.high if k50 else None),
        threshold=threshold,
        forecast=found and round(found, 1),
        ratio=round(found / middle, 2) if found and middle else None,
    )


def _rounded(depth: float | None) -> float | None:
    return None if depth is None else float(f"{depth:.4g}")


def _forecast(forecast: Mapping[str, Any], threshold: str) -> float | None:
    """As it was made, or with another threshold on the same untrained networks."""
    if threshold == OWN:
        own: float | None = forecast["k50"]
        return own
    nats = float(threshold)
    found = (
        signal_limit(_measured(forecast["measured"]), (nats, nats), 0.5),
        forecast["rate"],
    )
    return min((limit for limit in found if limit is not None), default=None)


def _measured(stored: Iterable[Mapping[str, Any]]) -> list[AtDepth]:
    """As measured; an infinite D, which JSON lacks, has the sign of those before it."""
    sign = -1.0
    rows: list[AtDepth] = []
    for row in stored:
        finite = [nats for nats in row["nats"] if nats is not None]
        sign = math.copysign(1.0, sum(finite)) if finite else sign
        nats = tuple(sign * math.inf if each is None else each for each in row["nats"])
        rows.append(AtDepth(row["depth"], nats, ()))
    return rows


def geometric_error(rows: Iterable[ScoreRow]) -> float | None:
    """The exponential of the root mean square of the ratios' logarithms."""
    logs = [math.log(row.ratio) for row in rows if row.ratio]
    if not logs:
        return None
    return math.exp(math.sqrt(sum(each**2 for each in logs) / len(logs)))


def score_table(rows: Sequence[ScoreRow]) -> Table[ScoreRow]:
    """The rows as a file has them."""
    return table_of_fields(ScoreRow, rows)


def score_markdown(rows: Sequence[ScoreRow]) -> str:
    """A line a network, then the geometric errors; unfinished searches are marked."""
    lines: list[tuple[str, ...]] = []
    for start in range(0, len(rows), len(THRESHOLDS)):
        same = rows[start : start + len(THRESHOLDS)]
        name = f"`{same[0].architecture}`"
        lines.append((name, _measured_text(same[0]), *map(_forecast_text, same)))
    finished = [row for row in rows if row.status != Status.UNFINISHED]
    for name, some in (("finished", finished), ("measured", rows)):
        number = sum(row.ratio is not None for row in some) // len(THRESHOLDS)
        errors = (
            geometric_error(row for row in some if row.threshold == each)
            for each in THRESHOLDS
        )
        texts = (f"{error:.2f}" if error else NOTHING for error in errors)
        lines.append((f"geometric error, {number} {name}", "", *texts))
    titles = ("measured k50", *(f"{each} nats" for each in THRESHOLDS[:-1]), "own")
    columns = [
        shown("network", "text", itemgetter(0)),
        *(shown(title, "layers", itemgetter(at)) for at, title in enumerate(titles, 1)),
    ]
    return Table(tuple(columns), lines).display().markdown(is_escaped=True)


def _measured_text(row: ScoreRow) -> str:
    if row.k50 is None:
        return NOTHING
    text = estimate_text(Estimate(row.k50_low, row.k50, row.k50_high))
    return f"{text}, unfinished" if row.status == Status.UNFINISHED else text


def _forecast_text(row: ScoreRow) -> str:
    if row.forecast is None:
        return "none found"
    ratio = "" if row.ratio is None else f" ({row.ratio:.2f})"
    return f"{row.forecast:.0f}{ratio}"
