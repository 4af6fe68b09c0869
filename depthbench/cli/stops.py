"""`depthbench stops`: the rules for early stopping, their errors, and a new fit."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from depthbench.cli.options import debug_option, json_option
from depthbench.cli.parameters import FolderPath

if TYPE_CHECKING:
    from depthbench.early_stopping import Fit


@click.group("stops")
def command() -> None:
    """Rules that end a trial early: how often they are wrong, and how to fit them."""


@command.command("show")
@json_option
@debug_option
def show(as_json: bool) -> None:
    """The rules in use, and what was measured of them."""
    from depthbench.early_stopping import packaged_fit

    _print(packaged_fit(), as_json=as_json)


@command.command("fit")
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--out",
    type=FolderPath(),
    default=Path("results/early_stopping"),
    help="Where fit.json, its tables and figures go. [results/early_stopping]",
)
@json_option
@debug_option
def fit(folders: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Choose the rules' constants anew, from the full trainings in results FOLDERS.

    Trainings of even seeds choose the constants; those of odd seeds, which had no say,
    measure the errors. The rules in use change when fit.json takes the place of the
    package's early_stopping/fitted.json.
    """
    from depthbench.cli.stops_files import write_fit
    from depthbench.early_stopping import fit_rules
    from depthbench.store import read_records

    stored = [read_records(folder) for folder in folders]
    latest = {id_: one for each in stored for id_, one in each.records.items()}
    try:
        found = fit_rules(latest.values())
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    write_fit(out, found, list(latest.values()))
    _print(found, as_json=as_json)
    click.echo(f"fit: {out / 'fit.json'}", err=True)


def _print(found: "Fit", *, as_json: bool) -> None:
    from depthbench.early_stopping.words import measured_words, settings_words

    if as_json:
        click.echo(json.dumps(json.loads(found.to_json()), indent=2))
        return
    click.echo(f"fitted to {settings_words(found)}")
    for one in found.rules:
        click.echo(f"{one.name}\n  {measured_words(one)}")
    if not found.rules:
        click.echo("no rule was found to be safe")
