"""A Dask scheduler, and what it says of its workers."""

import logging
from collections.abc import Mapping
from typing import Any

from distributed import Client

from depthbench.engine.errors import ClusterError

_CONNECT_SECONDS = 5.0


def look_at(address: str) -> Mapping[str, Any]:
    """The workers of a cluster by address, as its scheduler describes them.

    Raises:
        ClusterError: If no scheduler answers within 5 s.
    """
    client = connected(address)
    try:
        return workers_of(client)
    finally:
        client.close(timeout=2)


def num_slots(workers: Mapping[str, Any], resource: str) -> int:
    """Tasks that can run at once on these workers."""
    declared = _declared(workers, resource)
    if not declared and resource == "CPU":
        return sum(worker["nthreads"] for worker in workers.values())
    return sum(
        min(worker["nthreads"], int(declared.get(address, 0)))
        for address, worker in workers.items()
    )


def needed_resources(
    workers: Mapping[str, Any], resource: str, before: dict[str, float]
) -> dict[str, float]:
    """What a task asks of these workers, where `before` was asked of earlier ones.

    A GPU is asked for even while there are no workers, which may still declare one.

    Raises:
        ClusterError: If a GPU is needed and none of the workers declares one, nor did
            an earlier one.
    """
    if before or _declared(workers, resource):
        return {resource: 1}
    if resource == "CPU":
        return {}
    if workers:
        raise ClusterError(
            f"none of the {len(workers)} Dask workers declares a GPU; start those that "
            'have one as `dask worker ADDRESS --nthreads 1 --resources "GPU=1"`, or '
            "train with --device cpu"
        )
    return {resource: 1}


def _declared(workers: Mapping[str, Any], resource: str) -> dict[str, float]:
    return {
        address: worker["resources"][resource]
        for address, worker in workers.items()
        if worker.get("resources", {}).get(resource, 0) > 0
    }


def connected(address: str) -> Client:
    """A client of the scheduler at an address; raises as `look_at`."""
    # What it would say of a lost scheduler, the error says.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        return Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({error}); start one with `dask "
            "scheduler` and give the address it shows, as tcp://HOST:8786"
        ) from error


def workers_of(client: Client) -> Mapping[str, Any]:
    """The workers of this moment by address, as the scheduler describes them."""
    workers: Mapping[str, Any] = client.scheduler_info()["workers"]
    return workers
