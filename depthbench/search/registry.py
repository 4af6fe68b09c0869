"""Every kind of search, by the name that a study gives it."""

from collections.abc import Mapping
from types import MappingProxyType

from depthbench.search.bisect import Bisect
from depthbench.search.grid import Grid
from depthbench.search.posterior import Posterior
from depthbench.search.strategy import Strategy
from depthbench.search.tuned_bisect import TunedBisect
from depthbench.spec import Cell, SearchSpec
from depthbench.spec.search import SEARCH_SETTINGS

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        "bisect": Bisect(),
        "posterior": Posterior(),
        "grid": Grid(),
    }
)

# In place of the strategy, where learning rates are searched for at each depth.
TUNED: Mapping[str, Strategy] = MappingProxyType({"bisect": TunedBisect()})


def strategy_of(search: SearchSpec) -> Strategy:
    """The strategy that carries out a search.

    Raises:
        ValueError: If there is none of that name, or it searches for no learning rates
            and is asked to.
    """
    if search.name not in STRATEGIES:
        raise ValueError(f"search = {search.name}: one of {', '.join(STRATEGIES)}")
    if not search.tune_lr:
        return STRATEGIES[search.name]
    if search.name not in TUNED:
        raise ValueError(
            f"tune_lr = {search.tune_lr}: search = {search.name} searches for no "
            f"learning rates; take search = {' or '.join(TUNED)}, or give lr_grid"
        )
    return TUNED[search.name]


def check_search(cell: Cell) -> None:
    """Whether the search of a cell can be carried out as it is asked for.

    Raises:
        ValueError: If the strategy does not use a setting that was given, if one makes
            no sense for it, or does not fit the architecture's depths.
    """
    search, default = cell.search, SearchSpec()
    strategy = strategy_of(search)
    for name in SEARCH_SETTINGS:
        given = getattr(search, name)
        if name not in strategy.settings and given != getattr(default, name):
            raise ValueError(_unused(search, name, given))
    strategy.check(cell)


def _unused(search: SearchSpec, name: str, given: object) -> str:
    users = [each for each, other in STRATEGIES.items() if name in other.settings]
    return (
        f"{name} = {given}: search = {search.name} does not use it; leave it out, or "
        f"take search = {' or '.join(users)}"
    )
