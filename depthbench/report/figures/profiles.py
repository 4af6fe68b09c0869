"""What the blocks of a network carry, on the two sides of the bracket."""

from math import ceil, floor, log10, nan
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from depthbench.record import Profile
from depthbench.report.figures.curves import sides_of
from depthbench.report.figures.panels import cell_name, cell_panels, sheet
from depthbench.report.figures.style import (
    BLUE,
    MUTED,
    ORANGE,
    figure_style,
    key,
    legend_above,
)
from depthbench.report.judged import JudgedTrial
from depthbench.report.results import CellResult, StudyResult

_ACROSS = "weight layers up to the block"
_QUANTITIES = {"gradient": BLUE, "deviation": ORANGE}
_MOMENTS: dict[str, Any] = {"profile_start": (1, 1.5), "profile_end": (1, 0)}


def has_profiles(result: StudyResult) -> bool:
    """Whether trials of several depths kept what their blocks carried."""
    kept = any(record.profile_start is not None for record in result.records)
    return kept and result.study.search_spec.only_depth is None


def profiles_figure(result: StudyResult) -> Figure:
    """Gradient and signal at each block of a network that trains and of one that fails.

    The first measured trial with a profile at each end of the bracket, before its first
    step (dotted) and after its last: the norm of the gradient at the block's output,
    relative to that at the last block, and the output's standard deviation.
    """
    with figure_style():
        page = cell_panels(
            result,
            (1.75 if len(result.cells) > 1 else 3.3, 1.3),
            (0.65, 0.25, 0.85, 0.5),
            (0.55, 0.68),
            per_cell=2,
        )
        for row in page.rows:
            for cell, pair in row:
                _draw_cell(pair, result, cell)
        page.label_below(_ACROSS)
        legend_above(page.figure, _legend(), columns=4)
    return page.figure


def profile_figure(profile: Profile, title: str) -> Figure:
    """The same of one untrained network."""
    with figure_style():
        page = sheet((1, 1), (4.5, 2.2), (0.75, 0.25, 0.75, 0.5))
        axes = page.axes[0][0]
        axes.set_title(title, loc="left", weight="bold")
        _draw_profile(axes, profile, _MOMENTS["profile_end"])
        _set_scales(axes)
        axes.set_xlabel(_ACROSS)
        legend_above(page.figure, _legend()[: len(_QUANTITIES)], columns=2)
    return page.figure


def _draw_cell(pair: list[Axes], result: StudyResult, cell: CellResult) -> None:
    pair[0].set_title(cell_name(result, cell), loc="left", weight="bold", pad=18)
    for axes, side in zip(pair, ("trains", "fails"), strict=True):
        trial = _first_with_profile(cell, side)
        if trial is None:
            axes.text(0, 0.5, f"none that {side}", color=MUTED)
            axes.set_axis_off()
            continue
        above: dict[str, Any] = {"transform": axes.transAxes, "color": MUTED}
        axes.text(0, 1.05, f"k = {trial.depth} {side}", fontsize=9, **above)
        for moment, dashes in _MOMENTS.items():
            if (profile := getattr(trial.record, moment)) is not None:
                _draw_profile(axes, profile, dashes)
        _set_scales(axes)


def _set_scales(axes: Axes) -> None:
    """From a power of ten to another."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(10 ** floor(log10(low)), 10 ** ceil(log10(high)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(axis="y")


def _first_with_profile(cell: CellResult, side: str) -> JudgedTrial | None:
    trials = (trial for name, trial in sides_of(cell) if name == side)
    return next((t for t in trials if t.record.profile_start is not None), None)


def _draw_profile(axes: Axes, profile: Profile, dashes: tuple[float, float]) -> None:
    # Infinite or NaN, it leaves the axes.
    last = profile.gradient[-1] or nan
    lines = {
        "gradient": [each / last for each in profile.gradient],
        "deviation": profile.deviation,
    }
    for name, values in lines.items():
        look: dict[str, Any] = {"color": _QUANTITIES[name], "lw": 1.3, "dashes": dashes}
        axes.plot(profile.num_layers, values, **look, label=name)


def _legend() -> list[Line2D]:
    return [
        key("gradient / the last block's", color=_QUANTITIES["gradient"]),
        key("output's deviation", color=_QUANTITIES["deviation"]),
        key("untrained", color=MUTED, lw=1.3, dashes=_MOMENTS["profile_start"]),
        key("at the end", color=MUTED, lw=1.3, dashes=_MOMENTS["profile_end"]),
    ]
