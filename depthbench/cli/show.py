"""`depthbench show`: one architecture, its layers and parameters."""

import json
from pathlib import Path
from typing import Any

import click

from depthbench import runtime
from depthbench.blueprint import Architecture
from depthbench.cli.options import (
    architecture_names,
    debug_option,
    json_option,
    plugin_option,
)

# Grid steps shown: the smallest network and a few deeper ones.
_STEPS_SHOWN = (0, 1, 9, 32)
_MNIST_SHAPE = (1, 28, 28)
_NUM_CLASSES = 10


@click.command("show")
@click.argument("architecture", shell_complete=architecture_names)
@plugin_option
@json_option
@debug_option
def command(architecture: str, plugin: tuple[Path, ...], as_json: bool) -> None:
    """Source, block, grid, and the layers and parameters of some depths."""
    from depthbench.plugins import load_architectures

    registry = load_architectures((*runtime.plugin_paths(), *plugin))
    try:
        shown = registry[architecture]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
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
    click.echo("\n     k  weight layers  parameters  (28x28 grey images, 10 classes)")
    for size in sizes:
        click.echo(
            f"{size['depth']:6}  {size['weight_layers']:13}  {size['parameters']:10,}"
        )


def _size(architecture: Architecture, depth: int) -> dict[str, Any]:
    """Layers and parameters of one depth, from a network without storage."""
    import torch

    from depthbench.failures import described
    from depthbench.network import num_weight_layers

    try:
        with torch.device("meta"):
            net = architecture.build(
                depth,
                image_shape=_MNIST_SHAPE,
                num_classes=_NUM_CLASSES,
                generator=runtime.generator(0, "weights"),
            )
    except Exception as error:  # in the user's own code
        reason = f"{architecture.name}, k={depth}: {described(error)}"
        raise click.ClickException(reason) from error
    return {
        "depth": depth,
        "weight_layers": num_weight_layers(architecture, depth, net),
        "parameters": sum(weight.numel() for weight in net.parameters()),
    }
