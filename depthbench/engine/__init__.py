"""Where trials run: in local worker processes, or on a Dask cluster.

The cluster's module is imported by whoever wants it, for it needs an extra.
"""

from depthbench.engine.choice import EngineChoice, engine_choice
from depthbench.engine.errors import (
    ClusterError,
    ClusterLostError,
    TaskTimedOutError,
    WorkerDiedError,
    WorkerStartError,
)
from depthbench.engine.local import LocalProcesses
from depthbench.engine.opening import Engine, OpenEngine, open_engine

__all__ = [
    "ClusterError",
    "ClusterLostError",
    "Engine",
    "EngineChoice",
    "LocalProcesses",
    "OpenEngine",
    "TaskTimedOutError",
    "WorkerDiedError",
    "WorkerStartError",
    "engine_choice",
    "open_engine",
]
