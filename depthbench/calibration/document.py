"""`calibration.json`: the settings and the means; `calibration.csv` has every row."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from depthbench.calibration.plan import CalibrationPlan
from depthbench.calibration.summary import Row, Total, totals

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


def totals_of(document: Mapping[str, Any]) -> Sequence[Total]:
    """The means in a stored document.

    Raises:
        LookupError: If it holds none.
        TypeError: If they are not those of this version.
    """
    return [Total(**total) for total in document["totals"]]
