"""The command line: one file per command, imported only when it is called."""

import signal
import sys

import click

from depthbench import runtime
from depthbench.cli.commands import LazyGroup
from depthbench.cli.errors import explain, terminate

_COMMANDS = {
    "run": "Measure the largest trainable depth.",
    "list": "Architectures and data sets at hand.",
    "forecast": "How deep a network will train, before it is searched.",
    "check": "Is an architecture sound? Shapes, gradients, seeds and more.",
    "show": "One architecture: block, layers, parameters, source.",
    "watch": "The progress of a run that another terminal makes.",
    "report": "Rebuild tables, figures and page from stored records.",
    "compare": "How much deeper one result is than another.",
    "bench": "Speed against a baseline in plain PyTorch.",
    "witness": "Does an independent implementation give the same answer?",
    "calibrate": "Check the searches on truths whose answer is known.",
    "data": "Fetch or verify data sets.",
    "env": "Versions and devices that a trial would run with.",
    "completion": "Print the completion script of a shell.",
}

_EPILOG = """\b
Examples:
  depthbench run --arch elu_bn --data stroke_digits
  depthbench run --arch 'tanh*' --protocol standard --protocol notebook
  depthbench run studies/notebook.toml --workers 4
  depthbench report results/notebook
  depthbench compare results/notebook:elu results/notebook:resnet_nobn
  depthbench check my_arch.py
"""


@click.group(cls=LazyGroup, commands_help=_COMMANDS, epilog=_EPILOG)
@click.version_option(package_name="depthbench")
def cli() -> None:
    """How deep can this network architecture be and still train?

    Results go to standard output, progress to standard error. Exit codes: 0 done;
    1 some trials gave no evidence, a comparison is worse, or a check failed; 2 usage;
    3 environment or data; 4 results folder locked or damaged; 5 a comparison is
    unresolved; 130 and 143 interrupted, state saved.
    """


def main() -> None:
    """Entry point of the `depthbench` command."""
    runtime.open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if runtime.is_completing():
        cli.main(prog_name="depthbench")
    if "--debug" not in sys.argv:
        runtime.quiet_libraries()
    signal.signal(signal.SIGTERM, terminate)
    # Not `cli.main`, which turns a reader that went away into exit code 1.
    try:
        with cli.make_context("depthbench", sys.argv[1:]) as context:
            status = cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as ended:
        status = ended.exit_code
    except BaseException as error:
        status = explain(error, debug="--debug" in sys.argv)
    sys.exit(status if isinstance(status, int) else 0)
