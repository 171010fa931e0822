"""Packets of Confidential Containers: a content key under a whole key of a KBS.

Annotation packet v1: guest-components `image/annotation_packet/v1.rs`. A guest that attests to the
KBS gets the whole wrapping key and opens the packet itself; nothing ties that key to one image, and
no policy of ours is asked. Only A256GCM is read: A256CTR wraps without any check.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal

KEY_BYTES: Final = 32
_IV_BYTES: Final = 12
_TAG_BYTES: Final = 16
WRAP_TYPE: Final = "A256GCM"
_V1: Final = ("kid", "wrapped_data", "iv", "wrap_type")
# What the second version adds, and the only values with which it means the same as the first.
_V2: Final = {"version": "0.1.0", "provider": "kbs", "provider_settings": {}, "annotations": {}}
_KID: Final = re.compile(r"kbs://([^/]*)/([^/]+)/([^/]+)/([^/]+)")
_PART: Final = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,128}")
# coco_keyprovider `enc_mods/crypto.rs`, HARDCODED_KEY: everybody has it.
_SAMPLE_KEY: Final = bytes.fromhex(
    "d99b7705b0ba7a168295b3a3367270b0dd9b371bf514ca8b9ba7f0a33711daea"
)
_SAMPLE_KID: Final = "kbs:///default/test-key/1"


def parse_kid(value: Any) -> str:
    """Return the name of a KBS resource, or raise `SealError`.

    A host is refused: an artifact does not say where a reader looks for keys.
    """
    found = _KID.fullmatch(canonical.text(value, "kid"))
    if found is None:
        raise canonical.malformed("kid", "not kbs:///REPOSITORY/TYPE/TAG")
    if found[1]:
        raise SealError(SealRefusal.ENVELOPE_SCHEME, "kid names the host of a key broker")
    if any(_PART.fullmatch(part) is None for part in found.groups()[1:]):
        raise canonical.malformed("kid", "not kbs:///REPOSITORY/TYPE/TAG")
    if found[0] == _SAMPLE_KID:
        raise SealError(SealRefusal.KEY_INVALID, "kid is that of the sample key, which is public")
    return found[0]


@dataclass(frozen=True, slots=True)
class CocoKey:
    """A wrapping key and its name in a KBS. One per module and version: it is released whole."""

    kid: str
    _key: bytes = field(repr=False, compare=False)

    @classmethod
    def of(cls, kid: str, key: bytes) -> Self:
        """Return the key, or raise `SealError` for a wrong name, a wrong size or the sample key."""
        if len(key) != KEY_BYTES:
            detail = f"wrapping key is {len(key)} bytes, expected {KEY_BYTES}"
            raise SealError(SealRefusal.KEY_INVALID, detail)
        if key == _SAMPLE_KEY:
            raise SealError(SealRefusal.KEY_INVALID, "wrapping key is the sample key")
        return cls(parse_kid(kid), bytes(key))

    def seal(
        self, secret: bytes, *, entropy: Callable[[int], bytes] = secrets.token_bytes
    ) -> CocoPacket:
        """Return `secret` under this key."""
        iv = entropy(_IV_BYTES)
        return CocoPacket(self.kid, iv, AESGCM(self._key).encrypt(iv, secret, None))

    def open(self, packet: CocoPacket) -> bytes:
        """Return what `packet` holds, or raise `SealError`. Says nothing about who made it."""
        if packet.kid != self.kid:
            detail = f"packet is for key {packet.kid[:96]}, this is {self.kid[:96]}"
            raise SealError(SealRefusal.ENVELOPE_NOT_OPENED, detail)
        try:
            return AESGCM(self._key).decrypt(packet.iv, packet.wrapped, None)
        except InvalidTag as error:
            detail = f"key {self.kid[:96]} does not open the packet"
            raise SealError(SealRefusal.ENVELOPE_NOT_OPENED, detail) from error


@dataclass(frozen=True, slots=True)
class CocoPacket:
    """A wrapped key and the name of the key that unwraps it."""

    kid: str
    iv: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)

    def to_json(self) -> bytes:
        """Return the member order and spacing that the stock encryptor writes."""
        return b'{"kid":"%s","wrapped_data":"%s","iv":"%s","wrap_type":"%s"}' % (
            self.kid.encode("ascii"),
            canonical.b64encode(self.wrapped).encode("ascii"),
            canonical.b64encode(self.iv).encode("ascii"),
            WRAP_TYPE.encode("ascii"),
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the packet in `data`, of version 1 or of a version 2 that says the same.

        Raises `SealError`. Order and white space are free; `parse_exact` takes one form only.
        """
        what = "packet"
        value = canonical.parse_json(data, limit_bytes=limits.COCO_PACKET_BYTES, what=what)
        added = tuple(name for name in _V2 if isinstance(value, dict) and name in value)
        found = canonical.members(value, (*_V1, *added), what)
        for name in added:
            if found[name] != _V2[name]:
                raise SealError(SealRefusal.SUITE_UNKNOWN, f"packet {name} is not one we know")
        if found["wrap_type"] != WRAP_TYPE:
            raise SealError(SealRefusal.SUITE_UNKNOWN, f"expected wrap_type {WRAP_TYPE}")
        iv = _bytes(found["iv"], "iv")
        canonical.require_size(iv, _IV_BYTES, "iv")
        if not any(iv):
            raise SealError(SealRefusal.KEY_INVALID, "iv is that of the sample key")
        wrapped = _bytes(found["wrapped_data"], "wrapped_data")
        if not _TAG_BYTES <= len(wrapped) <= limits.OPTIONS_BYTES:
            raise canonical.malformed("wrapped_data", f"{len(wrapped)} bytes")
        return cls(parse_kid(found["kid"]), iv, wrapped)

    @classmethod
    def parse_exact(cls, data: bytes) -> Self:
        """Return the packet in `data`, which is exactly what we write, or raise `SealError`."""
        packet = cls.parse(data)
        if packet.to_json() != data:
            raise SealError(SealRefusal.NOT_CANONICAL, "packet is not in the form we write")
        return packet


def _bytes(value: Any, what: str) -> bytes:
    """Return bytes written as base64 or, as Rust's JSON writer does it, as a list of numbers."""
    if not isinstance(value, list):
        return canonical.b64decode(value, what=what)
    if len(value) > limits.OPTIONS_BYTES:
        raise SealError(SealRefusal.TOO_LARGE, f"{what} is {len(value)} numbers")
    return bytes(canonical.whole(each, what, least=0, most=255) for each in value)
