"""`depthbench watch`: the progress of a run that another terminal makes."""

import time
from pathlib import Path

import click

from depthbench.cli.errors import NO_EVIDENCE
from depthbench.cli.options import debug_option
from depthbench.study.messages import say


@click.command("watch")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@debug_option
def command(folder: Path) -> int:
    """Show the progress of the run that writes to results FOLDER, until it ends.

    Reads only. Exit code 0: its searches are over; 1: it ended before they were.
    """
    from depthbench.study.watch import watch

    if watch(folder, wait=time.sleep):
        say(f"done; `depthbench report {folder}` shows the answer")
        return 0
    say(f"nobody is training for {folder}; the command that began it continues it")
    return NO_EVIDENCE
