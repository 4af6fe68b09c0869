"""The architectures that a study is asked to measure, by name, file or value."""

import functools
import hashlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from depthbench.architectures.deep_convnet import DeepConvNet
from depthbench.architectures.definition import Architecture
from depthbench.architectures.stack import Stack
from depthbench.plugins import load_architectures, names_in
from depthbench.registry import Registry
from depthbench.spec import UsageError

# What `_source_of` can write a file for.
Described = Stack | DeepConvNet
# A name (wildcards allowed), a file that defines some, or one itself.
Given = str | Path | Described | Architecture

# What a file's own architecture need not share with the value that was given.
_OF_THE_FILE = (
    "build",
    "num_weight_layers",
    "source",
    "description",
    "plugin_sha256",
    "plugin_files",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to measure, and where worker processes find it.

    Attributes:
        names: Names or patterns; empty if none was given.
        registry: All architectures there are.
        plugins: Files that define further ones; those written for a description that
            was given as a value are missing.
        written: The text of those, by file name.
    """

    names: tuple[str, ...]
    registry: Registry[Architecture]
    plugins: tuple[Path, ...]
    written: Mapping[str, str] = field(default_factory=dict)


def asked_for(given: Given | Iterable[Given], plugins: Sequence[Path]) -> Asked:
    """Find every architecture that was given, wherever it is defined.

    Raises:
        UsageError: If a file cannot be loaded, or worker processes could not find what
            was given as a value.
    """
    values = [given] if isinstance(given, Given) else list(given)
    found = load_architectures(plugins)
    files = [_file_of(value, found) for value in values]
    more = tuple(path for path in files if path is not None)
    if more:
        found = load_architectures((*plugins, *more))
    names: dict[str, None] = {}
    written: dict[str, str] = {}
    for value, path in zip(values, files, strict=True):
        description = _plain_description(value)
        if description is not None:
            found = _with_described(found, description, written)
            names[description.name] = None
        elif isinstance(value, Architecture):
            names[_name_of(value, path, found)] = None
        elif path is not None:
            names |= dict.fromkeys(_names_in(path, found))
        else:
            names[str(value)] = None
    return Asked(
        names=tuple(names),
        registry=found,
        plugins=(*plugins, *more),
        written=written,
    )


def _file_of(value: Given, known: Registry[Architecture]) -> Path | None:
    """The plugin file that a value is, or that defines it; None if it needs none."""
    if isinstance(value, Architecture):
        has_identity = _plain_description(value) is not None or _is_among(value, known)
        return None if has_identity else _source_file(value)
    if isinstance(value, Path) or (isinstance(value, str) and value.endswith(".py")):
        return Path(value)
    return None


def _is_among(value: Architecture, known: Registry[Architecture]) -> bool:
    """Whether an architecture is one of those at hand, which have their identity."""
    entry = known.entries.get(value.name)
    if entry is None or entry.build != value.build:
        return False
    return not _differences(value, entry, ("source", "plugin_sha256", "plugin_files"))


def _plain_description(value: Given) -> Described | None:
    """What describes a value completely; None if nothing does."""
    if isinstance(value, Described):
        return value
    if not isinstance(value, Architecture):
        return None
    description = value.description
    if not isinstance(description, Described):
        return None
    ignored = (*_OF_THE_FILE, "reference")
    is_plain = not _differences(value, description.to_architecture(), ignored)
    return description if is_plain else None


def _with_described(
    found: Registry[Architecture], given: Described, written: dict[str, str]
) -> Registry[Architecture]:
    """The registry with what is described; unless there, a file is written for it."""
    known = found.entries.get(given.name)
    if known is not None and known.description == given:
        return found
    if known is not None:
        raise UsageError(
            f"the name {given.name!r} is taken by another architecture "
            f"({known.source}); choose another"
        )
    file_name = f"{given.name}.py"
    written[file_name] = text = _source_of(given)
    entry = replace(
        given.to_architecture(),
        source=given.source or file_name,
        plugin_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    return found.extended({given.name: entry}, {})


def _source_of(given: Described) -> str:
    """A plugin file with this description; equal descriptions have equal files."""
    kind = type(given).__name__
    values = ", ".join(
        f"{each.name}={value!r}"
        for each in fields(given)
        if (value := getattr(given, each.name)) != each.default
    )
    return f"from depthbench import {kind}\n\nDESCRIPTION = {kind}({values})\n"


def _name_of(
    value: Architecture, path: Path | None, found: Registry[Architecture]
) -> str:
    """The name under which a file defines this very architecture."""
    if path is None:
        if _is_among(value, found):
            return value.name
        raise UsageError(
            f"{value.name}: worker processes cannot load what was defined in a "
            "notebook or at a prompt; save it in a file and give that, as "
            'measure("my_arch.py")'
        )
    if value.name not in _names_in(path, found):
        raise UsageError(
            f"{value.name}: worker processes load {path}, which does not define it at "
            "the top level, or only below the first call of measure; move it there, or "
            "into a file of its own"
        )
    differences = _differences(value, found[value.name], _OF_THE_FILE)
    if differences:
        raise UsageError(
            f"{value.name}: worker processes load {path}, where it differs in "
            f"{', '.join(differences)}; give the one that the file defines"
        )
    return value.name


def _names_in(path: Path, found: Registry[Architecture]) -> list[str]:
    try:
        return names_in(path, found)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _differences(
    a: Architecture, b: Architecture, ignored: Sequence[str]
) -> tuple[str, ...]:
    return tuple(
        each.name
        for each in fields(Architecture)
        if each.name not in ignored and getattr(a, each.name) != getattr(b, each.name)
    )


def _source_file(value: Architecture) -> Path | None:
    """The file that holds the code of its builder, if there is one on the disk."""
    build: object = value.build
    while isinstance(build, functools.partial):
        build = build.func
    is_function = inspect.isroutine(build)
    try:
        source = inspect.getsourcefile(build if is_function else type(build))  # type: ignore[arg-type]
    except TypeError:
        return None
    return Path(source) if source and Path(source).is_file() else None
