"""The look that all figures share, and files that are the same bytes every time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from depthbench.record import Outcome
from depthbench.report.figures.vector import tidy_svg
from depthbench.report.judged import JudgedTrial
from depthbench.report.results import StudyResult

# The page swaps these for its own colours when it is shown in dark mode, so each
# must differ from every other colour of a figure.
INK = "#1f2328"
MUTED = "#57606a"
RULE = "#d3d9e0"
SHADE = "#e9edf2"
BRACKET = "#d9e2ec"
PAPER = "#ffffff"

# Okabe and Ito's palette, made to be distinguished with any colour vision. Each colour
# comes with a marker of its own, so that nothing is lost in greyscale.
BLUE, ORANGE, GREEN = "#0072b2", "#e69f00", "#009e73"
VERMILLION, PURPLE, SKY = "#d55e00", "#cc79a7", "#56b4e9"


FileKind = Literal["svg", "png", "pdf"]


class Mark(NamedTuple):
    """A colour and the marker that always goes with it."""

    color: str
    marker: str


OUTCOME_MARKS = {
    "trained": Mark(GREEN, "o"),
    "stuck": Mark(ORANGE, "s"),
    "diverged": Mark(VERMILLION, "^"),
    "collapsed": Mark(PURPLE, "v"),
    "slow": Mark(SKY, "D"),
    "no evidence": Mark(MUTED, "X"),
}

_PROTOCOL_MARKS = (
    Mark(BLUE, "o"),
    Mark(ORANGE, "s"),
    Mark(GREEN, "^"),
    Mark(PURPLE, "v"),
)

_PARAMETERS = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "xtick.major.size": 3.5,
    "ytick.major.size": 3.5,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titley": 1.0,  # else looked for above the ticks, at each drawing
    # Names of architectures are a user's text: a "$" in one starts no formula.
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "depthbench",
}

# A point links to the row of its trial on the page, from beside and from within it.
TRIAL_URL = "../report.html#"

_FILES: dict[FileKind, dict[str, Any]] = {
    "svg": {"metadata": dict.fromkeys(("Date", "Creator", "Format", "Type"))},
    "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}},
    "pdf": {"metadata": dict.fromkeys(("Creator", "Producer", "CreationDate"))},
}

_MAX_PIXELS = 60_000  # Agg refuses 2**16 on a side


@contextmanager
def figure_style() -> Iterator[None]:
    """Drawing parameters for the block, whatever the user's own configuration says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(sns.axes_style("ticks") | _PARAMETERS)
        yield


class NotebookFigure(Figure):
    """A figure that a notebook shows, also where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        return render(self, "png")


def trial_url(trial: JudgedTrial, protocol: str) -> str:
    """Where a point of a figure leads."""
    return f"{TRIAL_URL}{trial.row_id(protocol)}"


def render(figure: Figure, kind: FileKind) -> bytes:
    """The figure as a file; equal figures give equal bytes.

    Dates and versions stay out, and text stays text in an SVG.
    """
    dpi = min(200, _MAX_PIXELS // max(figure.get_size_inches()))
    buffer = BytesIO()
    with figure_style():
        figure.savefig(buffer, format=kind, dpi=dpi, **_FILES[kind])
    written = buffer.getvalue()
    return tidy_svg(written.decode()).encode() if kind == "svg" else written


def outcome_label(outcome: Outcome) -> str:
    """The outcome, or "no evidence" for a measurement that failed."""
    return str(outcome) if outcome.is_evidence else "no evidence"


def outcome_handles(labels: set[str], **look: Any) -> list[Line2D]:
    """For a legend of those outcomes that are there."""
    return [
        key(name, color=mark.color, marker=mark.marker, **look)
        for name, mark in OUTCOME_MARKS.items()
        if name in labels
    ]


def protocol_mark(result: StudyResult, protocol: str) -> Mark:
    """A protocol's colour and marker, by its place in the study."""
    place = tuple(dict.fromkeys(cell.cell.protocol for cell in result.cells))
    return _PROTOCOL_MARKS[place.index(protocol) % len(_PROTOCOL_MARKS)]


def key(label: str, **look: Any) -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], label=label, **look)


def legend_above(figure: Figure, handles: Sequence[Line2D], columns: int) -> None:
    """A legend in the top margin, from the left."""
    figure.legend(
        handles=list(handles),
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        columnspacing=1.6,
        handletextpad=0.5,
        borderaxespad=0.3,
    )
