"""The files of a calibration."""

from pathlib import Path

from depthbench.calibration.document import Calibration, to_json
from depthbench.calibration.figure import calibration_figure
from depthbench.calibration.summary import Row
from depthbench.report.figures import render
from depthbench.report.table import table_of_fields
from depthbench.store import write_atomic


def write_files(folder: Path, calibration: Calibration) -> None:
    """Write `calibration.csv`, `.json`, `.png` and `.svg`, each whole or not at all.

    Raises:
        StoreError: If one cannot be written.
    """
    figure = calibration_figure(calibration)
    write_atomic(folder / "calibration.csv", table_of_fields(Row, calibration.rows).csv)
    write_atomic(folder / "calibration.json", to_json(calibration))
    write_atomic(folder / "calibration.png", render(figure, "png"))
    write_atomic(folder / "calibration.svg", render(figure, "svg"))
