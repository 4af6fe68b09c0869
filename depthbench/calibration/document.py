"""A calibration as CSV, with every row, and as JSON, with the settings and means."""

import json
import platform
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from depthbench.calibration.plan import CalibrationPlan
from depthbench.calibration.summary import Row, Total, totals
from depthbench.report.table import table_of_fields

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A finished calibration.

    Attributes:
        recorded: Names of the truths from stored trials.
    """

    plan: CalibrationPlan
    recorded: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def totals(self) -> list[Total]:
        """Means over the cells of each group."""
        return totals(self.rows)


def to_document(calibration: Calibration) -> dict[str, Any]:
    """The calibration as JSON knows values; the same plan gives the same document."""
    return {
        "schema": SCHEMA_VERSION,
        "versions": {
            "depthbench": version("depthbench"),
            "numpy": version("numpy"),
            "python": platform.python_version(),
        },
        "plan": asdict(calibration.plan),
        "recorded": list(calibration.recorded),
        "totals": [asdict(total) for total in calibration.totals],
    }


def to_json(calibration: Calibration) -> str:
    """The document as text."""
    return json.dumps(to_document(calibration), indent=1) + "\n"


def to_csv(calibration: Calibration) -> str:
    """Every row, each with the settings and the version that it was simulated with."""
    table = table_of_fields(Row, calibration.rows).frame.assign(
        settings=calibration.plan.settings, depthbench=version("depthbench")
    )
    return str(table.to_csv(index=False, lineterminator="\n"))


def read_rows(path: Path) -> list[Row]:
    """The rows of a `calibration.csv`.

    Raises:
        ValueError: If they are not of this version.
    """
    names = [field.name for field in fields(Row)]
    table = pd.read_csv(path)
    if list(table)[: len(names)] != names:
        raise ValueError(f"{path} is no calibration of this version; run it again")
    numbers = table[names].astype(object).where(table[names].notna(), None)
    return [Row(**dict(zip(names, row, strict=True))) for row in numbers.to_numpy()]
