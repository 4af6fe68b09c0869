"""A finished calibration: its files, and a JSON document of its settings and means."""

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from depthbench.calibration.frames import as_csv, as_records
from depthbench.calibration.plan import CalibrationPlan
from depthbench.report.figures import render
from depthbench.store import write_atomic

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """A finished calibration.

    Attributes:
        recorded: Names of the truths from stored trials.
        rows: See `summary.summarize`.
    """

    plan: CalibrationPlan
    recorded: tuple[str, ...]
    rows: pd.DataFrame


def to_document(calibration: Calibration, means: pd.DataFrame) -> dict[str, Any]:
    """The calibration with its `totals`; the same plan gives the same document."""
    return {
        "schema": SCHEMA_VERSION,
        "versions": {
            "depthbench": version("depthbench"),
            "numpy": version("numpy"),
            "python": platform.python_version(),
        },
        "plan": asdict(calibration.plan),
        "recorded": list(calibration.recorded),
        "totals": as_records(means),
    }


def to_csv(calibration: Calibration) -> str:
    """Every row, each with the settings and the version that it was simulated with."""
    return as_csv(
        calibration.rows.assign(
            settings=calibration.plan.settings, depthbench=version("depthbench")
        )
    )


def write_files(folder: Path, name: str, csv: str, figure: Figure) -> None:
    """Write NAME.csv, .png and .svg, each whole or not at all.

    Raises:
        StoreError: If one cannot be written.
    """
    write_atomic(folder / f"{name}.csv", csv)
    write_atomic(folder / f"{name}.png", render(figure, "png"))
    write_atomic(folder / f"{name}.svg", render(figure, "svg"))
