"""How a depth was decided, in sentences that are true of the search that was used."""

from depthbench.search import strategy_of
from depthbench.spec import StudySpec

K50_SENTENCE = (
    "The depth where half of all trainings succeed, and k90, where nine in ten do, are "
    "the medians of a Bayesian posterior, computed from all trials shown here, however "
    "they were chosen. Success is taken to fall with depth along a logistic curve of "
    "unknown place and width, from a share below one if some trainings fail at any "
    "depth; the priors are wide. The interval holds 90 % of the posterior. Where no "
    "trials bound it on one side, a bound stands in its place."
)


def decision_sentences(study: StudySpec) -> tuple[str, ...]:
    """How depths were chosen and what their trials decided."""
    search = study.search_spec
    return strategy_of(search).explanation(search)


def rates_text(study: StudySpec) -> str:
    """The learning rates of a study of several: "0.005 or 0.05, each by itself"."""
    texts = [" or ".join(f"{rate:g}" for rate in sorted(study.lr_grid))]
    if study.tune_lr:
        low, high = study.lr_range
        texts = [f"searched for at each depth from {low:g} to {high:g}"]
    if study.lr_scaling is not None:
        where = "the shallowest depth" if study.lr_depth is None else study.lr_depth
        own = [] if texts[0] else ["the architecture's own"]
        texts = [
            *filter(None, texts),
            *own,
            f"proportional to k to the power {study.lr_scaling:g}, the architecture's "
            f"own at {where}",
        ]
    several = len(texts) > 1 or len(study.lr_grid) > 1
    return f"{' or '.join(texts)}, each by itself" if several else texts[0]
