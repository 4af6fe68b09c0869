"""Where trials run: in local worker processes, or on a Dask cluster.

The cluster's module is imported by whoever wants it, for it needs an extra.
"""

from depthbench.engine.errors import (
    ClusterError,
    ClusterLostError,
    TaskTimedOutError,
    WorkerDiedError,
)
from depthbench.engine.local import LocalProcesses

__all__ = [
    "ClusterError",
    "ClusterLostError",
    "LocalProcesses",
    "TaskTimedOutError",
    "WorkerDiedError",
]
