"""What each field of a study means and what it is by default, for those who ask."""

import functools
import inspect
import re
from collections.abc import Mapping
from dataclasses import fields

from depthbench.spec.protocol import protocol_text
from depthbench.spec.study import StudySpec

_FIELD = re.compile(r"^    (\w+): ", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[^.]\.) (?=[A-Z])")


@functools.cache
def field_help() -> Mapping[str, str]:
    """By field of `StudySpec`: first sentence of its docstring, default in brackets.

    Names of fields and values stand in backticks.
    """
    text = inspect.cleandoc(StudySpec.__doc__ or "").partition("Attributes:\n")[2]
    _, *pieces = _FIELD.split(text)
    meanings = dict(zip(pieces[::2], pieces[1::2], strict=True))
    default = {field.name: field.default for field in fields(StudySpec)}
    first = {
        name: _SENTENCE_END.split(" ".join(meaning.split()))[0]
        for name, meaning in meanings.items()
    }
    return {name: text + _default(default[name]) for name, text in first.items()}


def _default(value: object) -> str:
    """Nothing where the words say what happens without a value."""
    if isinstance(value, tuple) and len(value) == 2:
        return f" [{value[0]:g}:{value[1]:g}]"
    return f" [{protocol_text(value)}]" if value not in (None, "", ()) else ""
