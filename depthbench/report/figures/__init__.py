"""The figures of a report, drawn without any window or global state."""

from depthbench.report.figures.claims import claims_figure
from depthbench.report.figures.criteria import criteria_figure
from depthbench.report.figures.curves import curves_figure
from depthbench.report.figures.depths import depths_figure
from depthbench.report.figures.errors import errors_figure
from depthbench.report.figures.filters import filters_figure
from depthbench.report.figures.histories import histories_figure
from depthbench.report.figures.profiles import (
    has_profiles,
    profile_figure,
    profiles_figure,
)
from depthbench.report.figures.rates import rates_figure
from depthbench.report.figures.style import render
from depthbench.report.figures.success import success_figure

# Of a study that asks for them.
PICTURES = {"histories": histories_figure, "filters": filters_figure}

# Of a study of networks that the literature claims a depth of.
CLAIM_FIGURES = {"claims": claims_figure}

# Of a study of several depths whose trials kept profiles.
PROFILE_FIGURES = {"profiles": profiles_figure}

# Of a study of several learning rates.
RATE_FIGURES = {"rates": rates_figure}

FIGURES = {
    "depths": depths_figure,
    "success": success_figure,
    "errors": errors_figure,
    "curves": curves_figure,
    "criteria": criteria_figure,
}

__all__ = [
    "FIGURES",
    "criteria_figure",
    "curves_figure",
    "depths_figure",
    "errors_figure",
    "filters_figure",
    "has_profiles",
    "histories_figure",
    "profile_figure",
    "render",
    "success_figure",
]
