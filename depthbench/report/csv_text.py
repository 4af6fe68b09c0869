"""Rows and the columns they have, as the text of a CSV file."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from depthbench.report.columns import DTYPES, Column

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """One line a row after the names, with Unix line ends on every system."""
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=[column.name for column in columns])
    typed = frame.astype({column.name: DTYPES[column.kind] for column in columns})
    return str(typed.to_csv(index=False, lineterminator="\n"))


def fields_csv(
    kind: "type[DataclassInstance]", rows: "Iterable[DataclassInstance]"
) -> str:
    """One line for each `kind` after the names of its fields; None is an empty field.

    Numbers are written to the last digit, so that a reader gets back what they were.
    """
    text = io.StringIO()
    names = [field.name for field in fields(kind)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()
