"""Studies as TOML files: the keys are the fields of `StudySpec`."""

import difflib
import re
import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import tomli_w

from depthbench.spec.cell import Cell, DepthGrid
from depthbench.spec.rate import Rate
from depthbench.spec.study import STUDY_KEYS, StudySpec
from depthbench.spec.trial import FIRST_SEEDING, TrialSpec

# Of resolved studies that earlier versions wrote.
_FORMER_KEYS = ("early_stop", "early_stop_at")


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
    flags = dict(overrides or {})
    try:
        keys = tomllib.loads(path.read_text(encoding="utf-8"))
        if keys.pop("cells", None) is not None:
            keys = {key: keys[key] for key in keys if key not in _FORMER_KEYS}
        values = {key: _value(key, value) for key, value in keys.items()}
        name = re.sub(r"[^\w.+-]+", "-", path.stem).strip("-+.")
        values.setdefault("name", name or "study")
        return StudySpec(**(values | flags))
    # tomllib's and Unicode's errors are ValueErrors too; an overflow is an int's that
    # no float can hold.
    except (ValueError, OverflowError) as error:
        is_flag = str(error).partition(" ")[0] in flags
        raise ValueError(f"{error}" if is_flag else f"{path}: {error}") from error


def read_cells(path: Path) -> tuple[Cell, ...]:
    """The cells that `write_study` spelt out, without any architecture at hand.

    Raises:
        ValueError: If the file is no resolved study.
    """
    try:
        study = read_study(path)
        tables = tomllib.loads(path.read_text(encoding="utf-8"))["cells"]
        return tuple(_cell(table, study) for table in tables)
    except (LookupError, TypeError) as error:
        raise ValueError(f"{path}: not a resolved study: {error!r}") from error


def write_study(study: StudySpec, cells: Iterable[Cell]) -> str:
    """A study as TOML that `read_study` reads back, its cells spelt out below it."""
    keys = {key: value for key, value in asdict(study).items() if value is not None}
    return tomli_w.dumps(keys | {"cells": [_cell_table(cell) for cell in cells]})


_CELL_KEYS = ("protocol", "description", "grid", "reference", "rate")


def _cell_table(cell: Cell) -> dict[str, Any]:
    trial = cell.template.to_dict()
    table = {
        "protocol": cell.protocol,
        "description": cell.description,
        "grid": [cell.grid.start, cell.grid.step],
        "reference": list(cell.reference) if cell.reference else None,
        "rate": _rate_table(cell.rate) or None,
    } | {key: trial[key] for key in trial if key not in ("depth", "seed")}
    return {key: value for key, value in table.items() if value not in (None, ())}


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
    reference = table.get("reference")
    return Cell(
        protocol=table["protocol"],
        template=TrialSpec(depth=grid.start, seed=0, **trial),
        criterion=study.criterion_of(table["protocol"]),
        grid=grid,
        description=table["description"],
        reference=(reference[0], reference[1]) if reference else None,
        rate=_rate(table.get("rate", {})),
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
        if is_pair and (not isinstance(value, list) or len(value) != 2):
            raise ValueError(f"{key} = {value}: [LOW, HIGH]")
        items = value if isinstance(value, list) else [value]
        return tuple(_coerce(key, item, args[0]) for item in items)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        kind = {
            int: "a whole number",
            float: "a number",
            str: "a text",
            bool: "true or false",
        }[wanted]
        raise ValueError(f"{key} = {value!r}: {kind} is expected")
    return value
