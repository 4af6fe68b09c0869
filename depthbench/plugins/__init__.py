"""Architectures of users: from installed packages and from plugin files."""

import contextlib
import importlib.metadata
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.definition import Architecture, Description
from depthbench.architectures.plugin_file import PluginFile
from depthbench.plugins.footprint import digest_of, files_of, noted_reads
from depthbench.plugins.imports import (
    UsersFinder,
    end_of_plugin,
    imported_anew,
    install,
    run_file,
)
from depthbench.registry import Registry
from depthbench.runtime import is_users_file

ENTRY_POINT_GROUP = "depthbench.architectures"

__all__ = [
    "ENTRY_POINT_GROUP",
    "PluginFile",
    "end_of_plugin",
    "load_architectures",
    "names_in",
]


def load_architectures(plugins: Iterable[Path] = ()) -> Registry[Architecture]:
    """The built-in architectures, those of installed packages, those of `plugins`.

    What fails to load is kept as a reason, for whoever asks for it, and does not
    disturb the others. So is an architecture with a name that is taken: who asks for
    that name may mean either.

    A plugin may import what lies beside it, absolutely or relatively. Its own modules
    are imported anew at each call, and each architecture has a hash of all files that
    it was made from.
    """
    registry = ARCHITECTURES
    finder = UsersFinder()
    for name, source, load in _sources(plugins, _Loader(finder)):
        install(finder)
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


def names_in(path: Path, registry: Registry[Architecture]) -> list[str]:
    """The architectures that a plugin file defines.

    Raises:
        ValueError: If it is not there, or is broken.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; give a file, or an architecture")
    plugin = path.resolve()
    reasons = [r for r in registry.broken.values() if r.startswith(f"{plugin}:")]
    if reasons:
        raise ValueError("\n".join(reasons))
    return [
        name
        for name in registry
        if (files := registry[name].plugin_files) and files[0].path == plugin
    ]


def _sources(
    plugins: Iterable[Path], loader: "_Loader"
) -> Iterator[tuple[str, str, Callable[[], list[Architecture]]]]:
    """What is asked for, where it comes from, and how to get it."""
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        load = partial(loader.from_entry_point, point)
        yield point.name, f"entry point {point.value}", load
    # The same file may be named by a flag and by the environment.
    for path in {path.resolve(): path for path in plugins}:
        yield str(path), str(path), partial(loader.from_file, path)


class _Loader:
    """Loads the plugins of one call, whose modules must not get in each other's way."""

    def __init__(self, finder: UsersFinder) -> None:
        self._finder = finder
        self._origins: dict[str, tuple[str | None, str]] = {}

    def from_entry_point(
        self, point: importlib.metadata.EntryPoint
    ) -> list[Architecture]:
        with imported_anew(self._finder) as imported, noted_reads() as opened:
            value = point.load()
        if not isinstance(value, Architecture | Description):
            raise TypeError(
                f"{point.value} is a {type(value).__name__}; "
                "an Architecture, a Stack or a DeepConvNet is expected"
            )
        package = point.module.partition(".")[0]
        own = {
            name: module
            for name, module in sys.modules.items()
            if name.partition(".")[0] == package and getattr(module, "__file__", None)
        }
        plugin = own[point.module]
        files = files_of(plugin, imported | own, opened, self._finder)
        return [_stamped(value, files)]

    def from_file(self, path: Path) -> list[Architecture]:
        """What a plugin file defines.

        Raises:
            ValueError: If it defines nothing, or if another plugin imported another
                module under a name that it uses, which would be mistaken for its own.
        """
        self._finder.folders = [
            str(path.parent),
            str(_root(path)),
            *self._finder.folders,
        ]
        with imported_anew(self._finder) as imported, noted_reads() as opened:
            module = run_file(path)
        for name, each in imported.items():
            origin, plugin = self._origins.setdefault(name, (each.__file__, str(path)))
            if origin != each.__file__:
                raise ValueError(
                    f"imports {name} from {each.__file__}, and {plugin} imports "
                    f"another {name}, from {origin}; rename one, or give one plugin "
                    "at a time"
                )
        return _defined(module, files_of(module, imported, opened, self._finder))


def _root(path: Path) -> Path:
    """The folder in which the outermost package around a file lies."""
    return next(p for p in path.parents if not (p / "__init__.py").exists())


def _defined(module: ModuleType, files: tuple[PluginFile, ...]) -> list[Architecture]:
    found = {
        id(value): _stamped(value, files)
        for value in vars(module).values()
        if isinstance(value, Architecture | Description)
    }
    if not found:
        raise ValueError(
            "defines no architecture: a module-level depthbench.Stack or "
            "depthbench.DeepConvNet, or a function under @depthbench.architecture"
        )
    return list(found.values())


def _stamped(
    value: Architecture | Description, files: tuple[PluginFile, ...]
) -> Architecture:
    if isinstance(value, Description):
        value = value.to_architecture()
    return replace(
        value,
        plugin_sha256=digest_of(files),
        plugin_files=files,
        source=value.source or files[0].path.name,
    )


def _where(error: BaseException, source: str) -> str:
    """The error with the line of the user's file it came from, if it did."""
    line = None
    inner = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).absolute() == Path(source).absolute():
            line, inner = frame.lineno, ""
        elif line and is_users_file(frame.filename):
            inner = f" ({frame.filename}:{frame.lineno})"
    if isinstance(error, SyntaxError):
        is_here = error.filename == source
        line = error.lineno if is_here else line
        inner = "" if is_here else f" ({error.filename}:{error.lineno})"
    at = f"{source}:{line}" if line else source
    hint = ""
    if isinstance(error, ModuleNotFoundError):
        hint = "; a module of your own is found beside the plugin or by PYTHONPATH"
    said = str(error).partition("\n")[0]
    return f"{at}: {type(error).__name__}: {said}{inner}{hint}"
