"""`depthbench show`: one architecture, its layers and parameters."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from depthbench import runtime
from depthbench.architectures.definition import Architecture
from depthbench.cli.errors import usage_errors
from depthbench.cli.options import (
    architecture_names,
    debug_option,
    json_option,
    plugin_option,
)

if TYPE_CHECKING:
    from torch import nn

    from depthbench.record import Profile

# Grid steps shown: the smallest network, a few deeper ones, and those that families
# are known by (five blocks a stage, ten blocks).
_STEPS_SHOWN = (0, 1, 4, 9, 32)
# MNIST's and CIFAR's images.
_GREY, _COLOUR = (1, 28, 28), (3, 32, 32)
_NUM_CLASSES = 10
# Built in.
_DATA = "stroke_digits"
_PLOTS: Mapping[str, Literal["png", "svg", "pdf"]] = {
    ".png": "png",
    ".svg": "svg",
    ".pdf": "pdf",
}


@click.command("show")
@click.argument("architecture", shell_complete=architecture_names)
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    help="Show the signal and the gradient at the blocks of one untrained network.",
)
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --depth: draw them, too, into a FILE.png, .svg or .pdf.",
)
@plugin_option
@json_option
@debug_option
def command(
    architecture: str,
    depth: int | None,
    plot: Path | None,
    plugin: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Source, block, grid, and the layers and parameters of some depths.

    ARCHITECTURE is a name, or a FILE.py that defines one.
    """
    if plot is not None and (depth is None or plot.suffix not in _PLOTS):
        known = ", ".join(_PLOTS)
        raise click.UsageError(f"--plot {plot}: give --depth K, and one of {known}")
    shown = _the_one(architecture, (*runtime.plugin_paths(), *plugin))
    if depth is not None:
        _show_profile(shown, depth, plot, as_json=as_json)
        return
    start, step = shown.grid.start, shown.grid.step
    about = {
        "name": shown.name,
        "block": shown.summary,
        "source": shown.source,
        "lr": shown.lr,
        "depths": f"{start}, {start + step}, {start + 2 * step}, ...",
        "notebook": (
            f"trains {shown.reference[0]}, fails {shown.reference[1]}"
            if shown.reference
            else None
        ),
    }
    sizes = [_size(shown, start + steps * step) for steps in _STEPS_SHOWN]
    if as_json:
        click.echo(json.dumps(about | {"sizes": sizes}, indent=2))
        return
    for key, value in about.items():
        if value:
            click.echo(f"{key:10}{value}")
    click.echo("\n                            parameters, 10 classes, images")
    click.echo("     k  weight layers  28x28 grey  32x32 colour")
    for size in sizes:
        click.echo(
            f"{size['depth']:6}  {size['weight_layers']:13}  "
            f"{_shown(size['parameters']):>10}  "
            f"{_shown(size['parameters_colour']):>12}"
        )


def _the_one(given: str, plugins: tuple[Path, ...]) -> Architecture:
    from depthbench.study.architectures import asked_for

    with usage_errors():
        asked = asked_for(given, plugins)
        if len(asked.names) == 1:
            return asked.registry[asked.names[0]]
    names = ", ".join(asked.names)
    raise click.UsageError(f"{given} defines {names}; show one: --plugin {given} NAME")


def _show_profile(
    architecture: Architecture, depth: int, plot: Path | None, *, as_json: bool
) -> None:
    """Print the profile of the net of seed 0 on images of the built-in data set."""
    from dataclasses import asdict

    from depthbench.datasets import DATASETS
    from depthbench.forecasting.measured import Untrained
    from depthbench.spec import TrialSpec

    with usage_errors():
        architecture.grid.check(depth)
    name, lr = architecture.name, architecture.lr
    spec = TrialSpec(architecture=name, depth=depth, data=_DATA, seed=0, lr=lr)
    data = DATASETS[_DATA].load(runtime.data_dir())
    found = Untrained(architecture, spec, data).profile(depth)
    if found is None:
        raise click.ClickException(f"{name}, k={depth}: fewer than two blocks")
    if plot is not None:
        _draw(plot, found, f"{name}, k={depth}, untrained")
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return
    click.echo(
        f"{name}, k={depth}, untrained, 64 images of {_DATA}; D {found.nats:.1f}"
    )
    click.echo("weight layers  deviation  gradient  correlation")
    for layers, deviation, gradient, correlation in zip(
        found.num_layers,
        found.deviation,
        found.gradient,
        found.correlation,
        strict=True,
    ):
        row = f"{layers:13}  {deviation:9.2e}  {gradient:8.1e}  {correlation:11.4f}"
        click.echo(row)


def _draw(path: Path, found: "Profile", title: str) -> None:
    from depthbench.report.figures import profile_figure, render
    from depthbench.store import write_atomic

    write_atomic(path, render(profile_figure(found, title), _PLOTS[path.suffix]))


def _size(architecture: Architecture, depth: int) -> dict[str, Any]:
    """Layers and parameters of one depth, for grey and for colour images.

    Parameters are None where the architecture cannot have such images.

    Raises:
        click.ClickException: If it can have neither.
    """
    import torch

    from depthbench.trial.failures import described
    from depthbench.trial.network import bare_network, num_weight_layers

    nets: list[nn.Module | None] = []
    for image_shape in (_GREY, _COLOUR):
        try:
            with torch.device("meta"):  # without storage
                net = bare_network(
                    architecture,
                    depth,
                    image_shape=image_shape,
                    num_classes=_NUM_CLASSES,
                    entropy=(0, depth),
                )
            nets.append(net)
        except Exception as error:  # in the user's own code
            nets.append(None)
            reason = f"{architecture.name}, k={depth}: {described(error)}"
    any_net = nets[0] or nets[1]
    if any_net is None:
        raise click.ClickException(reason)
    grey, colour = (
        None if net is None else sum(each.numel() for each in net.parameters())
        for net in nets
    )
    return {
        "depth": depth,
        "weight_layers": num_weight_layers(architecture, depth, any_net),
        "parameters": grey,
        "parameters_colour": colour,
    }


def _shown(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
