"""`bisect` with `tune_lr`: every depth has the best learning rate found for it."""

from depthbench.search.bisect import Bisect, begin, begin_sentence
from depthbench.search.bracket import BracketSearch
from depthbench.search.measured import Key, Trials
from depthbench.search.plan import CellPlan, ProbeResult
from depthbench.search.tuned_depth import TunedDepth, tune_depth
from depthbench.spec import Cell, SearchSpec
from depthbench.text import count
from depthbench.verdict import Verdict


class TunedBisect(Bisect):
    """A bisection whose probes are tuned one after the other."""

    settings = Bisect.settings | {"tune_lr", "ahead"}

    def plan(self, cell: Cell, trials: Trials) -> CellPlan:
        """Where the search stands.

        Each depth tries the architecture's own rate first, then the best one of the
        deepest depth that was seen to train, then what the search suggests.
        `observations` are the trials that verdicts rest on, without those that chose
        the rates: they are of one rate per depth.
        """
        search = begin(cell)
        tuned: dict[int, TunedDepth] = {}
        while (probe := search.next()) is not None:
            found = tune_depth(
                cell,
                trials,
                probe.depth,
                first=_first_rates(cell, search, tuned),
                confirm=probe.confirm,
            )
            tuned[probe.depth] = found
            if found.verdict is None:
                break
            search = search.observe(probe.depth, found.verdict)
        return _plan(cell, trials, search, tuned)

    def explanation(self, search: SearchSpec) -> tuple[str, ...]:
        """How depths are chosen and decided."""
        return (
            f"At each depth up to {count(search.tune_lr, 'learning rate')} were tried "
            f"at seed {search.first_seed}: the architecture's own first, then the best "
            "of the deepest depth seen to train, then what Optuna's Parzen estimators "
            "suggested from the errors so far. A depth trains when most of "
            f"{count(search.seeds, 'other seed')} do at such a rate; it fails when "
            "they do not at the rate of lowest error. The seed that chose a rate has "
            "no vote.",
            begin_sentence(search),
        )


def _first_rates(
    cell: Cell, search: BracketSearch, tuned: dict[int, TunedDepth]
) -> tuple[float, ...]:
    own = cell.template.lr
    best = tuned[search.trains].lr if search.trains is not None else None
    return (own,) if best in (None, own) else (own, best)


def _plan(
    cell: Cell, trials: Trials, search: BracketSearch, tuned: dict[int, TunedDepth]
) -> CellPlan:
    asked = tuple(spec for found in tuned.values() for spec in found.asked)
    known = [(spec, trials[Key.of(spec)]) for spec in asked if Key.of(spec) in trials]
    return CellPlan(
        cell=cell,
        probes=tuple(
            ProbeResult(depth, found.verdict, found.seeds)
            for depth, found in tuned.items()
            if found.verdict is not None
        ),
        asked=asked,
        wanted=tuple(spec for found in tuned.values() for spec in found.wanted),
        not_measured=tuple(spec for spec, trial in known if not trial.is_evidence),
        observations=tuple(
            (spec.depth, trial.trained)
            for spec, trial in known
            if trial.is_evidence and _is_judging(tuned[spec.depth], spec.lr, spec.seed)
        ),
        trains=search.trains,
        fails=search.fails,
        unknown=search.unknown,
        is_witnessed=search.is_witnessed,
        num_left=search.num_probes_expected(),
        at_once=max(cell.search.ahead, cell.search.majority),
        layer_epochs_left=_layer_epochs_left(cell, search),
        best_rates=tuple(
            (depth, found.lr) for depth, found in tuned.items() if found.lr is not None
        ),
    )


def _is_judging(found: TunedDepth, lr: float, seed: int) -> bool:
    return lr == found.lr and seed in found.seeds


def _layer_epochs_left(cell: Cell, search: BracketSearch) -> int:
    """As of a bisection; a depth that fails costs all its rates, one that trains one.

    While the search bisects, every depth is taken to train, after half of its rates.
    """
    total, most = 0, cell.search.tune_lr
    while (probe := search.next()) is not None:
        num_rates = most if probe.confirm else (most + 1) // 2
        num_trials = num_rates + cell.search.majority + probe.confirm
        total += probe.depth * cell.template.epochs * num_trials
        verdict = Verdict.FAILS if probe.confirm else Verdict.TRAINS
        search = search.observe(probe.depth, verdict)
    return total
