"""How a depth was decided, in sentences that are true of the search that was used."""

from depthbench.search.posterior import NUM_WITNESSES
from depthbench.spec import StudySpec
from depthbench.text import count, short_percent

K50_SENTENCE = (
    "The depth where half of all trainings succeed, and k90, where nine in ten do, are "
    "the medians of a Bayesian posterior, computed from all trials shown here, however "
    "they were chosen. Success is taken to fall with depth along a logistic curve of "
    "unknown place and width, from a share below one if some trainings fail at any "
    "depth; the priors are wide. The interval holds 90 % of the posterior. Where no "
    "trials bound it on one side, a bound stands in its place."
)

_CUT_SENTENCE = (
    "The deepest depth that trains and the next, which fails, lie on the two sides of "
    "the cut between trained and failed that the fewest trials contradict."
)


def decision_sentences(study: StudySpec) -> tuple[str, ...]:
    """How depths were chosen and what their trials decided."""
    match study.search:
        case "bisect" if study.tune_lr:
            return (_tuned(study), *_bisection(study)[1:])
        case "bisect":
            return _bisection(study)
        case "posterior":
            return _posterior(study)
        case "grid":
            return _grid(study)


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


def _tuned(study: StudySpec) -> str:
    return (
        f"At each depth up to {count(study.tune_lr, 'learning rate')} were tried at "
        f"seed {study.first_seed}: the architecture's own first, then the best of the "
        "deepest depth seen to train, then what Optuna's Parzen estimators suggested "
        "from the errors so far. A depth trains when most of "
        f"{count(study.seeds, 'other seed')} do at such a rate; it fails when they do "
        "not at the rate of lowest error. The seed that chose a rate has no vote."
    )


def _bisection(study: StudySpec) -> tuple[str, ...]:
    begin = "The depth doubles until it fails"
    if study.depths is not None:
        begin = "The search starts at depths {} and {}".format(*study.depths)
    search = (
        f"{begin}; then it is bisected down to two neighbouring depths, one seen to "
        f"train, the next to fail. The search ends at depth {study.cap} at the latest."
    )
    if study.seeds == 1:
        return ("A depth trains when its one trial does.", search)
    return (
        f"A depth trains when most of {study.seeds} seeds do; no more trials are made "
        "than that needs. The first failure of a search needs one failed seed more.",
        search,
    )


def _posterior(study: StudySpec) -> tuple[str, ...]:
    budget = f", or {study.budget} of training" if study.budget else ""
    return (
        "Each trial is made at the depth, up to "
        f"{study.cap}, where it is expected to tell most about k50 for what it costs, "
        "given the outcomes before it.",
        "The search ends when k50 is known to within "
        f"{short_percent(study.precision)}, or half a step between depths, with "
        f"{NUM_WITNESSES} trainings that succeeded below it and {NUM_WITNESSES} that "
        "failed above; or when it is known to lie outside the depths; or after "
        f"{count(study.max_trials, 'trial')}{budget}.",
        _CUT_SENTENCE,
    )


def _grid(study: StudySpec) -> tuple[str, ...]:
    low, high = study.depths or (0, 0)
    which = (
        f"Depth {low}" if low == high else f"Every depth there is from {low} to {high}"
    )
    return (
        f"{which} is trained with {count(study.seeds, 'seed')}.",
        _CUT_SENTENCE,
    )
