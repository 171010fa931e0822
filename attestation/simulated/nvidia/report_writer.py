"""Writes measurement reports byte for byte as a device returns them."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_SCHEME = ec.ECDSA(hashes.SHA384(), deterministic_signing=True)
_HALF = 48


def encode_request(nonce: bytes, *, slot: int = 0) -> bytes:
    """Return GET_MEASUREMENTS for all measurements, signed."""
    return bytes.fromhex("11e001ff") + nonce + bytes([slot])


def encode_record(blocks: Mapping[int, bytes]) -> bytes:
    """Return the measurement record: one block per digest, in the order given."""
    return b"".join(
        struct.pack("<BBHBH", index, 1, len(digest) + 3, 1, len(digest)) + digest
        for index, digest in blocks.items()
    )


def encode_opaque(fields: Mapping[int, bytes]) -> bytes:
    """Return the opaque data: type, length, value, in the order given."""
    return b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in fields.items())


def encode_response(record: bytes, count: int, nonce: bytes, opaque: bytes) -> bytes:
    """Return the response up to its signature."""
    head = bytes.fromhex("11600000") + bytes([count]) + len(record).to_bytes(3, "little")
    return head + record + nonce + struct.pack("<H", len(opaque)) + opaque


def sign_raw(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Return r || s, each 48 bytes, big-endian. Deterministic (RFC 6979)."""
    r, s = decode_dss_signature(key.sign(data, _SCHEME))
    return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
