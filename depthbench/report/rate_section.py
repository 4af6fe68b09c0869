"""What the page and the command line say about learning rates."""

from typing import NamedTuple

from depthbench.curves.words import estimate_text
from depthbench.report.columns import Column
from depthbench.report.display import NOTHING
from depthbench.report.rate_tables import MAP_COLUMNS, RATE_COLUMNS
from depthbench.report.rates import (
    AtRate,
    RateGroup,
    exponent_sentence,
    limit_sentence,
    rate_groups,
)
from depthbench.report.results import StudyResult

_HEADINGS = (
    "architecture",
    "own rate: trains, fails",
    "k50",
    "best rate: trains, fails",
    "k50",
    "scaled rate: trains, fails",
    "k50",
    "exponent of the largest",
)


class RatesSection(NamedTuple):
    """A table of texts, and sentences, each with the name of what it is about."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sentences: tuple[tuple[str, str], ...]


def rates_section(result: StudyResult) -> RatesSection | None:
    """None for a study of one learning rate."""
    groups = rate_groups(result)
    if not groups:
        return None
    return RatesSection(
        _HEADINGS,
        tuple(_row(group, groups) for group in groups),
        tuple(
            (_name(group, groups) if len(groups) > 1 else "", sentence)
            for group in groups
            for sentence in rate_sentences(group)
        ),
    )


def rate_columns(result: StudyResult) -> dict[str, tuple[Column, ...]]:
    """The columns of the CSV files that a study of several rates has beside others."""
    if not rate_groups(result):
        return {}
    return {"rate_map.csv": MAP_COLUMNS, "rates.csv": RATE_COLUMNS}


def rate_sentences(group: RateGroup) -> list[str]:
    """Whose limit it is, and how the largest rate goes with depth, where known."""
    return [s for s in (limit_sentence(group), exponent_sentence(group.stable)) if s]


def _row(group: RateGroup, groups: list[RateGroup]) -> tuple[str, ...]:
    stable = group.stable
    exponent = NOTHING
    if stable is not None and stable.exponent.median is not None:
        ends = [
            "" if end is None else f"{end:.2f}"
            for end in (stable.exponent.low, stable.exponent.high)
        ]
        exponent = f"{stable.exponent.median:.2f} ({' to '.join(ends).strip()})"
    return (
        _name(group, groups),
        *_texts(group.fixed),
        *_texts(group.best),
        *_texts(group.scaled),
        exponent,
    )


def _name(group: RateGroup, groups: list[RateGroup]) -> str:
    """The architecture, with whatever else differs between the groups."""
    differs = [len({each.key[place] for each in groups}) > 1 for place in (1, 2)]
    rest = [part for part, each in zip(group.key[1:], differs, strict=True) if each]
    return ", ".join((group.key[0], *rest))


def _texts(at: AtRate | None) -> tuple[str, str]:
    if at is None:
        return (NOTHING, NOTHING)
    trains, fails = (
        NOTHING if depth is None else str(depth) for depth in (at.trains, at.fails)
    )
    lr = f" at {at.lr:.3g}" if at.lr is not None else ""
    k50 = estimate_text(at.k50) if at.k50 else ""
    open_ = "" if at.is_final else ", unfinished"
    return (f"{trains}{lr}, {fails}{open_}", k50 or NOTHING)
