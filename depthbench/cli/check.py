"""`depthbench check`: whether an architecture is sound, before a long run of it."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from depthbench import runtime
from depthbench.cli.errors import CHECK_FAILED
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
    from depthbench.architectures.definition import Architecture
    from depthbench.checks.result import CheckResult
    from depthbench.registry import Registry


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
@click.option(
    "--data",
    default="stroke_digits",
    metavar="NAME",
    shell_complete=data_names,
    help="Data set whose images are run through. [stroke_digits, built in]",
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
    from depthbench.cli.check_text import open_lines
    from depthbench.datasets import DATASETS
    from depthbench.plugins import load_architectures

    files = [Path(target) for target in targets if _is_file(target)]
    plugins = (*runtime.plugin_paths(), *plugin, *files)
    try:
        chosen = _chosen(targets, load_architectures(plugins))
        data_set = DATASETS[data]
        ranges = {item.name: _depths(item, depths) for item in chosen}
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    from depthbench.checks.conformance import check_architecture
    from depthbench.checks.second_process import Asked, SecondProcess
    from depthbench.checks.subject import Subject

    runtime.configure_process(num_threads=1)
    images = data_set.load(data_dir or runtime.data_dir())
    found: dict[str, list[CheckResult]] = {}
    asked = Asked(
        plugins=[str(path) for path in plugins],
        depths=ranges,
        image_shape=images.image_shape,
        num_classes=images.num_classes,
    )
    with open_lines(as_json) as lines, closing(SecondProcess(asked)) as second:
        for item in chosen:
            lines.begin(item, ranges[item.name], data, is_ranged=depths is not None)
            subject = Subject.on(item, images, second.digests_of(item.name))
            results = found.setdefault(item.name, [])
            for result in check_architecture(subject, ranges[item.name]):
                results.append(result)
                lines.add(result)
    if as_json:
        click.echo(json.dumps(_document(data, found, ranges), indent=2))
    else:
        lines.conclude(found)
    failed = any(result.has_failed for each in found.values() for result in each)
    return CHECK_FAILED if failed else 0


def _is_file(target: str) -> bool:
    return target.endswith(".py")


def _chosen(
    targets: Sequence[str], registry: "Registry[Architecture]"
) -> list["Architecture"]:
    """The architectures that are meant, each once.

    Raises:
        ValueError: If a name is unknown or taken, or a file is missing or broken.
    """
    from depthbench.plugins import names_in

    names: dict[str, None] = {}
    for target in targets:
        found = (
            names_in(Path(target), registry)
            if _is_file(target)
            else registry.match([target])
        )
        names |= dict.fromkeys(found)
    return [registry[name] for name in names]


def _depths(item: "Architecture", asked: tuple[int, int] | None) -> tuple[int, ...]:
    from depthbench.checks.depths import depths_of

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
