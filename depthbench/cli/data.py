"""`depthbench data`: fetch or verify data sets."""

import json
from pathlib import Path

import click

from depthbench import runtime
from depthbench.cli.errors import usage_errors
from depthbench.cli.options import data_dir_option, debug_option, json_option


@click.group("data")
def command() -> None:
    """Fetch or verify data sets.

    `depthbench list` names them. Images of your own are folder:PATH: one size, in
    PATH/train/CLASS and PATH/test/CLASS, with PATH relative to --data-dir.
    """


@command.command("fetch")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--replace",
    is_flag=True,
    help="Replace files that are there and are not the data set.",
)
@data_dir_option
@json_option
@debug_option
def fetch(
    names: tuple[str, ...], replace: bool, data_dir: Path | None, as_json: bool
) -> None:
    """Download data sets, or make built-in ones, then verify them.

    Files that are there stay as they are unless --replace says otherwise.
    """
    from depthbench.datasets import DATASETS

    folder = data_dir or runtime.data_dir()
    with usage_errors():
        matched = DATASETS.match(names)
    for name in matched:
        DATASETS[name].fetch(folder, replace=replace)
    _verify(matched, folder, as_json)


@command.command("verify")
@click.argument("names", nargs=-1, required=True)
@data_dir_option
@json_option
@debug_option
def verify(names: tuple[str, ...], data_dir: Path | None, as_json: bool) -> None:
    """Load data sets and check their shapes, labels and checksums."""
    from depthbench.datasets import DATASETS

    with usage_errors():
        matched = DATASETS.match(names)
    _verify(matched, data_dir or runtime.data_dir(), as_json)


def _verify(names: tuple[str, ...], folder: Path, as_json: bool) -> None:
    from depthbench.datasets import DATASETS

    rows = []
    for name in names:
        data = DATASETS[name].load(folder)
        rows.append(
            {
                "name": name,
                "num_train": len(data.train_labels),
                "num_test": len(data.test_labels),
                "image_shape": list(data.image_shape),
                "num_classes": data.num_classes,
                "sha256": data.sha256,
            }
        )
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "data": rows}, indent=2))
        return
    for row in rows:
        click.echo(
            f"{row['name']}: {row['num_train']:,} + {row['num_test']:,} images of "
            f"{row['image_shape']}, {row['num_classes']} classes, "
            f"SHA-256 {row['sha256']}"
        )
