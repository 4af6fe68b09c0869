"""Where trials run: in local worker processes, or on a Dask cluster.

The cluster's module is imported by whoever wants it, for it needs an extra.
"""

from depthbench.executors.errors import (
    ClusterError,
    ClusterLostError,
    TaskTimedOutError,
    WorkerDiedError,
)
from depthbench.executors.local import LocalProcesses

__all__ = [
    "ClusterError",
    "ClusterLostError",
    "LocalProcesses",
    "TaskTimedOutError",
    "WorkerDiedError",
]
