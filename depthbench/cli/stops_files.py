"""The files of a fit of stop rules."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from depthbench.early_stopping import Fit, Tally
from depthbench.early_stopping.fit import contradicts, halves, stopped_at, tally
from depthbench.record import TrialRecord
from depthbench.report.figures import render
from depthbench.report.figures.stops import StopPoint, stops_figure
from depthbench.stop_rules import StopRule
from depthbench.store import write_atomic

_COUNTS = tuple(Tally.__slots__)
_BOUNDS = ("highest_wrong_share", "highest_false_stop_rate", "share_saved")


def write_fit(folder: Path, fit: Fit, records: Sequence[TrialRecord]) -> None:
    """Write `fit.json`, `measured.csv` and `stops.png|svg`, each whole or not at all.

    Raises:
        OSError: If one cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen_on, measured_on = halves(records)
    write_atomic(folder / "fit.json", fit.to_json())
    write_atomic(folder / "measured.csv", _csv(fit, chosen_on, measured_on))
    if not fit.rules:
        return
    figure = stops_figure(
        [(one.name, _points(one.rule, measured_on)) for one in fit.rules]
    )
    for kind in ("png", "svg"):
        write_atomic(folder / f"stops.{kind}", render(figure, kind))


def _csv(
    fit: Fit, chosen_on: Sequence[TrialRecord], measured_on: Sequence[TrialRecord]
) -> str:
    """A row for each rule, half, and architecture on its own or all together."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rule", "half", "architecture", *_COUNTS, *_BOUNDS])
    for one in fit.rules:
        for half, trainings in (("chosen_on", chosen_on), ("measured_on", measured_on)):
            names = sorted({record.spec.architecture for record in trainings})
            for name in ("all", *names):
                of_name = [r for r in trainings if name in ("all", r.spec.architecture)]
                found = tally(one.rule, of_name)
                writer.writerow(
                    [one.name, half, name]
                    + [getattr(found, column) for column in _COUNTS]
                    + [f"{getattr(found, column):.4f}" for column in _BOUNDS]
                )
    return text.getvalue()


def _points(rule: StopRule, trainings: Sequence[TrialRecord]) -> list[StopPoint]:
    points = []
    for record in trainings:
        end = stopped_at(rule, record)
        points.append(
            StopPoint(
                record.spec.depth,
                1.0 if end is None else end / record.num_steps,
                str(record.outcome),
                end is not None and contradicts(rule, record),
            )
        )
    return points
