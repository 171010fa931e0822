"""Who besides brokers can open a module: the owner's recovery key, keys past all brokers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sealing.errors import SealError
from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file

if TYPE_CHECKING:
    from sealing.holders.coco import CocoKey
    from sealing.holders.outside import OutsideRecipients
    from sealing.holders.recipients import Recipients
    from sealing.hpke import OpeningKey, SealingKey
    from sealing.jose.keys import JwePrivateKey, JwePublicKey
    from sealwasm.session import Session

Command = TypeVar("Command", bound=Callable[..., Any])
_ALSO = "jwe:KEY.pub, jwe:KEY.jwk or coco:kbs:///REPOSITORY/TYPE/TAG=KEYFILE"


def holder_options(command: Command) -> Command:
    """Add `--recovery-key` and `--also`."""
    return also_option(recovery_option("--recovery-key")(command))


def recovery_option(name: str) -> Callable[[Command], Command]:
    """Return a decorator that adds the public recovery keys, under a name that is free."""
    return click.option(
        name,
        "recovery_keys",
        multiple=True,
        metavar="FILE",
        help="Public recovery key of the owner, for the day when all brokers are gone; repeatable.",
    )


def also_option(command: Command) -> Command:
    """Add `--also`."""
    return click.option(
        "--also",
        multiple=True,
        metavar="KIND:KEY",
        help=f"Let another key open the module past every broker: {_ALSO}. Repeatable; it weakens "
        "what the module is promised, and everybody can see that it was done.",
    )(command)


def with_holders(
    recipients: Recipients, recovery_keys: Sequence[str], also: Sequence[str]
) -> Recipients:
    """Return `recipients` with the holders that files and options name, or raise `CliError`."""
    return replace(
        recipients,
        recovery=tuple(read_recovery_public(path) for path in recovery_keys),
        outside=read_outside(also),
    )


def warn(session: Session, kinds: Sequence[str]) -> None:
    """Say what each kind of holder beside the brokers means."""
    for text in warnings_for(kinds):
        session.say(f"warning: {text}")


def warnings_for(kinds: Sequence[str]) -> list[str]:
    """Return what to say of the kinds of holders in a signed statement or a manifest."""
    from sealing.holders.outside import WARNINGS

    return [f"{kind}: {WARNINGS[kind]}" for kind in kinds if kind in WARNINGS]


def read_outside(also: Sequence[str]) -> OutsideRecipients:
    """Return the recipients that `--also` names, or raise `CliError`."""
    from sealing.holders.outside import OutsideRecipients

    jwe: list[JwePublicKey] = []
    coco: list[CocoKey] = []
    for text in also:
        kind, _, rest = text.partition(":")
        if kind == "jwe" and rest:
            jwe.append(_jwe_public(rest))
        elif kind == "coco" and "=" in rest:
            coco.append(read_coco(rest))
        else:
            raise CliError(
                Kind.USAGE,
                "also-invalid",
                f"'{text}' is no kind of key",
                next_step=f"--also {_ALSO}",
            )
    return OutsideRecipients(tuple(jwe), tuple(coco))


def read_recovery_public(path: str) -> SealingKey:
    """Return the recovery key in a public file, or raise `CliError`."""
    from sealing.holders.recovery_key import RecoveryPublicKey

    return _read(
        path,
        lambda: RecoveryPublicKey.parse(read_file(path)).key,
        "the FILE.pub that `sealwasm key generate --recovery NAME` writes",
    )


def read_recovery_private(path: str, passphrase_file: str | None) -> OpeningKey:
    """Return the recovery key in a private file, with its passphrase, or raise `CliError`."""
    from sealing.holders.recovery_key import RecoveryKeyFile
    from sealwasm.keyfiles import ask_passphrase, read_passphrase, read_private

    expected = "a file of `sealwasm key generate --recovery NAME`, and its passphrase"
    found = _read(path, lambda: RecoveryKeyFile.parse(read_private(path)), expected)
    passphrase = read_passphrase(passphrase_file) or ask_passphrase(f"passphrase of {path}")
    return _read(path, lambda: found.open(passphrase), expected)


def read_jwe_private(path: str, passphrase_file: str | None) -> JwePrivateKey:
    """Return the private key of a JWE recipient, or raise `CliError`."""
    from sealing.jose.keys import JwePrivateKey
    from sealwasm.keyfiles import read_passphrase, read_private

    passphrase = read_passphrase(passphrase_file)
    return _read(
        path,
        lambda: JwePrivateKey.parse(read_private(path), passphrase),
        "an RSA or NIST curve private key, PEM or JWK, and its passphrase if it has one",
    )


def _jwe_public(path: str) -> JwePublicKey:
    from sealing.jose.keys import JwePublicKey

    expected = "an RSA or NIST curve public key, PEM or JWK"
    return _read(path, lambda: JwePublicKey.parse(read_file(path)), expected)


def read_coco(text: str) -> CocoKey:
    """Return the wrapping key in `KID=FILE`, or raise `CliError`."""
    from sealing.holders.coco import CocoKey
    from sealwasm.keyfiles import read_private

    kid, _, path = text.rpartition("=")
    expected = "kbs:///REPOSITORY/TYPE/TAG without a host, and a file of 32 random bytes"
    return _read(path, lambda: CocoKey.of(kid, read_private(path)), expected)


Value = TypeVar("Value")


def _read(path: str, read: Callable[[], Value], expected: str) -> Value:
    try:
        return read()
    except SealError as error:
        raise CliError(
            Kind.USAGE,
            error.code.value,
            f"{path} is not a key that can be used here",
            why=f"{error.detail}; expected {expected}",
            next_step="sealwasm key generate --help",
        ) from error
