"""Data frames as CSV and as JSON."""

from typing import Any

import pandas as pd


def as_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table for JSON, which has no NaN: None in its place."""
    plain = table.astype(object).where(table.notna(), None)
    return [{str(key): row[key] for key in row} for row in plain.to_dict("records")]


def as_csv(table: pd.DataFrame) -> str:
    """The text of a CSV file, with Unix line ends on every system."""
    return str(table.to_csv(index=False, lineterminator="\n"))
