"""Options of a command under headings, so that a long list can be scanned."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

Rows = list[tuple[str, str]]


class GroupedCommand(click.Command):
    """A command whose help lists its options in groups.

    Args:
        groups: By heading, the names of parameters in their order. Those of no group,
            such as --help, come last.
    """

    def __init__(
        self, *args: Any, groups: Mapping[str, Sequence[str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._groups = groups

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """One section a group."""
        for heading, rows in self._sections(ctx):
            with formatter.section(heading):
                formatter.write_dl(rows)

    def _sections(self, ctx: click.Context) -> Iterator[tuple[str, Rows]]:
        params = {param.name: param for param in self.get_params(ctx)}
        grouped = {
            heading: [params.pop(name) for name in names]
            for heading, names in self._groups.items()
        }
        grouped[list(grouped)[-1]] += params.values()
        for heading, group in grouped.items():
            yield heading, _rows(ctx, group)


def _rows(ctx: click.Context, params: Iterable[click.Parameter]) -> Rows:
    options = (param for param in params if isinstance(param, click.Option))
    records = (option.get_help_record(ctx) for option in options)
    return [record for record in records if record is not None]
