"""`depthbench list`: architectures and data sets at hand."""

import json
from pathlib import Path

import click

from depthbench import runtime
from depthbench.cli.errors import usage_errors
from depthbench.cli.options import debug_option, json_option, plugin_option


@click.command("list")
@click.argument("glob", default="*")
@click.option(
    "--names", is_flag=True, help="Names of architectures only, one per line."
)
@plugin_option
@json_option
@debug_option
def command(glob: str, plugin: tuple[Path, ...], names: bool, as_json: bool) -> None:
    """Architectures whose name matches GLOB, and the data sets."""
    from depthbench.datasets import (
        DATASETS,
        FOLDER_DESCRIPTION,
        FOLDER_FORM,
        PERMUTED_FORM,
    )
    from depthbench.plugins import load_architectures

    registry = load_architectures((*runtime.plugin_paths(), *plugin))
    with usage_errors():
        found = [registry.entries[name] for name in registry.match([glob])]
    for reason in registry.broken.values():
        click.echo(f"not loaded: {reason}", err=True)
    if names:
        click.echo("\n".join(item.name for item in found))
        return
    rows = [
        {
            "name": item.name,
            "block": item.summary,
            "lr": item.lr,
            "depths": f"{item.grid.start}, {item.grid.start + item.grid.step}, ...",
            "notebook": item.reference[0] if item.reference else None,
            "source": item.source,
        }
        for item in found
    ]
    data = {
        name: DATASETS[name].description + " (built in)" * DATASETS[name].is_builtin
        for name in DATASETS
    } | {
        PERMUTED_FORM: "another of these, training labels in random order: a control",
        FOLDER_FORM: FOLDER_DESCRIPTION,
    }
    if as_json:
        click.echo(json.dumps({"architectures": rows, "data": data}, indent=2))
        return
    width = max(len(item.name) for item in found)
    click.echo(f"{'architecture':{width}}  {'lr':>6}  {'notebook':>8}  block")
    for row in rows:
        notebook = "" if row["notebook"] is None else row["notebook"]
        click.echo(
            f"{row['name']:{width}}  {row['lr']:>6}  {notebook:>8}  {row['block']}"
        )
    click.echo("\ndata sets (--data)")
    for name, description in data.items():
        click.echo(f"{name:{width}}  {description}")
