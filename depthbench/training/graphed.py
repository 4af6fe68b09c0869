"""A step of a GPU captured once as a CUDA graph, then replayed by one launch.

A small network's step is hundreds of kernels of a microsecond each, which the host
launches more slowly than the GPU runs them. Rules of what can be captured: "CUDA
Graphs", PyTorch's notes on CUDA semantics.
"""

import random
import warnings
from collections.abc import Callable, Hashable
from typing import Protocol

import torch
from torch import Tensor, nn

Step = Callable[[], None]


class CaptureError(Exception):
    """A step could not be captured; the process may have lost memory by trying."""

    def __init__(self, reason: BaseException) -> None:
        first = _first_cause(reason)
        super().__init__(f"{type(first).__name__}: {first}")


class Recorder(Protocol):
    """What `Graphed` needs of a device."""

    def warm_up(self, step: Step) -> bool:
        """Run `step` as it will be captured; whether the host waited in it."""

    def capture(self, step: Step) -> Callable[[], None]:
        """What replays `step`; does not run it."""


class CudaRecorder:
    """Captures CUDA graphs that share one memory pool. Needs a CUDA device."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        # Warm-up and capture on one stream: libraries keep workspaces for each.
        self._stream = torch.cuda.Stream()

    def warm_up(self, step: Step) -> bool:
        """See `Recorder`."""
        before = torch.cuda.get_sync_debug_mode()
        self._stream.wait_stream(torch.cuda.current_stream())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                with torch.cuda.stream(self._stream):
                    step()
            finally:
                torch.cuda.set_sync_debug_mode(before)
        torch.cuda.current_stream().wait_stream(self._stream)
        return any("synchronizing" in str(warning.message) for warning in caught)

    def capture(self, step: Step) -> Callable[[], None]:
        """See `Recorder`."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
            step()
        return graph.replay


class Graphed:
    """A runner (see `loop.Runner`) that replays the steps it can.

    The first step of each key is run eagerly: it is the warm-up, and counts. The
    second of the very first key is watched as well; if the host waits for the device
    in it, or the network changes what a graph would freeze, every step is run eagerly,
    and `eager_reason` says why. Steps after these are captured and replayed.

    Numbers that a module keeps anywhere but in its attributes, or draws from NumPy,
    are frozen unseen.

    Args:
        net: What the steps run.
        recorder: Captures them.
    """

    def __init__(self, net: nn.Module, recorder: Recorder) -> None:
        self.eager_reason: str | None = None
        self._net = net
        self._recorder = recorder
        self._watched: Hashable = None
        self._num_warm: dict[Hashable, int] = {}
        self._replays: dict[Hashable, Callable[[], None]] = {}

    def __call__(self, key: Hashable, step: Step) -> None:
        """Run the step.

        Raises:
            CaptureError: If it could not be captured although nothing spoke against it.
        """
        if self.eager_reason is not None:
            step()
            return
        if key not in self._replays:
            if self._warm_up(key, step):
                return
            self._replays[key] = self._captured(step)
        self._replays[key]()

    def _warm_up(self, key: Hashable, step: Step) -> bool:
        """Run the step eagerly if that is still needed; whether it was."""
        count = self._num_warm.get(key, 0)
        self._num_warm[key] = count + 1
        if count == 0:
            self._watched = key if self._watched is None else self._watched
            self._recorder.warm_up(step)
            return True
        if count == 1 and key == self._watched:
            before = host_state(self._net)
            waited = self._recorder.warm_up(step)
            after = host_state(self._net)
            changed = [name for name in after if after[name] != before.get(name)]
            if waited:
                self.eager_reason = "in a step the host waits for the GPU"
            elif changed:
                self.eager_reason = f"a step changes {', '.join(sorted(changed)[:3])}"
            return True
        return False

    def _captured(self, step: Step) -> Callable[[], None]:
        try:
            return self._recorder.capture(step)
        except Exception as error:
            raise CaptureError(error) from error


def host_state(net: nn.Module) -> dict[str, object]:
    """What a captured step of `net` could not change: a value by name.

    Addresses of tensors, plain numbers and texts among the attributes of the modules,
    and the states of the generators that live on the host.
    """
    state: dict[str, object] = {
        "the random numbers of Python": random.getstate(),
        "the random numbers of the CPU": torch.get_rng_state().numpy().tobytes(),
    }
    for path, module in net.named_modules():
        held = vars(module) | module._buffers | module._parameters
        for name, value in held.items():
            where = f"{path}.{name}" if path else name
            if isinstance(value, Tensor):
                state[where] = value.data_ptr()
            elif isinstance(value, bool | int | float | str | None):
                state[where] = repr(value)
    return state


def _first_cause(error: BaseException) -> BaseException:
    """The error that others followed: the end of a capture raises one of its own."""
    earlier = error.__cause__ or error.__context__
    return error if earlier is None else _first_cause(earlier)
