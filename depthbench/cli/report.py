"""`depthbench report`: rebuild everything that is derived from the records."""

from pathlib import Path

import click

from depthbench.cli.errors import usage_errors
from depthbench.cli.options import debug_option, json_option


@click.command("report")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--readme",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also put the table of the study into a Markdown FILE, between its markers "
    "<!-- depthbench:NAME:start --> and <!-- depthbench:NAME:end -->.",
)
@click.option("--pdf", is_flag=True, help="Also write the figures as PDF.")
@click.option(
    "--optuna",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write all trials into an Optuna study FILE (SQLite), as "
    "optuna-dashboard opens it.",
)
@json_option
@debug_option
def command(
    folder: Path, readme: Path | None, pdf: bool, optuna: Path | None, as_json: bool
) -> None:
    """Rebuild tables, figures and page of a results FOLDER, even while it grows.

    Of a benchmark's or a calibration's folder, the table is printed. Of a folder of
    results folders, index.html is written: one table of every cell of every study.
    """
    for name in ("bench", "calibration"):
        table = folder / f"{name}.csv"
        if table.exists() and optuna is not None:
            raise click.UsageError(f"{folder} holds a {name}: no trials for Optuna")
        if table.exists():
            _report_table(table, readme, as_json=as_json)
            return
    _report_study(folder, readme, optuna, has_pdf=pdf, as_json=as_json)


def _report_study(
    folder: Path,
    readme: Path | None,
    optuna: Path | None,
    *,
    has_pdf: bool,
    as_json: bool,
) -> None:
    from depthbench.cli.results import print_results
    from depthbench.report import read_result, study_markdown, write_report
    from depthbench.text import count

    if not (folder / "study.toml").exists():
        if readme or optuna or has_pdf or as_json:
            raise click.UsageError(
                f"{folder} is no results folder: it has no study.toml; of a folder of "
                "results there is an index alone, without further options"
            )
        from depthbench.report.index import write_index

        with usage_errors():
            click.echo(write_index(folder))
        return
    with usage_errors():
        if optuna is not None:
            from depthbench.report.optuna_file import check_optuna_file

            check_optuna_file(optuna)
        result = read_result(folder)
        paths = write_report(folder, result, has_pdf=has_pdf)
        if readme is not None:
            _refresh(readme, result.study.name, study_markdown(result))
        if optuna is not None:
            from depthbench.report.optuna_file import write_optuna_file

            write_optuna_file(result, optuna)
    print_results(folder, result, as_json=as_json)
    if result.num_damaged:
        lines = count(result.num_damaged, "damaged line")
        click.echo(f"note: {lines} of trials.jsonl passed over", err=True)
    click.echo(f"report: {paths.page}", err=True)


def _report_table(path: Path, readme: Path | None, *, as_json: bool) -> None:
    """Print the table of a benchmark or a calibration, and put it into `readme`."""
    import json

    from depthbench.bench.markdown import speed_markdown
    from depthbench.bench.measurement import read_table, summaries
    from depthbench.calibration.frames import as_records
    from depthbench.calibration.summary import calibration_markdown, read_rows, totals

    with usage_errors():
        if path.name == "bench.csv":
            stored = read_table(path)
            table = speed_markdown(stored)
            rows = as_records(summaries(stored))
        else:
            means = totals(read_rows(path))
            table = calibration_markdown(means)
            rows = as_records(means)
        if readme is not None:
            _refresh(readme, path.parent.name, table)
    click.echo(json.dumps(rows, indent=2) + "\n" if as_json else table, nl=False)


def _refresh(page: Path, name: str, table: str) -> None:
    """Put a table between the markers of its name in a Markdown file."""
    from depthbench.report import refresh_between_markers
    from depthbench.store import write_atomic

    text = page.read_text(encoding="utf-8")
    write_atomic(page, refresh_between_markers(text, name, table))
