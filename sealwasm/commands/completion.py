"""`sealwasm completion`: code for the shell's start-up file."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from sealwasm.session import Session, pass_session


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_session
def completion(session: Session, shell: str) -> None:
    """Print shell completion code.

    Example: sealwasm completion bash > ~/.local/share/bash-completion/completions/sealwasm
    """
    from sealwasm.cli import cli

    completer = get_completion_class(shell)
    if completer is not None:
        session.emit(completer(cli, {}, "sealwasm", "_SEALWASM_COMPLETE").source().encode())
