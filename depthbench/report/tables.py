"""The CSV files of a report, each a table."""

from collections.abc import Callable
from typing import Any

from depthbench.report.criteria import criteria_table
from depthbench.report.depth_columns import depths_table
from depthbench.report.epoch_columns import epochs_table
from depthbench.report.rate_tables import map_table, rates_table
from depthbench.report.results import StudyResult
from depthbench.report.table import Table
from depthbench.report.trial_columns import trials_table

TABLES: dict[str, Callable[[StudyResult], Table[Any]]] = {
    "depths": depths_table,
    "trials": trials_table,
    "epochs": epochs_table,
    "criteria": criteria_table,
    "rate_map": map_table,
    "rates": rates_table,
}

_OF_RATES = ("rate_map", "rates")  # where there are several learning rates


def tables_of(result: StudyResult) -> dict[str, Table[Any]]:
    """By name of their files; the same records give the same tables."""
    return {
        name: table_of(result)
        for name, table_of in TABLES.items()
        if result.has_rates or name not in _OF_RATES
    }
