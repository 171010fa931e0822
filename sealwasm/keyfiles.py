"""Owner and operator keys in files: the private half 0600, the public half beside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sealing.errors import SealError
from sealing.keys import SigningKey, VerifyingKey
from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file


def read_passphrase(path: str | None) -> bytes | None:
    """Return the first line of a passphrase file, or None when no file is named.

    Never from an argument or the environment: both can be read by others on the machine.
    """
    if path is None:
        return None
    lines = read_file(path).splitlines()
    if not lines or not lines[0]:
        raise CliError(Kind.USAGE, "passphrase-empty", f"the first line of {path} is empty")
    return lines[0]


def _require_private(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise CliError(
            Kind.USAGE,
            "key-file-readable",
            f"the private key {path} can be read by others (mode {mode:04o})",
            next_step=f"chmod 600 {path}",
        )


def load_signing_key(path: str, passphrase_file: str | None = None) -> SigningKey:
    """Return the private key in `path`, asking for its passphrase if it needs one."""
    pem = read_file(path)
    _require_private(Path(path))
    passphrase = read_passphrase(passphrase_file)
    if passphrase is None and b"ENCRYPTED" in pem.split(b"\n", 1)[0]:
        passphrase = _ask_passphrase(path)
    try:
        return SigningKey.from_pem(pem, passphrase)
    except SealError as error:
        raise CliError(
            Kind.USAGE,
            error.code.value,
            f"{path} is not a private key that can be used here",
            why="expected a PEM key, ECDSA P-256 or Ed25519, and its passphrase if it has one",
            next_step="sealwasm key generate --help",
        ) from error


def _ask_passphrase(path: str) -> bytes:
    import click

    if not os.isatty(0):
        raise CliError(
            Kind.USAGE,
            "passphrase-needed",
            f"{path} is encrypted and there is no terminal to ask for its passphrase",
            next_step="add --passphrase-file FILE",
        )
    answer: str = click.prompt(f"Passphrase for {path}", hide_input=True, err=True)
    return answer.encode()


def load_public_key(path: str) -> VerifyingKey:
    """Return the public key in a PEM file."""
    pem = read_file(path)
    if b"PRIVATE KEY" in pem:
        raise CliError(
            Kind.USAGE,
            "private-key-given",
            f"{path} holds a private key where a public one is wanted",
            next_step=f"use the .pub file that `sealwasm key generate` wrote beside {path}",
        )
    try:
        return VerifyingKey.from_pem(pem)
    except SealError as error:
        raise CliError(
            Kind.USAGE,
            error.code.value,
            f"{path} is not a public key that can be used here",
            why="expected a PEM PUBLIC KEY, ECDSA P-256 or Ed25519",
            next_step=f"sealwasm key show {path}",
        ) from error
