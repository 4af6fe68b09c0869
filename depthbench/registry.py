"""One small generic registry: names to values, with globs and did-you-mean."""

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Registry(Generic[Entry]):
    """Named entries of one kind; a value, never changed in place.

    Attributes:
        kind: What an entry is, for messages: "architecture".
        entries: By name, in the order they are listed in.
        broken: For names (or sources of names) that cannot be had, the reason, told
            to who asks for that name or for one that is unknown.
        families: Entries without number, by how their names are written, as
            "folder:PATH"; each is made from what a name has after the colon, by a
            function that raises ValueError if that names nothing. They are not listed,
            and no pattern matches them: all that follows the colon is taken as it is.
    """

    kind: str
    entries: Mapping[str, Entry]
    broken: Mapping[str, str] = field(default_factory=dict)
    families: Mapping[str, Callable[[str], Entry]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __getitem__(self, name: str) -> Entry:
        """The entry called `name`.

        Raises:
            ValueError: If there is none, with close matches; or if it is broken,
                with the reason.
        """
        if name in self.broken:
            raise ValueError(f"{self.kind} {name!r}: {self.broken[name]}")
        if name in self.entries:
            return self.entries[name]
        make, rest = self._family(name)
        if make is not None:
            return make(rest)
        close = difflib.get_close_matches(name, self.entries, n=3, cutoff=0.5)
        hint = (
            f"did you mean {' or '.join([*close, *self.families])}?"
            if close
            else f"known: {', '.join(self.forms)}"
        )
        reasons = "".join(f"\n  {reason}" for reason in self.broken.values())
        also = f"\nnot loaded:{reasons}" if self.broken else ""
        raise ValueError(f"unknown {self.kind} {name!r}; {hint}{also}")

    @property
    def forms(self) -> tuple[str, ...]:
        """Everything that can be asked for: the names, and the forms of families."""
        return *self.entries, *self.families

    def match(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """Names that any of the patterns matches, each once, in the patterns' order.

        The name of a member of a family matches itself.

        Raises:
            ValueError: If a pattern matches nothing.
        """
        found: dict[str, None] = {}
        for pattern in patterns:
            make, rest = self._family(pattern)
            if make is not None:
                make(rest)
                found[pattern] = None
                continue
            hits = fnmatch.filter(self.entries, pattern)
            if not hits and any(sign in pattern for sign in "*?["):
                raise ValueError(
                    f"no {self.kind} matches {pattern!r}; "
                    f"known: {', '.join(self.forms)}"
                )
            if not hits:
                self[pattern]
            found |= dict.fromkeys(hits)
        return tuple(found)

    def extended(
        self, entries: Mapping[str, Entry], broken: Mapping[str, str]
    ) -> "Registry[Entry]":
        """With further entries; one that is already there stays as it is."""
        new = {name: entries[name] for name in entries if name not in self.entries}
        return replace(
            self, entries={**self.entries, **new}, broken={**self.broken, **broken}
        )

    def _family(self, name: str) -> tuple[Callable[[str], Entry] | None, str]:
        """What makes the entry of that name, if a family does, and from what."""
        for form, make in self.families.items():
            prefix = form[: form.index(":") + 1]
            if name.startswith(prefix):
                return make, name.removeprefix(prefix)
        return None, ""
