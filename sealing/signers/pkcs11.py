"""Keys on PKCS#11 tokens: smart cards, USB keys, HSMs. The private key never leaves the token."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from sealing import limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import P256, VerifyingKey
from sealing.signers.checked import CheckedSigner, der_of_raw
from sealing.signers.extras import need
from sealing.signers.pkcs11_uri import Pkcs11Uri
from sealing.signers.token_key import public_of_token

_PIN_WRONG: Final = frozenset({"PinIncorrect", "PinInvalid", "PinLenRange"})
_PIN_BLOCKED: Final = frozenset({"PinLocked", "PinExpired", "UserPinNotInitialized"})
_GONE: Final = frozenset(
    {"TokenNotPresent", "DeviceRemoved", "SessionClosed", "SessionHandleInvalid", "SlotIDInvalid"}
)


def _library() -> Any:
    return need("pkcs11", extra="pkcs11", what="a key on a token")


def _unavailable(why: str) -> SealError:
    return SealError(SealRefusal.KEY_UNAVAILABLE, why)


@contextmanager
def _asking_token(pkcs11: Any) -> Iterator[None]:
    """Turn what a token or its library says into our error. None of these texts holds a PIN."""
    try:
        yield
    except pkcs11.PKCS11Error as error:
        name = type(error).__name__
        if name in _PIN_WRONG:
            detail = "the token refused the PIN; it was tried once, too many tries lock the token"
            raise SealError(SealRefusal.KEY_PASSPHRASE, detail) from error
        if name in _PIN_BLOCKED:
            detail = f"the token accepts no PIN any more ({name}): its administrator can reset it"
            raise SealError(SealRefusal.KEY_PASSPHRASE, detail) from error
        if name in _GONE:
            raise _unavailable(f"the token is not there any more ({name})") from error
        raise _unavailable(f"the token failed: {name}") from error


def _load(pkcs11: Any, path: str) -> Any:
    try:
        return pkcs11.lib(path)
    except pkcs11.PKCS11Error as error:
        raise _unavailable(f"{path} is not a PKCS#11 library that can be loaded") from error


def _matches(token: Any, uri: Pkcs11Uri) -> bool:
    pairs = (
        (uri.token, token.label),
        (uri.serial, token.serial.decode("utf-8", "replace")),
        (uri.manufacturer, token.manufacturer_id),
        (uri.model, token.model),
        (uri.slot_id, token.slot.slot_id),
    )
    return all(wanted is None or wanted == found for wanted, found in pairs)


def _find_token(pkcs11: Any, uri: Pkcs11Uri) -> Any:
    slots = _load(pkcs11, uri.module_path).get_slots(token_present=True)
    ready = pkcs11.TokenFlag.TOKEN_INITIALIZED
    tokens = [token for token in (slot.get_token() for slot in slots) if token.flags & ready]
    found = [token for token in tokens if _matches(token, uri)]
    if len(found) > 1:
        detail = f"{len(found)} tokens are called that: add serial=NUMBER or slot-id=NUMBER"
        raise SealError(SealRefusal.KEY_URI, detail)
    if not found:
        there = ", ".join(sorted(token.label for token in tokens)) or "none"
        raise _unavailable(f"there is no such token; those there: {there}")
    return found[0]


def _objects(pkcs11: Any, session: Any, kind: str, uri: Pkcs11Uri) -> list[Any]:
    wanted = {pkcs11.Attribute.CLASS: getattr(pkcs11.ObjectClass, kind)}
    if uri.object is not None:
        wanted[pkcs11.Attribute.LABEL] = uri.object
    if uri.id is not None:
        wanted[pkcs11.Attribute.ID] = uri.id
    found = list(islice(session.get_objects(wanted), limits.TOKEN_KEYS + 1))
    if len(found) > limits.TOKEN_KEYS:
        raise _unavailable(f"the token has more than {limits.TOKEN_KEYS} keys")
    return found


def _one(pkcs11: Any, session: Any, kind: str, uri: Pkcs11Uri) -> Any:
    found = _objects(pkcs11, session, kind, uri)
    words = kind.replace("_", " ").lower()
    if len(found) > 1:
        detail = f"{len(found)} objects of the token are such a {words}: add id=, or object="
        raise SealError(SealRefusal.KEY_URI, detail)
    if not found:
        raise SealError(SealRefusal.KEY_NOT_FOUND, f"the token has no such {words}")
    return found[0]


def _public(pkcs11: Any, key: Any) -> VerifyingKey:
    if key.key_type not in {pkcs11.KeyType.EC, pkcs11.KeyType.EC_EDWARDS}:
        detail = "the key on the token is neither ECDSA P-256 nor Ed25519"
        raise SealError(SealRefusal.KEY_INVALID, detail)
    attribute = pkcs11.Attribute
    return public_of_token(bytes(key[attribute.EC_PARAMS]), bytes(key[attribute.EC_POINT]))


def _log_in(pkcs11: Any, token: Any, pin: str | None) -> Any:
    try:
        return token.open(user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:
        # By another key of the same command: a token knows one login per process, not per session.
        return token.open()


@contextmanager
def _session(pkcs11: Any, uri: Pkcs11Uri, pin: str | None) -> Iterator[Any]:
    with _asking_token(pkcs11):
        session = _log_in(pkcs11, _find_token(pkcs11, uri), pin)
    try:
        yield session
    finally:
        # A token that is gone cannot be told that we are.
        with contextlib.suppress(pkcs11.PKCS11Error):
            session.close()


def _always_asks(pkcs11: Any, key: Any) -> bool:
    try:
        return bool(key[pkcs11.Attribute.ALWAYS_AUTHENTICATE])
    except pkcs11.PKCS11Error:
        return False  # Tokens older than PKCS#11 2.20 do not know the question.


def _signing(pkcs11: Any, key: Any, kind: str, pin: str) -> Callable[[bytes], bytes]:
    if not hasattr(key, "sign"):
        raise SealError(SealRefusal.KEY_INVALID, "the key on the token may not sign")
    again = pin if _always_asks(pkcs11, key) else None
    mechanism = pkcs11.Mechanism

    def sign(data: bytes) -> bytes:
        with _asking_token(pkcs11):
            if kind == P256:
                # Hashed here: every token can sign a digest, few can hash.
                digest = hashlib.sha256(data).digest()
                return der_of_raw(key.sign(digest, mechanism=mechanism.ECDSA, pin=again))
            return bytes(key.sign(data, mechanism=mechanism.EDDSA, pin=again))

    return sign


@contextmanager
def open_token_key(uri: Pkcs11Uri, pin: Callable[[], str]) -> Iterator[CheckedSigner]:
    """Log in once and lend the key that `uri` names; log out at the end. Raises `SealError`.

    `pin` is asked after the token was found, and once: a wrong PIN is not tried again.
    """
    if not uri.names_a_key:
        raise SealError(SealRefusal.KEY_URI, "pkcs11 URI: names no key: object=LABEL or id=%01")
    pkcs11 = _library()
    with _asking_token(pkcs11):
        _find_token(pkcs11, uri)
    secret = pin()
    with _session(pkcs11, uri, secret) as session:
        with _asking_token(pkcs11):
            public = _public(pkcs11, _one(pkcs11, session, "PUBLIC_KEY", uri))
            private = _one(pkcs11, session, "PRIVATE_KEY", uri)
            sign = _signing(pkcs11, private, public.kind, secret)
        yield CheckedSigner(public, "the token", sign)


def read_token_key(uri: Pkcs11Uri) -> VerifyingKey:
    """Return the public key that `uri` names, without a PIN. Raises `SealError`."""
    if not uri.names_a_key:
        raise SealError(SealRefusal.KEY_URI, "pkcs11 URI: names no key: object=LABEL or id=%01")
    pkcs11 = _library()
    with _session(pkcs11, uri, None) as session, _asking_token(pkcs11):
        return _public(pkcs11, _one(pkcs11, session, "PUBLIC_KEY", uri))


def list_token_keys(uri: Pkcs11Uri) -> list[tuple[Pkcs11Uri, VerifyingKey]]:
    """Return the keys of a token that can be used here, each with the URI that names it.

    Raises `SealError`.
    """
    pkcs11 = _library()
    found = []
    with _session(pkcs11, uri, None) as session, _asking_token(pkcs11):
        for key in _objects(pkcs11, session, "PUBLIC_KEY", uri):
            with contextlib.suppress(SealError):  # a kind that is not ours
                public = _public(pkcs11, key)
                named = replace(uri, object=key.label or None, id=bytes(key.id) or None)
                found.append((named, public))
    return found
