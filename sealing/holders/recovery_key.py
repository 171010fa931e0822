"""The owner's recovery key: an HPKE key that stays offline, its private half under a passphrase.

Two files, both canonical JSON. Specification: docs/specs/other-holders.md, section V.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sealing import canonical, hpke, limits, names
from sealing.errors import SealError, SealRefusal
from sealing.hpke import OpeningKey, SealingKey
from sealing.protected_key import require_passphrase

VERSION: Final = 1
PRIVATE: Final = "sealwasm-recovery-key"
PUBLIC: Final = "sealwasm-recovery-public-key"
_PUBLIC_MEMBERS: Final = ("v", "kind", "name", "suite", "public")
_PRIVATE_MEMBERS: Final = (*_PUBLIC_MEMBERS, "kdf", "iv", "sealed")
# The one cost there is: another number would be a choice for whoever holds the file.
_COST: Final = {
    "name": "scrypt",
    "n": limits.RECOVERY_SCRYPT_N,
    "r": limits.SCRYPT_R,
    "p": limits.RECOVERY_SCRYPT_P,
}
_SALT_BYTES: Final = 32
_IV_BYTES: Final = 12
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class RecoveryPublicKey:
    """Whom an owner seals to for the day when all brokers are gone: themselves."""

    name: str
    key: SealingKey

    def to_bytes(self) -> bytes:
        """Return the file."""
        return canonical.encode(_header(PUBLIC, self.name, self.key))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the key in a public file, or raise `SealError`."""
        value = canonical.parse_canonical(data, limit_bytes=limits.PEM_BYTES, what=PUBLIC)
        return cls(*_named_key(canonical.members(value, _PUBLIC_MEMBERS, PUBLIC), PUBLIC))


@dataclass(frozen=True, slots=True)
class RecoveryKeyFile:
    """A private file that is not opened yet."""

    public: RecoveryPublicKey
    _salt: bytes = field(repr=False)
    _iv: bytes = field(repr=False)
    _sealed: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the file in `data`, or raise `SealError`. Costs nothing but reading."""
        value = canonical.parse_canonical(data, limit_bytes=limits.PEM_BYTES, what=PRIVATE)
        found = canonical.members(value, _PRIVATE_MEMBERS, PRIVATE)
        public = RecoveryPublicKey(*_named_key(found, PRIVATE))
        kdf = canonical.members(found["kdf"], (*_COST, "salt"), "kdf")
        # A JSON true equals 1 in Python.
        if bool in map(type, kdf.values()) or {name: kdf[name] for name in _COST} != _COST:
            raise SealError(SealRefusal.KEY_INVALID, "kdf is not scrypt with our costs")
        return cls(
            public,
            canonical.b64decode(kdf["salt"], what="salt", size=_SALT_BYTES),
            canonical.b64decode(found["iv"], what="iv", size=_IV_BYTES),
            canonical.b64decode(found["sealed"], what="sealed"),
        )

    def open(self, passphrase: bytes) -> OpeningKey:
        """Return the key, or raise `SealError`: `KEY_PASSPHRASE` for any passphrase but the one."""
        cipher = AESGCM(_derive(passphrase, self._salt))
        try:
            bound = canonical.encode(_unsealed(self.public, self._salt, self._iv))
            raw = cipher.decrypt(self._iv, self._sealed, bound)
        except InvalidTag as error:
            detail = "passphrase does not open the recovery key"
            raise SealError(SealRefusal.KEY_PASSPHRASE, detail) from error
        key = OpeningKey.from_bytes(self.public.key.suite, raw)
        if key.public.key_id != self.public.key.key_id:
            raise SealError(SealRefusal.KEY_INVALID, "file holds two different keys")
        return key

    def to_bytes(self) -> bytes:
        """Return the file."""
        head = _unsealed(self.public, self._salt, self._iv)
        return canonical.encode(head | {"sealed": canonical.b64encode(self._sealed)})

    @classmethod
    def protect(
        cls,
        key: OpeningKey,
        name: str,
        passphrase: bytes,
        *,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> Self:
        """Return the file of `key`. Raises `SealError` for a name or passphrase no reader takes."""
        public = RecoveryPublicKey(names.parse_name(name, "name"), key.public)
        salt, iv = entropy(_SALT_BYTES), entropy(_IV_BYTES)
        bound = canonical.encode(_unsealed(public, salt, iv))
        cipher = AESGCM(_derive(passphrase, salt))
        return cls(public, salt, iv, cipher.encrypt(iv, key.to_bytes(), bound))


def _derive(passphrase: bytes, salt: bytes) -> bytes:
    kdf = Scrypt(
        salt=salt,
        length=_KEY_BYTES,
        n=limits.RECOVERY_SCRYPT_N,
        r=limits.SCRYPT_R,
        p=limits.RECOVERY_SCRYPT_P,
    )
    return kdf.derive(require_passphrase(passphrase))


def _header(kind: str, name: str, key: SealingKey) -> dict[str, Any]:
    return {
        "v": VERSION,
        "kind": kind,
        "name": name,
        "suite": key.suite,
        "public": canonical.b64encode(key.raw),
    }


def _unsealed(public: RecoveryPublicKey, salt: bytes, iv: bytes) -> dict[str, Any]:
    """Return all of a private file but the key itself: what the tag covers besides."""
    return _header(PRIVATE, public.name, public.key) | {
        "kdf": _COST | {"salt": canonical.b64encode(salt)},
        "iv": canonical.b64encode(iv),
    }


def _named_key(found: Mapping[str, Any], kind: str) -> tuple[str, SealingKey]:
    if type(found["v"]) is not int or (found["v"], found["kind"]) != (VERSION, kind):
        raise SealError(SealRefusal.KEY_INVALID, f"expected {kind} of version {VERSION}")
    if found["suite"] not in hpke.SUITES:
        raise SealError(SealRefusal.SUITE_UNKNOWN, f"expected one of {hpke.SUITES}")
    raw = canonical.b64decode(found["public"], what="public")
    return names.parse_name(found["name"], "name"), SealingKey.from_bytes(found["suite"], raw)
