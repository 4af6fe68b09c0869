"""Architectures of users: from installed packages and from plugin files."""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.definition import Architecture, Stack
from depthbench.registry import Registry

ENTRY_POINT_GROUP = "depthbench.architectures"


def load_architectures(plugins: Iterable[Path] = ()) -> Registry[Architecture]:
    """The built-in architectures, those of installed packages, those of `plugins`.

    What fails to load is kept as a reason, told to who asks for it, and does not
    disturb the others. So is an architecture with a name that is taken: who asks for
    that name may mean either.
    """
    registry = ARCHITECTURES
    for name, source, load in _sources(plugins):
        try:
            with contextlib.redirect_stdout(sys.stderr):
                found = load()
        except (Exception, SystemExit) as error:
            registry = registry.extended({}, {name: _where(error, source)})
            continue
        for item in found:
            if item.name in registry.entries:
                reason = f"{source}: the name {item.name!r} is taken; choose another"
                registry = registry.extended({}, {item.name: reason})
            else:
                registry = registry.extended({item.name: item}, {})
    return registry


def _sources(
    plugins: Iterable[Path],
) -> Iterator[tuple[str, str, Callable[[], list[Architecture]]]]:
    """What is asked for, where it comes from, and how to get it."""
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        load = partial(_from_entry_point, point)
        yield point.name, f"entry point {point.value}", load
    # The same file may be named by a flag and by the environment.
    for path in {path.resolve(): path for path in plugins}.values():
        yield str(path), str(path), partial(_from_file, path)


def _from_entry_point(point: importlib.metadata.EntryPoint) -> list[Architecture]:
    value = point.load()
    if not isinstance(value, Architecture | Stack):
        raise TypeError(
            f"{point.value} is a {type(value).__name__}; "
            "an Architecture or a Stack is expected"
        )
    source = importlib.util.find_spec(point.module)
    assert source is not None and source.origin is not None
    return [_stamped(value, Path(source.origin))]


def _from_file(path: Path) -> list[Architecture]:
    spec = importlib.util.spec_from_file_location(
        f"depthbench_plugin_{path.stem}", path
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: not a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look a module up by its name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found = {
        id(value): _stamped(value, path)
        for value in vars(module).values()
        if isinstance(value, Architecture | Stack)
    }
    if not found:
        raise ValueError(
            "defines no architecture: a module-level depthbench.Stack, or a function "
            "under @depthbench.architecture"
        )
    return list(found.values())


def _stamped(value: Architecture | Stack, source: Path) -> Architecture:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    if isinstance(value, Stack):
        value = value.to_architecture()
    return replace(value, plugin_sha256=digest, source=value.source or source.name)


def _where(error: BaseException, source: str) -> str:
    """The error with the line of the user's file it came from, if it did."""
    line: int | None = error.lineno if isinstance(error, SyntaxError) else None
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).absolute() == Path(source).absolute():
            line = frame.lineno
    at = f"{source}:{line}" if line else source
    return f"{at}: {type(error).__name__}: {error}"
