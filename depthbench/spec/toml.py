"""Studies as TOML files: the keys are the fields of `StudySpec`."""

import difflib
import numbers
import re
import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import tomli_w

from depthbench.spec.cell import Cell, Claim, DepthGrid, ForecastDepth
from depthbench.spec.rate import Rate
from depthbench.spec.study import STUDY_KEYS, StudySpec
from depthbench.spec.trial import FIRST_SEEDING, TrialSpec

# Of resolved studies that earlier versions wrote.
_FORMER_KEYS = ("early_stop", "early_stop_at")


def study_of(values: Mapping[str, Any]) -> StudySpec:
    """The study of these values by key, as TOML, flags or a call in Python have them.

    A scalar stands for a list of one, a whole number for a rate.

    Raises:
        ValueError: If a key or value is not allowed; the message names the key.
    """
    try:
        return StudySpec(**{key: _value(key, each) for key, each in values.items()})
    except OverflowError as error:  # an int's that no float can hold
        raise ValueError(str(error)) from error


def read_study(path: Path, overrides: Mapping[str, Any] | None = None) -> StudySpec:
    """The study in a TOML file, with `overrides` (from flags) in place of its keys.

    The name defaults to the file's, with '-' for what a name may not hold. A table
    `[[cells]]`, which a resolved study carries for its readers, is passed over; with
    it, so are keys that only earlier versions had.

    Raises:
        ValueError: If the file is no TOML, or a key or value is not allowed; the
            message names the key, and the file if the key is from there.
        OSError: If the file cannot be read.
    """
    return _study(path, _document(path), overrides or {})


def read_resolved(path: Path) -> tuple[StudySpec, tuple[Cell, ...]]:
    """A study and the cells that `write_study` spelt out; needs no architecture.

    Raises:
        ValueError: If the file is no resolved study.
        OSError: If the file cannot be read.
    """
    # Searches of earlier versions began at the bottom.
    document = {"start": "bottom", **_document(path)}
    study = _study(path, document, {})
    try:
        return study, tuple(_cell(table, study) for table in document["cells"])
    except (LookupError, TypeError) as error:
        raise ValueError(f"{path}: not a resolved study: {error!r}") from error


def read_cells(path: Path) -> tuple[Cell, ...]:
    """The cells of `read_resolved`; raises what that raises."""
    return read_resolved(path)[1]


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of TOML, or of Unicode
        raise ValueError(f"{path}: {error}") from error


def _study(
    path: Path, document: Mapping[str, Any], overrides: Mapping[str, Any]
) -> StudySpec:
    name = re.sub(r"[^\w.+-]+", "-", path.stem).strip("-+.") or "study"
    ignored = ("cells", *_FORMER_KEYS) if "cells" in document else ()
    keys = {key: value for key, value in document.items() if key not in ignored}
    try:
        return study_of({"name": name} | keys | dict(overrides))
    except ValueError as error:
        is_flag = str(error).partition(" ")[0] in overrides
        raise ValueError(f"{error}" if is_flag else f"{path}: {error}") from error


def write_study(study: StudySpec, cells: Iterable[Cell]) -> str:
    """A study as TOML that `read_study` reads back, its cells spelt out below it."""
    return tomli_w.dumps(
        _given(asdict(study)) | {"cells": [_cell_table(cell) for cell in cells]}
    )


_CELL_KEYS = (
    "protocol",
    "description",
    "grid",
    "reference",
    "source",
    "claim",
    "rate",
    "forecast",
)


def _cell_table(cell: Cell) -> dict[str, Any]:
    trial = cell.template.to_dict()
    table = {
        "protocol": cell.protocol,
        "description": cell.description,
        "grid": [cell.grid.start, cell.grid.step],
        "reference": list(cell.reference) if cell.reference else None,
        "source": cell.source or None,
        "claim": list(astuple(cell.claim)) if cell.claim else None,
        "rate": _rate_table(cell.rate) or None,
        "forecast": cell.forecast and _given(asdict(cell.forecast)),
    } | {key: trial[key] for key in trial if key not in ("depth", "seed")}
    return {key: value for key, value in table.items() if value not in (None, ())}


def _given(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def _rate_table(rate: Rate) -> dict[str, Any]:
    """What differs from a rate of the architecture's own, the same at all depths."""
    given, plain = asdict(rate), asdict(Rate())
    return {key: given[key] for key in given if given[key] != plain[key]}


def _rate(table: Mapping[str, Any]) -> Rate:
    ends = table.get("range")
    return Rate(**{**table, "range": (ends[0], ends[1]) if ends else None})


def _cell(table: Mapping[str, Any], study: StudySpec) -> Cell:
    others = (*_CELL_KEYS, "stop_rules")
    trial = {key: table[key] for key in table if key not in others}
    trial["lr_milestones"] = tuple(trial.get("lr_milestones", ()))
    trial.setdefault("seeding", FIRST_SEEDING)
    grid = DepthGrid(*table["grid"])
    reference, claim = table.get("reference"), table.get("claim")
    forecast = table.get("forecast")
    return Cell(
        protocol=table["protocol"],
        template=TrialSpec(depth=grid.start, seed=0, **trial),
        criterion=study.criterion_of(table["protocol"]),
        grid=grid,
        description=table["description"],
        reference=(reference[0], reference[1]) if reference else None,
        source=table.get("source", ""),
        claim=Claim(*claim) if claim else None,
        rate=_rate(table.get("rate", {})),
        search=study.search_spec,
        forecast=ForecastDepth(**forecast) if forecast else None,
    )


def _value(key: str, value: Any) -> Any:
    if key not in STUDY_KEYS:
        close = difflib.get_close_matches(key, STUDY_KEYS, n=1)
        hint = (
            f"did you mean {close[0]}?" if close else f"known: {', '.join(STUDY_KEYS)}"
        )
        raise ValueError(f"unknown key {key}; {hint}")
    wanted = get_type_hints(StudySpec)[key]
    return _coerce(key, value, wanted)


def _coerce(key: str, value: Any, wanted: Any) -> Any:
    """`value` as the annotated type; a scalar stands for a list of one."""
    origin, args = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        return _coerce(key, value, next(arg for arg in args if arg is not type(None)))
    if origin is Literal:
        return value
    if origin is tuple:
        is_pair = key in ("depths", "lr_range")
        is_list = isinstance(value, list | tuple)
        if is_pair and (not is_list or len(value) != 2):
            raise ValueError(f"{key} = {value}: [LOW, HIGH]")
        items = value if is_list else [value]
        return tuple(_coerce(key, item, args[0]) for item in items)
    return _scalar(key, value, wanted)


def _scalar(key: str, value: Any, wanted: Any) -> Any:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if wanted is float and is_number:
        return float(value)
    if wanted is int and is_number and isinstance(value, numbers.Integral):
        return int(value)
    if type(value) is not wanted:
        kind = {
            int: "a whole number",
            float: "a number",
            str: "a text",
            bool: "true or false",
        }[wanted]
        raise ValueError(f"{key} = {value!r}: {kind} is expected")
    return value
