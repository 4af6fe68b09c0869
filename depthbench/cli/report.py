"""`depthbench report`: rebuild everything that is derived from the records."""

import json
from pathlib import Path

import click

from depthbench.cli.options import debug_option, json_option


@click.command("report")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
@debug_option
def command(folder: Path, as_json: bool) -> None:
    """Rebuild tables, figures and page of a results FOLDER, even while it grows."""
    from depthbench.report import write_report

    try:
        paths = write_report(folder)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(json.dumps({"page": str(paths)}) if as_json else str(paths))
