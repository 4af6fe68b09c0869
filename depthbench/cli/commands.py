"""Commands that are imported when they are called, and options under headings."""

import difflib
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose command NAME is the attribute `command` of module `cli.NAME`.

    Help of the whole group and completion of command names import none of them.
    """

    def __init__(self, *args: object, commands_help: dict[str, str], **kwargs: object):
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._help = commands_help

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        del ctx
        return list(self._help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if there is none of that name."""
        del ctx
        if cmd_name not in self._help:
            return None
        module = importlib.import_module(f"depthbench.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """The table of commands, from their short texts alone."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self._help.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that `args` start with, or a usage error with close matches."""
        if args and args[0] not in self._help and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], self._help, n=1)
            hint = f"did you mean {close[0]}?" if close else "see depthbench --help"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


class GroupedCommand(click.Command):
    """A command whose help lists its options in groups, so that it can be scanned.

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
        params = {param.name: param for param in self.get_params(ctx)}
        grouped = {
            heading: [params.pop(name) for name in names]
            for heading, names in self._groups.items()
        }
        grouped[list(grouped)[-1]] += params.values()
        for heading, group in grouped.items():
            options = (each for each in group if isinstance(each, click.Option))
            records = (option.get_help_record(ctx) for option in options)
            with formatter.section(heading):
                formatter.write_dl([record for record in records if record])
