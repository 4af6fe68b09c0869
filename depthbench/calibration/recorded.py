"""Truths from the stored trials of a study."""

from pathlib import Path

from depthbench.calibration.curves import RecordedCurve
from depthbench.record import Outcome
from depthbench.report import read_result


def recorded_curves(folder: Path) -> list[RecordedCurve]:
    """One truth for each cell of a results folder whose trials span the fall.

    Cells with the same results, as protocols that train alike have, count once.

    Raises:
        Exception: What `depthbench.report.read_result` raises.
    """
    curves = [
        RecordedCurve.of(
            f"{folder.name}: {' '.join(cell.cell.key)}",
            [(t.depth, t.outcome is Outcome.TRAINED) for t in cell.evidence],
        )
        for cell in read_result(folder).cells
    ]
    found = {(c.depths, c.shares): c for c in reversed(curves) if c is not None}
    return list(reversed(found.values()))
