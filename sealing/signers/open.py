"""The one door to an owner's key, wherever it is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sealing.errors import SealError, SealRefusal
from sealing.keys import Signer, SigningKey, VerifyingKey
from sealing.signers.cosign_key import is_cosign_key, read_cosign_key
from sealing.signers.kms import OPENERS
from sealing.signers.pkcs11 import open_token_key, read_token_key
from sealing.signers.pkcs11_uri import SCHEME, Pkcs11Uri, parse_pkcs11_uri

# Other tools have these; nobody here could try them.
_NOT_OFFERED: Final = ("gcpkms:", "azurekms:")
_ENCRYPTED: Final = b"ENCRYPTED"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What opens a key, and how to get it. Its repr shows none of it."""

    # Reads a file that only its owner may read, or raises.
    read_private: Callable[[str], bytes] = field(repr=False)
    # Asks a person this question.
    ask: Callable[[str], bytes] = field(repr=False)
    # Given beforehand; nobody is asked then.
    passphrase: bytes | None = field(default=None, repr=False)

    def answer(self, question: str) -> bytes:
        """Return the passphrase or PIN: the one given, or a person's answer."""
        return self.passphrase if self.passphrase is not None else self.ask(question)


def is_key_uri(place: str) -> bool:
    """Say whether `place` names a token or a service; everything else is a file."""
    # In any case of letters: a URI taken for a file would be repeated, with whatever is in it.
    return place.lower().startswith((SCHEME, *OPENERS, *_NOT_OFFERED))


def open_key_file(place: str, secrets: Secrets) -> SigningKey:
    """Return the key of a PEM file or of a cosign key file. Raises `SealError`."""
    data = secrets.read_private(place)
    if is_cosign_key(data):
        return read_cosign_key(data, secrets.answer(f"Passphrase for {place}"))
    if _ENCRYPTED in data:
        return SigningKey.from_pem(data, secrets.answer(f"Passphrase for {place}"))
    return SigningKey.from_pem(data, secrets.passphrase)


def _pin(uri: Pkcs11Uri, secrets: Secrets) -> str:
    if uri.pin_source is None:
        pin = secrets.answer(f"PIN of the token {uri.token or uri.serial or uri.slot_id}")
    elif secrets.passphrase is not None:
        raise SealError(SealRefusal.KEY_URI, "the PIN is given twice: by pin-source and beside it")
    else:
        pin = (secrets.read_private(uri.pin_source).splitlines() or [b""])[0]
    try:
        text = pin.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SealError(SealRefusal.KEY_PASSPHRASE, "the PIN is not UTF-8") from error
    if not text:
        raise SealError(SealRefusal.KEY_PASSPHRASE, "the PIN is empty")
    return text


def _open_service(place: str, secrets: Secrets) -> Signer:
    for scheme, opener in OPENERS.items():
        if place.startswith(scheme):
            if secrets.passphrase is not None:
                detail = f"{scheme} takes no passphrase: the service's own client logs in"
                raise SealError(SealRefusal.KEY_PASSPHRASE, detail)
            return opener(place)
    offered = ", ".join((SCHEME, *OPENERS))
    raise SealError(
        SealRefusal.KEY_URI, f"keys there cannot be used here, only {offered} or a file"
    )


@contextmanager
def open_signer(place: str, *, secrets: Secrets) -> Iterator[Signer]:
    """Lend the key at `place`: a file, or a `pkcs11:`, `awskms:` or `hv:` URI.

    Sessions with a token end with the `with`. Raises `SealError`.
    """
    if place.startswith(SCHEME):
        uri = parse_pkcs11_uri(place)
        with open_token_key(uri, lambda: _pin(uri, secrets)) as signer:
            yield signer
    elif is_key_uri(place):
        yield _open_service(place, secrets)
    else:
        yield open_key_file(place, secrets)


def read_public_uri(place: str, *, secrets: Secrets) -> VerifyingKey:
    """Return the public half of the key that a URI names; a token is asked without a PIN.

    Raises `SealError`.
    """
    if place.startswith(SCHEME):
        return read_token_key(parse_pkcs11_uri(place))
    return _open_service(place, secrets).public
