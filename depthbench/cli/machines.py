"""What a user is told about the machines that trials ran on."""

from collections.abc import Callable, Mapping, Sequence

from depthbench import runtime
from depthbench.cli.messages import say
from depthbench.record import TrialRecord


def tell_of_other_machines(evidence: list[TrialRecord], device: str) -> None:
    """Say if stored trials ran elsewhere; near the limit their verdicts may differ."""
    here = runtime.capture_environment(device)
    ours = f"torch {here.torch} on {here.device_name}"
    stored = {
        f"torch {record.environment.torch} on {record.environment.device_name}"
        for record in evidence
        if record.environment is not None
    }
    for theirs in sorted(stored - {ours}):
        say(f"note: stored trials ran with {theirs}; new ones run with {ours}")


def watched(
    keep: Callable[[TrialRecord], None],
    data_sha256: Mapping[str, str],
    stored: Sequence[TrialRecord],
) -> Callable[[TrialRecord], None]:
    """`keep` for records that come from many machines.

    It says so when one ran elsewhere than those before it, for near the limit verdicts
    may differ between versions and machines; and it raises `DataDamagedError` at one
    that was trained on other data, before it is kept.
    """
    from depthbench.datasets.image_data import DataDamagedError

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
