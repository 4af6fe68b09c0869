"""Networks as a second process builds them, to compare with those of this one.

Python salts the hashes of strings anew in each process, and much else differs: what
depends on it cannot be repeated.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from depthbench import runtime

_MODULE = "depthbench.checks.second_process"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which networks are to be built.

    Attributes:
        plugins: Files that define further architectures.
        depths: By the name of the architecture.
    """

    plugins: Sequence[str]
    depths: Mapping[str, Sequence[int]]
    image_shape: tuple[int, int, int]
    num_classes: int


class SecondProcess:
    """A process that builds networks of seed 0 while this one does something else.

    Args:
        asked: What it builds.
    """

    def __init__(self, asked: Asked) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=runtime.other_hashes(),
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(asked)))
        self._process.stdin.close()
        self._answer: dict[str, dict[str, Any]] | None = None

    def digests_of(self, name: str) -> Callable[[int], Mapping[str, str]]:
        """The digests of an architecture's tensors, by name, as a function of depth.

        The function waits for the process.

        Raises:
            RuntimeError: By the function, if the process could not build the network.
        """

        def at(depth: int) -> Mapping[str, str]:
            found = self._read()[f"{name} {depth}"]
            if isinstance(found, str):
                raise RuntimeError(f"in a second process: {found}")
            return found

        return at

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._answer is None:
            assert self._process.stdout is not None
            said = self._process.stdout.read()
            if (code := self._process.wait()) != 0:
                raise RuntimeError(f"a second process ended with exit code {code}")
            self._answer = json.loads(said)
        return self._answer


def _answer(asked: Asked) -> dict[str, dict[str, str] | str]:
    from depthbench.checks.seeds import digests
    from depthbench.checks.subject import built
    from depthbench.plugins import load_architectures
    from depthbench.trial.failures import described

    registry = load_architectures(Path(path) for path in asked.plugins)
    found: dict[str, dict[str, str] | str] = {}
    for name, depths in asked.depths.items():
        for depth in depths:
            try:
                net = built(
                    registry[name],
                    depth,
                    image_shape=asked.image_shape,
                    num_classes=asked.num_classes,
                    entropy=(0, depth),
                )
                found[f"{name} {depth}"] = digests(net)
            except (Exception, SystemExit) as error:  # in the user's own code
                found[f"{name} {depth}"] = described(error)
    return found


def _main() -> None:
    asked = json.loads(sys.stdin.read())
    asked["image_shape"] = tuple(asked["image_shape"])
    runtime.configure_process(num_threads=1)
    with redirect_stdout(sys.stderr):  # what a user's code prints is no answer
        answer = _answer(Asked(**asked))
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main()
