"""`sealwasm registry`: logging in where nobody has docker or podman."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealwasm.failure import CliError, Kind
from sealwasm.options import registry_options
from sealwasm.session import Session, facts_table, output_option, pass_session

if TYPE_CHECKING:
    from sealwasm.artifacts.registry_access import RegistryAccess

# Longer than any password or token that a person pastes.
PASSWORD_CHARS = 64 << 10


@click.group()
def registry() -> None:
    """Log in to registries and out of them."""


@registry.command()
@click.argument("host", metavar="REGISTRY")
@click.option("--username", required=True, metavar="NAME", help="Who you are there.")
@click.option("--password-stdin", is_flag=True, help="Take the password from standard input.")
@registry_options
@output_option
@pass_session
def login(
    session: Session,
    host: str,
    username: str,
    password_stdin: bool,
    registry: RegistryAccess,
) -> None:
    """Check a password with a registry and keep it.

    It goes to a file that podman, skopeo and docker read as well, readable by you alone and not
    encrypted: --registry-auth, or where `podman login` would put it.

    Example: sealwasm registry login registry.example.com --username alice
    """
    from sealing.oci.registry.docker_config_edit import with_login
    from sealing.oci.registry.settings import BasicCredentials
    from sealwasm.files import make_folder, write_file

    file = registry.login_file()
    before = _read(registry, file)
    password = _password(username, host, from_stdin=password_stdin)
    credentials = BasicCredentials(username, password)
    after = with_login(before, host, credentials)
    registry.check_login(host, credentials)
    make_folder(file.parent, mode=0o700)
    write_file(file, after, mode=0o600, replace=True)
    facts = {"registry": host, "username": username, "file": str(file)}
    session.show(facts, table=facts_table(facts))


@registry.command()
@click.argument("host", metavar="REGISTRY")
@registry_options
@output_option
@pass_session
def logout(session: Session, host: str, registry: RegistryAccess) -> None:
    """Forget the password of a registry."""
    from sealing.oci.registry.docker_config_edit import without_login
    from sealwasm.files import write_file

    file = registry.login_file()
    after = without_login(_read(registry, file), host)
    if after is None:
        raise CliError(
            Kind.NOT_FOUND,
            "login-not-found",
            f"{file} has no password for {host}",
            next_step="name the file that has it: --registry-auth FILE",
        )
    write_file(file, after, mode=0o600, replace=True)
    facts = {"registry": host, "file": str(file)}
    session.show(facts, table=facts_table(facts))


def _read(registry: RegistryAccess, file: Path) -> bytes:
    """Return what is in the file, which has to be one that credentials are read from."""
    from sealwasm.files import read_file

    if not file.exists():
        return b""
    registry.require_readable(file)
    return read_file(file)


def _password(username: str, host: str, *, from_stdin: bool) -> str:
    """Never from an argument or the environment: both can be read by others on the machine."""
    if from_stdin:
        return sys.stdin.read(PASSWORD_CHARS).rstrip("\r\n")
    if not os.isatty(0):
        raise CliError(
            Kind.USAGE,
            "passphrase-needed",
            "there is no terminal to ask for the password",
            next_step="add --password-stdin",
        )
    answer: str = click.prompt(f"Password of {username} at {host}", hide_input=True, err=True)
    return answer
