"""Which files a plugin is made of: what it imports, may import later, and reads."""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from depthbench.architectures.plugin_file import PluginFile
from depthbench.plugins.imports import FOLDER_PREFIX, SourceLoader, UsersFinder
from depthbench.runtime import is_users_file

_opened: ContextVar[set[Path] | None] = ContextVar("files opened", default=None)


def digest_of(files: Iterable[PluginFile]) -> str:
    """One SHA-256 for all; of a plugin of one file that of the file."""
    parts = sorted((file.place, file.sha256) for file in files)
    if len(parts) == 1:
        return parts[0][1]
    lines = "".join(f"{sha256} {place}\n" for place, sha256 in parts)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def files_of(
    plugin: ModuleType,
    imported: Mapping[str, ModuleType],
    opened: Iterable[Path],
    finder: UsersFinder,
) -> tuple[PluginFile, ...]:
    """The plugin's own file, its modules, and the data that it read when imported.

    Modules also that it imports inside of functions only, and those in turn.

    Args:
        plugin: The module of the plugin.
        imported: The modules that were imported for it, itself among them.
        opened: Files that were opened for reading meanwhile.
        finder: That found the modules.
    """
    package, folder = plugin.__package__ or "", Path(str(plugin.__file__)).parent
    found: dict[Path, PluginFile] = {}
    waiting = [spec for m in imported.values() if (spec := m.__spec__) is not None]
    while waiting:
        spec = waiting.pop()
        path = Path(str(spec.origin))
        if path in found:
            continue
        name = "" if spec.name == plugin.__name__ else _place(spec, package)
        known = isinstance(spec.loader, SourceLoader) and spec.loader.sha256
        content = path.read_bytes()
        sha256 = known or hashlib.sha256(content).hexdigest()
        found[path] = PluginFile(name, path, sha256)
        if path.suffix == ".py":
            names = _mentioned(content, spec.parent or "")
            waiting += [s for each in names for s in _located(each, finder)]
    for path in opened:
        if path not in found and _is_data(path, folder):
            is_beside = path.is_relative_to(folder)
            name = path.relative_to(folder).as_posix() if is_beside else path.name
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            found[path] = PluginFile(name, path, sha256)
    return tuple(sorted(found.values()))


@contextmanager
def noted_reads() -> Iterator[set[Path]]:
    """The files that this thread opens for reading inside the block."""
    _install_hook()
    opened: set[Path] = set()
    token = _opened.set(opened)
    try:
        yield opened
    finally:
        _opened.reset(token)


@cache
def _install_hook() -> None:
    sys.addaudithook(_note)


def _note(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" or (opened := _opened.get()) is None:
        return
    path, mode, _ = args
    is_read = mode is None or not set(mode) & set("wax+")
    if is_read and isinstance(path, str) and not path.endswith(".pyc"):
        opened.add(Path(path).absolute())


def _is_data(path: Path, folder: Path) -> bool:
    """Whether a file is the user's, and no library's cache, settings or metadata."""
    if path.parent.suffix in (".egg-info", ".dist-info"):
        return False  # read by whoever looks for entry points, as torch does
    is_hidden = any(part.startswith(".") for part in path.parts)
    is_own = path.is_relative_to(folder) or not is_hidden
    return is_own and path.is_file() and is_users_file(str(path))


def _place(spec: ModuleSpec, package: str) -> str:
    """A module as a file, "pkg/mod.py"; a relative one lies beside the plugin."""
    parts = spec.name.removeprefix(f"{package}.").split(".")
    if spec.submodule_search_locations is None:
        parts.pop()
    return "/".join([*parts, Path(str(spec.origin)).name])


def _mentioned(source: bytes, package: str) -> Iterator[str]:
    """Absolute names that a source imports, also inside functions.

    `from a import b` mentions `a.b`, which may be a module or not.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            with suppress(ImportError):  # beyond the outermost package
                base = importlib.util.resolve_name(base, package)
                yield from (f"{base}.{alias.name}" for alias in node.names)


def _located(name: str, finder: UsersFinder) -> Iterator[ModuleSpec]:
    """The user's modules on the way to a dotted name, without importing any."""
    package, _, rest = name.partition(".")
    path, at = None, ""
    if package.startswith(FOLDER_PREFIX):
        path, at, name = list(sys.modules[package].__path__), package, rest
    for part in name.split("."):
        at = f"{at}.{part}" if at else part
        spec = finder.find_spec(at, path)
        if spec is None:
            return
        if spec.origin:
            yield spec
        if spec.submodule_search_locations is None:
            return
        path = list(spec.submodule_search_locations)
