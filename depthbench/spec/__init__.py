"""What is asked of depthbench, as frozen data; nothing here imports torch.

`TrialSpec` is one training, `Cell` one architecture on one data set under one
protocol, `StudySpec` what a user writes in a TOML file or in flags.
"""

from depthbench.spec.budget import Budget, parse_budget
from depthbench.spec.cell import Cell, Claim, DepthGrid, ForecastDepth
from depthbench.spec.criterion import Criterion
from depthbench.spec.errors import UsageError
from depthbench.spec.rate import Rate
from depthbench.spec.search import SearchSpec
from depthbench.spec.study import StudySpec
from depthbench.spec.toml import (
    read_cells,
    read_resolved,
    read_study,
    study_of,
    write_study,
)
from depthbench.spec.trial import TrialSpec

__all__ = [
    "Budget",
    "Cell",
    "Claim",
    "Criterion",
    "DepthGrid",
    "ForecastDepth",
    "Rate",
    "SearchSpec",
    "StudySpec",
    "TrialSpec",
    "UsageError",
    "parse_budget",
    "read_cells",
    "read_resolved",
    "read_study",
    "study_of",
    "write_study",
]
