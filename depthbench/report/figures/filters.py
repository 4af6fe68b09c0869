"""A picture on request: the first layer's filters of trained networks."""

import base64
import math

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from depthbench.record import FirstFilters
from depthbench.report.figures.panels import sheet
from depthbench.report.figures.style import INK, MUTED, figure_style
from depthbench.report.pictured import Pictured, pictured
from depthbench.report.results import StudyResult

_COLUMNS = 3
_GAP = 1  # white pixels between two filters


def filters_figure(result: StudyResult) -> Figure:
    """A grid of filters for each network whose trials kept some, of the first of them.

    Each filter is stretched to the whole range from black to white; three channels
    are shown as red, green and blue, any other number as the mean over them.
    """
    kept_by = [(one.label, _first_kept(one)) for one in pictured(result)]
    shown = [(label, kept) for label, kept in kept_by if kept is not None]
    rows = max(1, -(-len(shown) // _COLUMNS))
    columns = min(_COLUMNS, max(1, len(shown)))
    with figure_style():
        page = sheet((rows, columns), (2.3, 2.3), (0.15, 0.15, 0.4, 0.1), (0.2, 0.35))
        every = [axes for row in page.axes for axes in row]
        for axes in every:
            axes.set_axis_off()
        if not shown:
            every[0].text(0, 0.5, "no trial has kept any", color=MUTED)
        for axes, (label, kept) in zip(every, shown, strict=False):
            axes.set_title(label, loc="left", color=INK)
            axes.imshow(mosaic(weights(kept)), vmin=0, vmax=1, interpolation="none")
    return page.figure


def weights(kept: FirstFilters) -> NDArray[np.float64]:
    """The filters [number, channels, height, width], to within half a step."""
    levels = np.frombuffer(base64.b64decode(kept.levels), dtype=np.int8).astype(
        np.float64
    )
    return levels.reshape(kept.shape) * (kept.largest / 127)


def mosaic(filters: NDArray[np.float64]) -> NDArray[np.float64]:
    """An RGB image [height, width, 3], from 0 to 1, of all filters in a square grid.

    A filter that is the same everywhere is grey.
    """
    if filters.shape[1] != 3:
        filters = filters.mean(axis=1, keepdims=True).repeat(3, axis=1)
    low = filters.min(axis=(1, 2, 3), keepdims=True)
    spread = filters.max(axis=(1, 2, 3), keepdims=True) - low
    flat = np.where(spread > 0, (filters - low) / np.where(spread > 0, spread, 1), 0.5)
    number, _, height, width = flat.shape
    side = math.ceil(math.sqrt(number))
    rows = -(-number // side)
    page = np.ones((rows * (height + _GAP) - _GAP, side * (width + _GAP) - _GAP, 3))
    for place, image in enumerate(flat):
        top = place // side * (height + _GAP)
        left = place % side * (width + _GAP)
        page[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return page


def _first_kept(one: Pictured) -> FirstFilters | None:
    kept = [trial.record.first_filters for trial in one.trials]
    return next((filters for filters in kept if filters is not None), None)
