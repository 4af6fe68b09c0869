"""The figures of a report, drawn without any window or global state."""

from collections.abc import Callable

from matplotlib.figure import Figure

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
from depthbench.report.results import StudyResult

# Of a study that asks for them.
PICTURES = {"histories": histories_figure, "filters": filters_figure}

# Of a study that has something to show there.
OTHER_FIGURES = {
    "rates": rates_figure,
    "claims": claims_figure,
    "profiles": profiles_figure,
}

FIGURES = {
    "depths": depths_figure,
    "success": success_figure,
    "errors": errors_figure,
    "curves": curves_figure,
    "criteria": criteria_figure,
}


def figures_of(result: StudyResult) -> dict[str, Callable[[StudyResult], Figure]]:
    """The figures of a report, by name."""
    has = {
        "rates": result.has_rates,
        "claims": result.has_claims,
        "profiles": has_profiles(result),
    }
    figures: dict[str, Callable[[StudyResult], Figure]] = dict(FIGURES)
    for name in result.study.pictures:
        figures[name] = PICTURES[name]
    return figures | {name: OTHER_FIGURES[name] for name in has if has[name]}


__all__ = [
    "FIGURES",
    "criteria_figure",
    "curves_figure",
    "depths_figure",
    "errors_figure",
    "figures_of",
    "filters_figure",
    "histories_figure",
    "profile_figure",
    "render",
    "success_figure",
]
