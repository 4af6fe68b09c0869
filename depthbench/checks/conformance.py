"""All checks of one architecture, in an order in which the first failure explains."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from depthbench.checks.derivatives import check_derivatives
from depthbench.checks.loss import check_initial_loss, check_overfit
from depthbench.checks.outputs import (
    check_batches,
    check_input,
    check_logits,
    check_nan,
    check_repeatable,
    check_same_modes,
)
from depthbench.checks.result import CheckResult, Finding
from depthbench.checks.seeds import check_processes, check_seeds
from depthbench.checks.subject import Subject
from depthbench.checks.weights import check_gradients, check_layers, check_parameters
from depthbench.trial.failures import described

Check = Callable[[Subject, int], Finding]

CHECKS: Mapping[str, Check] = {
    "logits": check_logits,
    "input kept": check_input,
    "repeatable": check_repeatable,
    "odd batches": check_batches,
    "modes": check_same_modes,
    "NaN stays": check_nan,
    "seeds": check_seeds,
    "processes": check_processes,
    "parameters": check_parameters,
    "gradients": check_gradients,
    "weight layers": check_layers,
    "derivatives": check_derivatives,
    "initial loss": check_initial_loss,
    "overfits": check_overfit,
}


def check_architecture(
    subject: Subject, depths: Sequence[int]
) -> Iterator[CheckResult]:
    """One result for each check and depth, as they are made, from the first depth on.

    What raises fails its check. Without sound logits nothing else is looked at; and
    whether 50 images are learnt is looked at in a network that is sound otherwise, at
    the first depth. What the architecture declares as intended cannot fail.
    """
    intended = subject.architecture.intended
    unknown = [name for name in intended if name not in CHECKS]
    if unknown:
        says = f"no check is called {', '.join(unknown)}; there are {', '.join(CHECKS)}"
        yield CheckResult("intended", depths[0], "failed", says)
    for depth in depths:
        has_failed = False
        for name, check in CHECKS.items():
            finding = _why_skipped(name, depth, depths, has_failed)
            if finding is None:
                finding = _made(check, subject, depth)
            if name in intended and finding.verdict in ("failed", "warning"):
                finding = Finding("intended", finding.figures)
            has_failed = has_failed or finding.verdict == "failed"
            yield CheckResult(name, depth, *finding)
            if name == "logits" and has_failed:
                rest = "all other checks need logits"
                yield CheckResult("others", depth, "skipped", rest)
                break


def _why_skipped(
    name: str, depth: int, depths: Sequence[int], has_failed: bool
) -> Finding | None:
    if name != "overfits":
        return None
    if depth != depths[0]:
        return Finding("skipped", f"made at depth {depths[0]} alone")
    if has_failed:
        return Finding("skipped", "another check failed at this depth")
    return None


def _made(check: Check, subject: Subject, depth: int) -> Finding:
    try:
        return check(subject, depth)
    except (Exception, SystemExit) as error:  # in the user's own code
        return Finding("failed", described(error))
