"""Keys of owners and operators: private ones wherever they are kept, public ones in files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import click

from sealing.errors import SealError, SealRefusal
from sealing.keys import Signer, SigningKey, VerifyingKey
from sealing.signers.open import Secrets, is_key_uri, open_key_file, open_signer, read_public_uri
from sealwasm.advice import advice_for
from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file


def read_passphrase(path: str | None) -> bytes | None:
    """Return the first line of a passphrase file, or None when no file is named.

    Never from an argument or the environment: both can be read by others on the machine, as a file
    can that is not private.
    """
    if path is None:
        return None
    lines = read_private(path).splitlines()
    if not lines or not lines[0]:
        raise CliError(Kind.USAGE, "passphrase-empty", f"the first line of {path} is empty")
    return lines[0]


def read_private(path: str) -> bytes:
    """Return a file that nobody else on the machine may read, or raise `CliError`."""
    data = read_file(path)
    mode = stat.S_IMODE(Path(path).stat().st_mode)
    if mode & 0o077:
        raise CliError(
            Kind.USAGE,
            "key-file-readable",
            f"the private file {path} can be read by others (mode {mode:04o})",
            next_step=f"chmod 600 {path}",
        )
    return data


def ask_passphrase(question: str, *, twice: bool = False) -> bytes:
    """Return what is typed at the terminal, unseen, or raise `CliError` where there is none.

    A new one is asked for `twice`: a slip of the finger would lock its owner out for ever.
    """
    if not os.isatty(0):
        raise CliError(
            Kind.USAGE,
            "passphrase-needed",
            f"{question} is needed, and there is no terminal to ask for it",
            next_step="add --passphrase-file FILE",
        )
    answer: str = click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True)
    return answer.encode()


def _secrets(passphrase_file: str | None) -> Secrets:
    return Secrets(read_private, ask_passphrase, read_passphrase(passphrase_file))


def unusable(place: str, error: SealError) -> CliError:
    """Return what a person reads about a private key that cannot be used."""
    code = error.code.value
    if is_key_uri(place):
        advice = advice_for(code, Kind.USAGE)
        return CliError(advice.kind, code, error.detail, next_step=advice.next_step)
    if error.code is SealRefusal.EXTRA_MISSING:
        return CliError(Kind.USAGE, code, error.detail, next_step=advice_for(code, Kind.USAGE)[2])
    if error.code is SealRefusal.KEY_PASSPHRASE:
        return CliError(
            Kind.USAGE,
            code,
            f"{place} does not open",
            why=error.detail,
            next_step="--passphrase-file FILE with the passphrase of this very key, and leave the "
            "option out if it has none",
        )
    return CliError(
        Kind.USAGE,
        code,
        f"{place} is not a private key that can be used here",
        why=f"{error.detail}; expected a PEM key or a cosign key file, ECDSA P-256 or Ed25519",
        next_step="sealwasm key generate --help",
    )


def load_signing_key(place: str, passphrase_file: str | None = None) -> Signer:
    """Return the key at `place` (a file or a URI), open until the command ends."""
    secrets = _secrets(passphrase_file)
    try:
        opened = open_signer(place, secrets=secrets)
        return click.get_current_context().with_resource(opened)
    except SealError as error:
        raise unusable(place, error) from error


def load_private_file(path: str, passphrase_file: str | None = None) -> SigningKey:
    """Return the private key in a file: the only kind that can be written elsewhere."""
    try:
        return open_key_file(path, _secrets(passphrase_file))
    except SealError as error:
        raise unusable(path, error) from error


def is_private_file(path: str) -> bool:
    """Say whether a key file claims to hold a private key."""
    return b"PRIVATE KEY" in read_file(path)


def load_public_key(place: str) -> VerifyingKey:
    """Return the public key in a PEM file, or of the key that a URI names."""
    if is_key_uri(place):
        try:
            return read_public_uri(place, secrets=_secrets(None))
        except SealError as error:
            raise unusable(place, error) from error
    pem = read_file(place)
    if b"PRIVATE KEY" in pem:
        raise CliError(
            Kind.USAGE,
            "private-key-given",
            f"{place} holds a private key where a public one is wanted",
            next_step=f"use the .pub file that `sealwasm key generate` wrote beside {place}",
        )
    try:
        return VerifyingKey.from_pem(pem)
    except SealError as error:
        raise CliError(
            Kind.USAGE,
            error.code.value,
            f"{place} is not a public key that can be used here",
            why="expected a PEM PUBLIC KEY, ECDSA P-256 or Ed25519",
            next_step=f"sealwasm key show {place}",
        ) from error
