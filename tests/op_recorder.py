"""A CUDA graph's twin for a CPU: records operations once, replays them as they were."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

READS = torch.ops.aten._local_scalar_dense.default


class Recording(TorchDispatchMode):
    """Every operation with its arguments, in order; refuses to read a value."""

    def __init__(self, may_read):
        super().__init__()
        self.may_read = may_read
        self.num_reads = 0
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is READS:
            self.num_reads += 1
            if not self.may_read:
                raise RuntimeError("operation not permitted when stream is capturing")
        out = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, out))
        return out


class OpRecorder:
    """See `depthbench.training.graphed.Recorder`.

    A replay runs no line of Python of the step: it repeats the operations on the
    tensors they were recorded with, or on what took the place of their results.
    """

    def __init__(self):
        self.num_eager = 0
        self.num_captured = 0
        self.num_replayed = 0

    def warm_up(self, step):
        self.num_eager += 1
        with Recording(may_read=True) as recording:
            step()
        return recording.num_reads > 0

    def capture(self, step):
        self.num_captured += 1
        with Recording(may_read=False) as recording:
            step()
        is_done = True  # recording ran the step, which a capture does not

        def replay():
            nonlocal is_done
            self.num_replayed += 1
            if not is_done:
                repeat(recording.calls)
            is_done = False

        return replay


@torch.no_grad()  # a graph knows of no gradient but those it was recorded with
def repeat(calls):
    new = {}

    def current(value):
        return new.get(id(value), value) if isinstance(value, torch.Tensor) else value

    for func, args, kwargs, out in calls:
        result = func(*tree_map(current, args), **tree_map(current, kwargs))
        for before, after in zip(tree_leaves(out), tree_leaves(result), strict=True):
            if isinstance(before, torch.Tensor):
                new[id(before)] = after
