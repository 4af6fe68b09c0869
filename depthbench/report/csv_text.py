"""Rows and the columns they have, as the text of a CSV file."""

from collections.abc import Mapping, Sequence
from typing import Any

from depthbench.report.columns import DTYPES, Column


def csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """One line a row after the names, with Unix line ends on every system."""
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=[column.name for column in columns])
    typed = frame.astype({column.name: DTYPES[column.kind] for column in columns})
    return str(typed.to_csv(index=False, lineterminator="\n"))
