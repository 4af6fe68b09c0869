"""How the depths of a cell are chosen, and what decides them."""

from dataclasses import dataclass, fields

from depthbench.spec.budget import parse_budget
from depthbench.spec.choices import Start


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpec:
    """A kind of search and its settings; `StudySpec` says what each means.

    Attributes:
        name: Of the strategy, in `depthbench.search.registry`.
        depths: Both on the grid of the architecture for most strategies.

    Raises:
        ValueError: If a setting makes no sense for any strategy.
    """

    name: str = "bisect"
    tune_lr: int = 0
    seeds: int = 3
    first_seed: int = 0
    depths: tuple[int, int] | None = None
    cap: int = 768
    precision: float = 0.15
    max_trials: int = 40
    budget: str | None = None
    ahead: int = 2
    start: Start = "forecast"

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value < least:
                raise ValueError(
                    f"{name} = {value}: a whole number of at least {least}"
                )
        if not 0 < self.precision < 1:
            raise ValueError(
                f"precision = {self.precision}: a fraction above 0 and below 1; 0.15 "
                "means to within 15 %"
            )
        if self.budget is not None:
            parse_budget(self.budget)
        if self.depths is not None and not 0 < self.depths[0] <= self.depths[1]:
            low, high = self.depths
            raise ValueError(f"depths = {low}:{high}: LOW:HIGH with 0 < LOW < HIGH")

    @property
    def majority(self) -> int:
        """Trials that have to agree where most of `seeds` decide."""
        return self.seeds // 2 + 1

    @property
    def only_depth(self) -> int | None:
        """The depth of a search that asks about one; None for any other."""
        low, high = self.depths or (0, 1)
        return low if low == high else None


_LEAST = {
    "tune_lr": 0,
    "seeds": 1,
    "first_seed": 0,
    "cap": 1,
    "max_trials": 1,
    "ahead": 1,
}

# The fields that a study has under the same names.
SEARCH_SETTINGS = tuple(
    field.name for field in fields(SearchSpec) if field.name != "name"
)
