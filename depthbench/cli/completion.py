"""`depthbench completion`: the completion script of a shell."""

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL, to be sourced by it.

    For bash: eval "$(depthbench completion bash)"
    """
    from depthbench.cli import cli

    completion = get_completion_class(shell)
    assert completion is not None
    script = completion(cli, {}, "depthbench", "_DEPTHBENCH_COMPLETE").source()
    click.echo(script)
