"""The next learning rate to try, by Optuna's Parzen estimators. Numbers only.

Optuna takes a while to import, so that happens at the first suggestion.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

NUM_STARTUP = 4  # rates drawn at random before the estimators are used


class TriedRate(NamedTuple):
    """A learning rate that was asked for, and what came of it.

    Attributes:
        lr: Above 0.
        error: A fraction; None while there is none.
        has_failed: Whether there will be none, because it could not be measured.
    """

    lr: float
    error: float | None = None
    has_failed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSearch:
    """A search for the learning rate of lowest error, as a value.

    Optuna's `TPESampler` (Bergstra et al., "Algorithms for hyper-parameter
    optimization", 2011) in the logarithm of the rate. Each suggestion comes from a
    study made anew from all that was tried, whose random numbers depend on `seed` and
    on how many that are: so it is a function of its arguments, and a search continues
    from its results alone.

    Attributes:
        low: Smallest rate, above 0.
        high: Largest rate.
        seed: Any whole numbers of at least 0.
    """

    low: float
    high: float
    seed: tuple[int, ...] = (0,)

    def suggest(self, tried: tuple[TriedRate, ...]) -> float:
        """The rate to try next, to four significant digits.

        The same arguments give the same rate under one version of Optuna.

        Args:
            tried: Every rate so far, in the order they were asked for. Those without
                an error are under way, and avoided, or have failed. Rates outside the
                range are left out.
        """
        return _suggest(self, tried)


@functools.lru_cache(maxsize=4096)
def _suggest(search: RateSearch, tried: tuple[TriedRate, ...]) -> float:
    import optuna
    from optuna.trial import TrialState

    lr = optuna.distributions.FloatDistribution(search.low, search.high, log=True)
    words = np.random.SeedSequence((*search.seed, len(tried))).generate_state(1)
    sampler = optuna.samplers.TPESampler(
        seed=int(words[0]), n_startup_trials=NUM_STARTUP, constant_liar=True
    )
    with quiet_optuna():
        study = optuna.create_study(sampler=sampler, direction="minimize")
        for each in tried:
            if not search.low <= each.lr <= search.high:
                continue
            state = TrialState.RUNNING if each.error is None else TrialState.COMPLETE
            study.add_trial(
                optuna.trial.create_trial(
                    state=TrialState.FAIL if each.has_failed else state,
                    params={"lr": each.lr},
                    distributions={"lr": lr},
                    value=None if each.has_failed else each.error,
                )
            )
        suggested = float(study.ask({"lr": lr}).params["lr"])
    return min(max(float(f"{suggested:.4g}"), search.low), search.high)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Without a line on standard error for each study."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
