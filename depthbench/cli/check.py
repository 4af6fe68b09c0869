"""`depthbench check`: whether an architecture is sound, before a long run of it."""

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from depthbench import runtime
from depthbench.cli.errors import CHECK_FAILED, usage_errors
from depthbench.cli.options import (
    architecture_names,
    data_dir_option,
    data_option,
    debug_option,
    json_option,
    plugin_option,
)
from depthbench.cli.parameters import DEPTHS

if TYPE_CHECKING:
    from depthbench.architectures.definition import Architecture
    from depthbench.checks.result import CheckResult


@click.command("check")
@click.argument(
    "targets",
    nargs=-1,
    required=True,
    metavar="NAME|FILE.py...",
    shell_complete=architecture_names,
)
@click.option(
    "--depths",
    type=DEPTHS,
    help="Smallest and largest depth to look at; one between them is, too. [the "
    "architecture's smallest, and the deepest of its grid up to 30]",
)
@data_option(
    "stroke_digits",
    "Data set whose images are run through. [stroke_digits, built in]",
)
@data_dir_option
@plugin_option
@json_option
@debug_option
def command(
    targets: tuple[str, ...],
    depths: tuple[int, int] | None,
    data: str,
    data_dir: Path | None,
    plugin: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Check architectures by NAME (wildcards allowed), or all that a FILE.py defines.

    Each at its smallest, a middle and its largest depth: the logits' shape and type, a
    batch of 1 and of 3, NaN, seeds, gradients (also against differences in float64),
    layers against the depth, the initial loss, and whether the smallest network learns
    50 images by heart. On the CPU, with plain PyTorch. Exit code 1 if a check fails;
    warnings do not.
    """
    from rich.console import Console

    from depthbench.cli.check_text import print_counts, print_head, print_results
    from depthbench.datasets import DATASETS
    from depthbench.study.architectures import asked_for

    with usage_errors():
        asked = asked_for(targets, (*runtime.plugin_paths(), *plugin))
        registry = asked.registry
        chosen = [registry[name] for name in registry.match(asked.names)]
        data_set = DATASETS[data]
        ranges = {item.name: _depths(item, depths) for item in chosen}
    from depthbench.checks.conformance import check_architecture
    from depthbench.checks.second_process import Asked, second_process
    from depthbench.checks.subject import Subject

    runtime.configure_process(num_threads=1)
    images = data_set.load(data_dir or runtime.data_dir())
    found: dict[str, list[CheckResult]] = {}
    networks = Asked(
        plugins=[str(path) for path in asked.plugins],
        depths=ranges,
        image_shape=images.image_shape,
        num_classes=images.num_classes,
    )
    console = Console(file=sys.stdout, quiet=as_json)
    with second_process(networks) as digests_of:
        for item in chosen:
            at = ranges[item.name]
            print_head(console, item, at, data, is_ranged=depths is not None)
            subject = Subject.on(item, images, partial(digests_of, item.name))
            results = check_architecture(subject, at)
            found[item.name] = print_results(console, results)
    print_counts(console, found)
    if as_json:
        click.echo(json.dumps(_document(data, found, ranges), indent=2))
    failed = any(result.has_failed for each in found.values() for result in each)
    return CHECK_FAILED if failed else 0


def _depths(item: "Architecture", asked: tuple[int, int] | None) -> tuple[int, ...]:
    from depthbench.checks.result import depths_of

    try:
        return depths_of(item.grid, *(asked or (None, None)))
    except ValueError as error:
        raise ValueError(f"{item.name}: {error}") from error


def _document(
    data: str,
    found: dict[str, list["CheckResult"]],
    ranges: dict[str, tuple[int, ...]],
) -> dict[str, object]:
    return {
        "data": data,
        "architectures": [
            {
                "name": name,
                "passed": not any(result.has_failed for result in results),
                "depths": list(ranges[name]),
                "checks": [asdict(result) for result in results],
            }
            for name, results in found.items()
        ],
    }
