"""The files of a calibration."""

from pathlib import Path

from depthbench.calibration.document import Calibration, to_csv
from depthbench.calibration.figure import calibration_figure
from depthbench.report.figures import render
from depthbench.store import write_atomic


def write_files(folder: Path, calibration: Calibration) -> None:
    """Write `calibration.csv`, `.png` and `.svg`, each whole or not at all.

    Raises:
        StoreError: If one cannot be written.
    """
    figure = calibration_figure(calibration)
    write_atomic(folder / "calibration.csv", to_csv(calibration))
    write_atomic(folder / "calibration.png", render(figure, "png"))
    write_atomic(folder / "calibration.svg", render(figure, "svg"))
