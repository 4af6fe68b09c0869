"""Networks as a second process builds them, to compare with those of this one.

Python salts the hashes of strings anew in each process, and much else differs: what
depends on it cannot be repeated.
"""

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from depthbench import runtime

Digests = Callable[[str, int], Mapping[str, str]]

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


@contextmanager
def second_process(asked: Asked) -> Iterator[Digests]:
    """A process that builds networks of seed 0 while this one does something else.

    Gives a function from an architecture's name and a depth to the digests of the
    network's tensors, by name. It waits for the process, and raises RuntimeError if
    that could not build the network. The process ends with the block, whatever it does.
    """
    with subprocess.Popen(
        [sys.executable, "-m", _MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=runtime.other_hashes(),
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        output = process.stdout
        process.stdin.write(json.dumps(asdict(asked)))
        process.stdin.close()

        @functools.cache
        def answer() -> dict[str, Any]:
            said = output.read()
            if (code := process.wait()) != 0:
                raise RuntimeError(f"a second process ended with exit code {code}")
            read: dict[str, Any] = json.loads(said)
            return read

        def digests_of(name: str, depth: int) -> Mapping[str, str]:
            found: Mapping[str, str] | str = answer()[f"{name} {depth}"]
            if isinstance(found, str):
                raise RuntimeError(f"in a second process: {found}")
            return found

        try:
            yield digests_of
        finally:
            process.kill()


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
