"""What a user should know about the kernels and machines of a run."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from depthbench.architectures.definition import Architecture
from depthbench.datasets.image_data import DataDamagedError
from depthbench.kernels import compiled
from depthbench.record import TrialRecord
from depthbench.registry import Registry
from depthbench.runtime.environment import capture_environment
from depthbench.spec import Cell, StudySpec
from depthbench.study.resolve import unfused


def kernel_notes(
    study: StudySpec, cells: Sequence[Cell], architectures: Registry[Architecture]
) -> Iterator[str]:
    """If cells that begin now are slow for want of the compiled kernels."""
    if study.kernels != "auto" or study.device != "cpu":
        return
    reason = compiled.missing()
    names = {cell.architecture for cell in cells}
    if reason and any(unfused(architectures[name]) is None for name in names):
        yield f"note: {reason}. Until then the slower reference kernels are used."


def rate_notes(study: StudySpec, cells: Iterable[Cell]) -> Iterator[str]:
    """If the images that choose a learning rate are those that judge it."""
    chooses = any(cell.rate.range is not None for cell in cells)
    if chooses and study.criterion in ("either", "test", "test_batch_stats"):
        yield (
            f"note: learning rates are chosen by test images (criterion = "
            f"{study.criterion}); to choose them by others, hold some out: "
            "num_validation = 10000, criterion = validation"
        )


def mixture_notes(cells: Sequence[Cell]) -> Iterator[str]:
    """If some cells of a folder were trained with other kernels than the rest."""
    names: dict[str, list[str]] = {}
    for cell in cells:
        names.setdefault(cell.template.kernels, []).append(cell.architecture)
    if len(names) > 1:
        shown = "; ".join(
            f"{kernels}: {', '.join(dict.fromkeys(of))}"
            for kernels, of in names.items()
        )
        yield f"note: not all cells of this folder have the same kernels ({shown})"


def machine_notes(evidence: Iterable[TrialRecord], device: str) -> Iterator[str]:
    """If stored trials ran elsewhere; near the limit their verdicts may differ."""
    here = capture_environment(device)
    ours = f"torch {here.torch} on {here.device_name}"
    stored = {
        f"torch {record.environment.torch} on {record.environment.device_name}"
        for record in evidence
        if record.environment is not None
    }
    for theirs in sorted(stored - {ours}):
        yield f"note: stored trials ran with {theirs}; new ones run with {ours}"


def watched(
    keep: Callable[[TrialRecord], None],
    data_sha256: Mapping[str, str],
    stored: Iterable[TrialRecord],
    say: Callable[[str], None],
) -> Callable[[TrialRecord], None]:
    """`keep` for records that come from many machines.

    It says so when one ran elsewhere than those before it, for near the limit verdicts
    may differ between versions and machines; and it raises `DataDamagedError` at one
    that was trained on other data, before it is kept.
    """
    known = {machine for record in stored if (machine := _machine(record))}

    def kept(record: TrialRecord) -> None:
        name, machine = record.spec.data, _machine(record)
        if record.data_sha256 not in ("", data_sha256[name]):
            raise DataDamagedError(
                f"{name} differs between workers; one that ran with {machine} has "
                f"SHA-256 {record.data_sha256[:12]}, the first looked at "
                f"{data_sha256[name][:12]}"
            )
        keep(record)
        if machine and machine not in known:
            if known:
                say(f"note: a trial ran with {machine}; others with {min(known)}")
            known.add(machine)

    return kept


def _machine(record: TrialRecord) -> str | None:
    found = record.environment
    if found is None:
        return None
    commit = f" ({found.git_commit})" if found.git_commit else ""
    versions = f"depthbench {found.depthbench}{commit}, torch {found.torch}"
    return f"{versions} on {found.device_name}"
