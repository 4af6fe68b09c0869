"""How the modules of a plugin are found and compiled: its own first, from source."""

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from depthbench.runtime import is_users_file

# Of the package that stands for a plugin's folder, for its relative imports.
FOLDER_PREFIX = "depthbench_plugin_"

# In modules that were imported for a plugin.
_MARK = "__depthbench_plugin__"

_is_running_file = ContextVar("is_running_file", default=False)


class _EnoughError(BaseException):
    """All that is wanted of a plugin file was defined."""


def end_of_plugin() -> None:
    """Called where a script starts a study: as a plugin file, it ends here.

    A script may define the architecture that it measures, and is then loaded as a
    plugin for the sake of that definition. Otherwise this does nothing.
    """
    if _is_running_file.get():
        raise _EnoughError


class SourceLoader(SourceFileLoader):
    """Compiles the source as it is now, and keeps its SHA-256.

    Python's own loader takes bytecode for fresh if the source has the same size and was
    last changed in the same second.
    """

    sha256 = ""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the module's file."""
        del fullname
        content = self.get_data(self.path)
        self.sha256 = hashlib.sha256(content).hexdigest()
        return self.source_to_code(content, self.path)


class UsersFinder(MetaPathFinder):
    """Finds a user's modules before Python does.

    A module beside a plugin comes before one of the same name on `sys.path`, as beside
    a script; Python's own library comes before both.

    Attributes:
        folders: Of the plugins.
    """

    def __init__(self, folders: Sequence[str] = ()) -> None:
        self.folders = list(folders)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The module's spec if its file is a user's, else None."""
        del target
        if path is None and fullname in sys.stdlib_module_names:
            return None
        places = [self.folders, None] if path is None else [path]
        found = [PathFinder.find_spec(fullname, place) for place in places]
        specs = [spec for spec in found if spec is not None]
        # Without an origin it is a mere folder, which anything else of its name beats.
        spec = next((s for s in specs if s.origin), specs[0] if specs else None)
        if spec is None or (spec.origin and not is_users_file(spec.origin)):
            return None
        if isinstance(spec.loader, SourceFileLoader):
            spec.loader = SourceLoader(fullname, spec.loader.path)
        return spec


def run_file(path: Path) -> ModuleType:
    """The module of a plugin file, run now, up to a call of `end_of_plugin`.

    Raises:
        ImportError: If it is no Python file.
        Exception: What the file raises.
    """
    folder = ModuleType(
        FOLDER_PREFIX + hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    )
    folder.__path__ = [str(path.parent)]
    name = f"{folder.__name__}.{path.stem.replace('.', '_')}"
    if path.suffix != ".py":
        raise ImportError(f"{path}: not a Python file (.py)")
    spec = spec_from_file_location(name, path, loader=SourceLoader(name, str(path)))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    # Relative imports, dataclasses and pickling look a module up by its name.
    sys.modules |= {folder.__name__: folder, name: module}
    token = _is_running_file.set(True)
    try:
        with suppress(_EnoughError):
            spec.loader.exec_module(module)
    finally:
        _is_running_file.reset(token)
    return module


def install(finder: UsersFinder) -> None:
    """Let `finder` find modules in this process, in place of an earlier one."""
    others = [each for each in sys.meta_path if not isinstance(each, UsersFinder)]
    sys.meta_path[:] = [finder, *others]


@contextmanager
def imported_anew(finder: UsersFinder) -> Iterator[dict[str, ModuleType]]:
    """Inside the block the modules of plugins are imported anew, not taken from memory.

    Those of earlier plugins and all that lie in the folders of the finder. What others
    had imported is theirs, as a notebook that holds on to it expects, and is put back
    at the end.

    Yields:
        Filled at the end of the block: the user's modules that it imported, by name.
    """
    known, imported = _users_modules(), dict[str, ModuleType]()
    folders = tuple(folder + os.sep for folder in finder.folders)
    before = {
        name: module
        for name, module in known.items()
        if _is_plugins(module) or str(module.__file__).startswith(folders)
    }
    for name in before:
        del sys.modules[name]
    try:
        yield imported
    finally:
        now = _users_modules()
        imported |= {n: now[n] for n in now if now[n] is not known.get(n)}
        for name, module in before.items():
            if name not in imported or not _is_plugins(module):
                sys.modules[name] = module
        for module in imported.values():
            module.__dict__[_MARK] = True


def _is_plugins(module: ModuleType) -> bool:
    """Whether it was imported for a plugin."""
    return _MARK in module.__dict__


def _users_modules() -> dict[str, ModuleType]:
    return {
        name: module
        for name, module in list(sys.modules.items())
        if name != "__main__" and is_users_file(str(getattr(module, "__file__", None)))
    }
