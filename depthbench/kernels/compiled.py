"""The compiled kernels of `native/`, and those that this processor can run."""

import ctypes
import functools
import hashlib
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

# Activations the fused kernels know, by their number in native/run.h.
ACTIVATIONS = {
    "identity": 0,
    "tanh": 1,
    "elu": 2,
    "relu": 3,
    "selu": 4,
    "leaky_relu": 5,
}

_SIGNATURES = {
    "sources": (ctypes.c_char_p, []),
    "kernel": (ctypes.c_void_p, [ctypes.c_int]),
    "name": (ctypes.c_char_p, [ctypes.c_void_p]),
    "saved_floats": (ctypes.c_int64, [ctypes.c_void_p, ctypes.c_char_p]),
    "scratch_floats": (ctypes.c_int64, [ctypes.c_void_p, ctypes.c_char_p]),
    "forward": (None, [ctypes.c_void_p, ctypes.c_char_p]),
    "backward": (None, [ctypes.c_void_p, ctypes.c_char_p]),
    "multiply_add": (
        ctypes.c_int64,
        [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p],
    ),
}


class KernelsUnusableError(Exception):
    """The compiled kernels cannot be used on this machine."""


class LibraryMissingError(KernelsUnusableError):
    """The compiled kernels are not there, or do not load."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernels of one instruction set, each a call into C that frees Python.

    Attributes:
        name: Of the instruction set: `avx512`, `avx2` or `baseline`.
    """

    name: str
    _library: ctypes.CDLL
    _pointer: int

    def saved_floats(self, run: bytes) -> int:
        """How many floats forward keeps for backward; `run` as `Run` in run.h."""
        return int(self._library.depthbench_saved_floats(self._pointer, run))

    def scratch_floats(self, run: bytes) -> int:
        """How many floats either pass needs while it runs."""
        return int(self._library.depthbench_scratch_floats(self._pointer, run))

    def forward(self, run: bytes) -> None:
        """Fill `out` and `saved`."""
        self._library.depthbench_forward(self._pointer, run)

    def backward(self, run: bytes) -> None:
        """Fill every gradient from `grad_out` and `saved`."""
        self._library.depthbench_backward(self._pointer, run)

    def multiply_add(self, rounds: int) -> int:
        """Multiply and add on registers; returns the floating-point operations done.

        What this processor can do at most, to compare kernels with.
        """
        sink = (ctypes.c_float * 16)(*(0.1 * (i + 1) for i in range(16)))
        done = self._library.depthbench_multiply_add(self._pointer, rounds, sink)
        return int(done)


@functools.cache
def kernels() -> tuple[Kernel, ...]:
    """The kernels this processor can run, the one for the widest vectors first.

    Raises:
        LibraryMissingError: If the package was installed without a C++ compiler.
    """
    folder = Path(__file__).parent
    built = [folder / f"_native{suffix}" for suffix in EXTENSION_SUFFIXES]
    path = next((path for path in built if path.exists()), None)
    if path is None:
        raise LibraryMissingError(
            "the fused kernels are missing: depthbench was installed without a working "
            "C++ compiler; install one (g++ or clang++) and depthbench again"
        )
    try:
        library = ctypes.CDLL(str(path))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, f"depthbench_{name}")
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise LibraryMissingError(f"the fused kernels do not load: {error}") from error
    if library.depthbench_sources().decode() != _sources_sha256(folder / "native"):
        raise LibraryMissingError(
            f"{path} was built from other sources than this version's; install "
            "depthbench again"
        )
    found: list[Kernel] = []
    while pointer := library.depthbench_kernel(len(found)):
        name = library.depthbench_name(pointer).decode()
        found.append(Kernel(name, library, pointer))
    return tuple(found)


def _sources_sha256(folder: Path) -> str:
    """As setup.py computes it."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.cpp"), *folder.glob("*.h")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def missing() -> str | None:
    """Why there are no compiled kernels, or None where there are."""
    try:
        kernels()
    except LibraryMissingError as error:
        return str(error)
    return None
