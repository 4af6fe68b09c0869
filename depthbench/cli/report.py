"""`depthbench report`: rebuild everything that is derived from the records."""

from pathlib import Path

import click

from depthbench.cli.options import debug_option, json_option


@click.command("report")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
@debug_option
def command(folder: Path, as_json: bool) -> None:
    """Rebuild tables, figures and page of a results FOLDER, even while it grows."""
    from depthbench.cli.results import print_results
    from depthbench.report import read_result, write_report

    try:
        paths = write_report(folder)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    print_results(folder, read_result(folder), as_json=as_json)
    click.echo(f"report: {paths.page}", err=True)
