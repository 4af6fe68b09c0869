"""What the records say about each cell; tables, figures and the page read it here."""

import math
import statistics
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from depthbench.curves import Estimate
from depthbench.record import Chance, Outcome, TrialRecord
from depthbench.report.fit import NO_ESTIMATE, CurveFit
from depthbench.report.judged import JudgedTrial, observations_of
from depthbench.search import CellPlan, layer_epochs, strategy_of
from depthbench.search.strategy import Bracket
from depthbench.spec import Cell, StudySpec
from depthbench.spec.trial import FIRST_SEEDING
from depthbench.verdict import chance_of, error_of


class Status(StrEnum):
    """Where the search of a cell ended, or that it has not."""

    DONE = "done"
    CENSORED = "censored"
    STOPPED = "stopped"
    UNFINISHED = "unfinished"


@dataclass(frozen=True)
class CellResult:
    """One cell with its trials, each once, by depth, then seed, then learning rate.

    Attributes:
        trials: All that are stored, also such as the search did not ask for.
        fit: Of all trials that are evidence; None without any.
        is_complete: Whether the search needs no more of them.
        limited_by: The limit that ended the search before it was precise.
    """

    cell: Cell
    plan: CellPlan
    trials: tuple[JudgedTrial, ...]
    fit: CurveFit | None
    is_complete: bool
    limited_by: str | None

    @property
    def trains(self) -> int | None:
        """Deepest depth seen to train."""
        return self._bracket.trains

    @property
    def fails(self) -> int | None:
        """Shallowest depth seen to fail, deeper than `trains`."""
        return self._bracket.fails

    @property
    def is_bracketed(self) -> bool:
        """Whether `trains` and `fails` are neighbours on the grid."""
        if self.trains is None or self.fails is None:
            return False
        return self.fails - self.trains == self.cell.grid.step

    @property
    def status(self) -> Status:
        """Where the search ended, or that it has not."""
        if not self.is_complete:
            return Status.UNFINISHED
        if self.plan.unknown is not None:
            return Status.STOPPED
        return Status.DONE if self._bracket.is_found else Status.CENSORED

    @cached_property
    def evidence(self) -> tuple[JudgedTrial, ...]:
        """The trials that say something about the architecture.

        Where learning rates are searched for, those that a depth was judged by: at
        its best rate, without the trial that this rate was chosen for.
        """
        measured = tuple(trial for trial in self.trials if trial.outcome.is_evidence)
        if self.cell.rate.range is None:
            return measured
        rates = dict(self.plan.best_rates)
        judging = {
            (probe.depth, seed, rates.get(probe.depth))
            for probe in self.plan.probes
            for seed in probe.seeds
        }
        return tuple(t for t in measured if (t.depth, t.seed, t.lr) in judging)

    @property
    def k50(self) -> Estimate:
        """Depth where half of all trainings succeed; empty without a fit."""
        return self.fit.k50 if self.fit else NO_ESTIMATE

    @property
    def num_not_measured(self) -> int:
        """Trials that say nothing about the architecture."""
        return sum(not trial.outcome.is_evidence for trial in self.trials)

    @cached_property
    def observations(self) -> tuple[tuple[int, bool], ...]:
        """(depth, whether it trained) of the evidence."""
        return observations_of(self.evidence)

    @property
    def all_runs_train_to(self) -> int | None:
        """Deepest depth at and below which every trial trained."""
        seen = self.observations
        first = min((depth for depth, good in seen if not good), default=math.inf)
        return max((depth for depth, _ in seen if depth < first), default=None)

    @property
    def no_run_trains_from(self) -> int | None:
        """Shallowest depth at and above which no trial trained."""
        seen = self.observations
        last = max((depth for depth, good in seen if good), default=0)
        return min((depth for depth, _ in seen if depth > last), default=None)

    @property
    def disagreement(self) -> tuple[int, int] | None:
        """Between where all trials train and where none does, if any two contradict.

        Two trials contradict each other when one fails at a depth that the other
        reaches or passes. An end that was not found is where such trials end.
        """
        trained = [depth for depth, good in self.observations if good]
        failed = [depth for depth, good in self.observations if not good]
        if not trained or not failed or min(failed) > max(trained):
            return None
        low = self.all_runs_train_to or min(failed)
        return (low, self.no_run_trains_from or max(trained))

    @property
    def failure_causes(self) -> tuple[tuple[Outcome, int], ...]:
        """Outcomes other than trained at the failing depth, most frequent first."""
        failed = Counter(
            trial.outcome
            for trial in self.evidence
            if trial.depth == self.fails and trial.outcome is not Outcome.TRAINED
        )
        return tuple(sorted(failed.items(), key=lambda item: (-item[1], item[0])))

    @property
    def test_error(self) -> float | None:
        """Median over the seeds at `trains`; a diverged seed counts as the worst."""
        criterion = replace(self.cell.criterion, source="test")
        errors = [
            error_of(trial.record.epochs[-1], criterion)
            if trial.has_final_error
            else math.inf
            for trial in self.evidence
            if trial.depth == self.trains
        ]
        median = statistics.median(errors) if errors else math.inf
        return median if math.isfinite(median) else None

    @property
    def weight_layers(self) -> int | None:
        """Weight layers of the network at `trains`."""
        layers = {
            trial.record.num_weight_layers
            for trial in self.evidence
            if trial.depth == self.trains
        }
        return max(layers, default=None)

    @property
    def seconds(self) -> float:
        """Wall time of all trials, also of those that another cell shares."""
        return round(sum(trial.record.seconds for trial in self.trials), 3)

    @property
    def layer_epochs(self) -> int:
        """Depth times epochs begun, over all trials."""
        return sum(layer_epochs(trial.record) for trial in self.trials)

    @property
    def chance(self) -> Chance | None:
        """What the best constant answer reaches, once a trial has measured."""
        return next((trial.record.known_chance for trial in self.evidence), None)

    @property
    def chance_error(self) -> float | None:
        """The same, of the error that its criterion reads."""
        return self.chance and chance_of(self.chance, self.cell.criterion)

    @property
    def shares_seeds(self) -> bool:
        """Whether its trials at several depths began alike, seed by seed."""
        is_first = self.cell.template.seeding == FIRST_SEEDING
        return is_first and len({trial.depth for trial in self.evidence}) > 1

    def at_depth(self, depth: int | None) -> tuple[JudgedTrial, ...]:
        """The trials at one depth."""
        return tuple(trial for trial in self.trials if trial.depth == depth)

    @cached_property
    def _bracket(self) -> Bracket:
        strategy = strategy_of(self.cell.search)
        return strategy.bracket(self.plan, self.observations)


