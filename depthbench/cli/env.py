"""`depthbench env`: what a trial would run with."""

import json
from dataclasses import asdict

import click

from depthbench import runtime
from depthbench.cli.options import debug_option, json_option
from depthbench.kernels import compiled
from depthbench.runtime.environment import capture_environment


@click.command("env")
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu or cuda.")
@json_option
@debug_option
def command(device: str, as_json: bool) -> None:
    """Versions and devices that a trial would run with."""
    check_device(device)
    chosen = runtime.resolve_device(device)
    runtime.configure_process(num_threads=1)
    environment = asdict(capture_environment(chosen))
    environment.pop("instruction_set")  # of a trial
    about = environment | {
        "device": chosen,
        "fused_kernels": compiled.missing()
        or ", ".join(kernel.name for kernel in compiled.kernels()),
        "cores": runtime.num_cores(),
        "data_dir": str(runtime.default_data_dir() or "none: give DEPTHBENCH_DATA"),
    }
    if as_json:
        click.echo(json.dumps(about, indent=2))
        return
    for key, value in about.items():
        click.echo(f"{key:16}{value}")


def check_device(name: str) -> None:
    """Refuse what is no kind of device."""
    if name not in ("auto", "cpu", "cuda"):
        raise click.UsageError(f"device = {name}: one of auto, cpu, cuda")
