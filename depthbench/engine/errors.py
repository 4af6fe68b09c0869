"""How a task can end without an answer of its own."""


class WorkerDiedError(Exception):
    """A worker process died under a task, and so did the one that tried it again."""


class WorkerStartError(Exception):
    """No worker process ever became ready: the environment's fault, not a task's."""


class TaskTimedOutError(Exception):
    """A task ran longer than it was allowed to, and its worker was killed."""


class ClusterError(Exception):
    """A cluster cannot be had, or cannot run what it is asked to."""


class ClusterLostError(Exception):
    """A cluster that was there is gone; the tasks it had are given up."""