@dataclass(frozen=True, slots=True)
class StudyResult:
    """A study with the results of its cells, in the study's order.

    Attributes:
        records: The latest of each trial, also of those that no cell owns.
        num_foreign: Trials that no cell of the study owns.
        num_damaged: Lines of the store that could not be read.
    """

    study: StudySpec
    cells: tuple[CellResult, ...]
    records: tuple[TrialRecord, ...]
    num_foreign: int
    num_damaged: int = 0

    @property
    def has_rates(self) -> bool:
        """Whether its cells differ in learning rate."""
        return any(each.cell.rate.name for each in self.cells)

    @property
    def has_claims(self) -> bool:
        """Whether the literature gives a depth for any of them."""
        return any(each.cell.claim for each in self.cells)

    @property
    def rows(self) -> list[list[CellResult]]:
        """Cells that differ in their protocol alone, in the study's order."""
        rows: dict[tuple[str, ...], list[CellResult]] = {}
        for each in self.cells:
            cell = each.cell
            key = (cell.architecture, cell.data, cell.rate.name)
            rows.setdefault(key, []).append(each)
        return list(rows.values())

    @property
    def rows_by_depth(self) -> list[list[CellResult]]:
        """The rows, the one that trains deepest under its first protocol on top."""
        return sorted(self.rows, key=lambda cells: -(cells[0].trains or 0))
