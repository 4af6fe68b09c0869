"""Flags that several commands share, and those of the fields of a study."""

import re
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import click
from click.shell_completion import CompletionItem

from depthbench import runtime
from depthbench.cli.parameters import DEPTHS, SECONDS, FolderPath, Numbers
from depthbench.spec import StudySpec
from depthbench.spec.study import STUDY_KEYS

Command = TypeVar("Command", bound=Callable[..., Any])


def architecture_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completions of an architecture's name, those of plugins among them."""
    from depthbench.plugins import load_architectures

    del param
    plugins = (*runtime.plugin_paths(), *(ctx.params.get("plugin") or ()))
    names = load_architectures(plugins)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def data_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completions of a data set's name; of a folder of images, the prefix."""
    from depthbench.datasets import DATASETS

    del ctx, param
    names = (form.removesuffix("PATH") for form in DATASETS.forms)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


# `main` reads it itself.
debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show tracebacks."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON."
)
# Added to what the environment names.
plugin_option = click.option(
    "--plugin",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python file that defines further architectures. Repeatable.",
)
data_dir_option = click.option(
    "--data-dir",
    type=FolderPath(),
    help="Where the data sets lie. [DEPTHBENCH_DATA, or the user's cache]",
)


def data_option(default: str, help: str) -> Callable[[Command], Command]:
    """`--data`, the name of a data set."""
    return click.option(
        "--data",
        default=default,
        metavar="NAME",
        shell_complete=data_names,
        help=help,
    )


class FieldOption(click.Option):
    """A flag for a field of a study, which says what the flag means."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The flag and its help, which is looked up only now."""
        from depthbench.spec.field_help import field_help

        text = field_help()[self.name or ""] + " Repeatable." * self.multiple
        self.help = re.sub(r"`(\w+)`", lambda found: _flag_or_word(found[1]), text)
        return super().get_help_record(ctx)


def _flag_or_word(name: str) -> str:
    return f"--{name.replace('_', '-')}" if name in STUDY_KEYS else name


_NUMBERS = {
    "depths": DEPTHS,
    "lr_range": Numbers(float, "LOW:HIGH", "1e-4:1", is_pair=True),
    "lr_grid": Numbers(float, "RATE,RATE,...", "0.005,0.05"),
    "lr_milestones": Numbers(int, "EPOCH,EPOCH,...", "6,8"),
}
_COMPLETIONS = {"arch": architecture_names, "data": data_names}


def _field_option(name: str, hint: Any) -> Callable[[Command], Command]:
    """The flag of a study's field, given its type; absent, it is None or empty."""
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    is_optional = get_origin(hint) in (Union, UnionType)
    kind = kinds[0] if is_optional else hint
    flag = _flag_or_word(name)
    settings: dict[str, Any] = {"type": kind}
    if kind is bool:
        flag, settings = f"{flag}/--no-{name.replace('_', '-')}", {"default": None}
    elif name in _NUMBERS:
        settings = {"type": _NUMBERS[name]}
    elif name.endswith("_seconds"):
        settings = {"type": SECONDS, "metavar": "SECONDS"}
    elif get_origin(kind) is tuple:
        settings = {"multiple": True, "metavar": "NAME"}
    elif get_origin(kind) is Literal:
        settings = {"metavar": "NAME"}
    complete = _COMPLETIONS.get(name)
    return click.option(flag, cls=FieldOption, shell_complete=complete, **settings)


def study_options(command: Command) -> Command:
    """Every field of a study as a flag; an absent one leaves a file's value."""
    for name, hint in reversed(get_type_hints(StudySpec).items()):
        command = _field_option(name, hint)(command)
    return command
