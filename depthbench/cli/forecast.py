"""`depthbench forecast`: how deep a network will train, before it is trained."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from depthbench.cli.options import (
    architecture_names,
    data_dir_option,
    data_names,
    debug_option,
    json_option,
    plugin_option,
)
from depthbench.cli.parameters import DEPTHS

if TYPE_CHECKING:
    from depthbench.forecasting.limit import Forecast


@click.command("forecast")
@click.argument(
    "targets",
    nargs=-1,
    metavar="NAME|FILE.py...",
    shell_complete=architecture_names,
)
@click.option(
    "--data",
    default="stroke_digits",
    metavar="NAME",
    shell_complete=data_names,
    help="Data set that it would be trained on. [stroke_digits, built in]",
)
@click.option("--lr", type=float, help="Learning rate. [the architecture's]")
@click.option("--epochs", type=click.IntRange(min=1), help="Of a training. [3]")
@click.option(
    "--depths",
    type=DEPTHS,
    help="Smallest and largest depth to look at. [the architecture's smallest, 300]",
)
@click.option(
    "--networks",
    type=click.IntRange(min=1),
    default=4,
    help="Untrained networks at each depth. [4]",
)
@click.option(
    "--no-probe",
    is_flag=True,
    help="Train nothing at all: faster, and blind to a rate that is too large only "
    "once the network learns.",
)
@click.option(
    "--score",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Forecast nothing, but hold stored forecasts against the depths measured in a "
    "results folder DIR.",
)
@click.option(
    "--forecasts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="For --score: what --json printed; score.csv is written beside it. "
    "[DIR/forecasts.json]",
)
@click.option(
    "--readme",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For --score: a page whose table forecast_score is made anew.",
)
@data_dir_option
@plugin_option
@json_option
@debug_option
def command(  # noqa: PLR0913 - each is a flag
    targets: tuple[str, ...],
    data: str,
    lr: float | None,
    epochs: int | None,
    depths: tuple[int, int] | None,
    networks: int,
    no_probe: bool,
    score: Path | None,
    forecasts: Path | None,
    readme: Path | None,
    data_dir: Path | None,
    plugin: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Forecast how deep architectures train, by NAME or all of a FILE.py.

    Two limits, of which the lower one counts: the depth at which the gradient vanishes
    or explodes in untrained networks, and that at which the learning rate is too large,
    from one step and from short trainings on 64 images a step.
    """
    if score is not None:
        _score(score, forecasts or score / "forecasts.json", readme, as_json=as_json)
        return
    if not targets:
        raise click.UsageError("name an architecture, as elu_bn, or a FILE.py")
    from depthbench.study.forecasts import as_json as document
    from depthbench.study.forecasts import forecast

    values = {"lr": lr, "epochs": epochs}
    found = forecast(
        list(targets),
        data=data,
        depths=depths,
        num_networks=networks,
        probe=not no_probe,
        data_dir=data_dir,
        plugins=plugin,
        **{key: value for key, value in values.items() if value is not None},
    )
    if as_json:
        click.echo(json.dumps([document(each) for each in found], indent=2))
        return
    for each in found:
        _show(each)


def _score(folder: Path, stored: Path, readme: Path | None, *, as_json: bool) -> None:
    """Write score.csv and print the table."""
    from depthbench.calibration import forecast_score as scoring
    from depthbench.report import read_result, refresh_between_markers
    from depthbench.store import write_atomic

    try:
        rows = scoring.score_rows(read_result(folder), scoring.read_forecasts(stored))
        table = scoring.score_markdown(rows)
        if readme is not None:
            text = readme.read_text(encoding="utf-8")
            text = refresh_between_markers(text, "forecast_score", table)
            write_atomic(readme, text)
    except (ValueError, LookupError, OSError) as error:
        raise click.UsageError(f"{stored}, {folder}: {error}") from error
    scored = scoring.score_table(rows)
    write_atomic(stored.parent / "score.csv", scored.csv)
    click.echo(json.dumps(scored.dicts, indent=1) if as_json else table.rstrip())


def _show(found: "Forecast") -> None:
    from statistics import median

    from depthbench.forecasting.limit import typical

    about = f"{found.architecture} on {found.data}, lr {found.lr:g}"
    if found.k50 is None:
        click.echo(f"{about}: no limit found up to k={found.deepest}; budget limits it")
    else:
        click.echo(
            f"{about}: k50 about {found.k50:.0f} "
            f"({found.low:.0f} to {found.high:.0f}), {found.limited_by}"
        )
        if found.k90 is not None:
            click.echo(f"nine in ten train at k={found.k90:.0f}")
    theory = dict(found.closed_form)
    click.echo("\n     k  D, nats    range  closed form  loss after a step")
    for row in found.measured:
        spread = max(row.nats) - min(row.nats)
        closed = f"{theory[row.depth]:.1f}" if row.depth in theory else "-"
        click.echo(
            f"{row.depth:6}  {typical(row.nats):7.1f}  {spread:7.1f}  {closed:>11}  "
            f"{median(row.loss_ratio):17.3g}"
        )
    click.echo(
        f"D vanishes at {-found.threshold[0]:.1f}, explodes at {found.threshold[1]:.1f}"
    )
    for depth in dict.fromkeys(probe.depth for probe in found.probes):
        ends = [probe.ended for probe in found.probes if probe.depth == depth]
        click.echo(f"short trainings at k={depth}: {', '.join(ends)}")
    click.echo("")
