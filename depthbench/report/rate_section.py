"""What the page and the command line say about learning rates."""

from depthbench.report.rates import (
    RateGroup,
    exponent_sentence,
    limit_sentence,
    rate_groups,
)
from depthbench.report.results import StudyResult


def named_sentences(result: StudyResult) -> list[tuple[str, str]]:
    """The sentences of all groups, with the group's name where there are several."""
    groups = rate_groups(result)
    return [
        (_name(group, groups) if len(groups) > 1 else "", sentence)
        for group in groups
        for sentence in rate_sentences(group)
    ]


def rate_sentences(group: RateGroup) -> list[str]:
    """Whose limit it is, and how the largest rate goes with depth, where known."""
    return [s for s in (limit_sentence(group), exponent_sentence(group.stable)) if s]


def _name(group: RateGroup, groups: list[RateGroup]) -> str:
    """The architecture, with whatever else differs between the groups."""
    differs = [len({each.key[place] for each in groups}) > 1 for place in (1, 2)]
    rest = [part for part, each in zip(group.key[1:], differs, strict=True) if each]
    return ", ".join((group.key[0], *rest))
