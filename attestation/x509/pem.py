"""PEM (RFC 7468, strict form): labels and canonical base64, nothing between the blocks."""

from __future__ import annotations

import re
from typing import Final

from attestation.encoding import b64decode, b64encode
from attestation.x509.der import malformed

_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\r?\n([^-]++)(?<=\n)-----END \1-----\s*")


def looks_like_pem(data: bytes) -> bool:
    """Return whether `data` starts as PEM does; DER starts with a byte that PEM cannot have."""
    return data.lstrip().startswith(b"-----BEGIN ")


def parse_pem(data: bytes, *, label: str, limit: int) -> list[bytes]:
    """Return the DER of every block; each must have `label`. Raises `EvidenceError`."""
    return [decode_block(text, label=label) for text in split_pem(data, label=label, limit=limit)]


def split_pem(data: bytes, *, label: str, limit: int) -> list[bytes]:
    """Return what is between the lines with `label` of every block, for `decode_block`."""
    data = data.lstrip()
    found: list[bytes] = []
    offset, name = 0, label.encode("ascii")
    while offset < len(data):
        block = _BLOCK.match(data, offset)
        if block is None or block[1] != name or len(found) == limit:
            raise malformed(f"not PEM of at most {limit} {label} blocks")
        found.append(block[2])
        offset = block.end()
    if not found:
        raise malformed(f"PEM holds no {label}")
    return found


def decode_block(text: bytes, *, label: str) -> bytes:
    """Return the DER in one block; raise `EvidenceError` unless it is canonical base64."""
    return b64decode(text.translate(None, b"\r\n"), what=f"PEM {label}")


def der_blobs(data: bytes, *, label: str, limit: int) -> list[bytes]:
    """Return `data` itself if it is DER, or the blocks in it if it is PEM."""
    return parse_pem(data, label=label, limit=limit) if looks_like_pem(data) else [data]


def encode_pem(label: str, data: bytes) -> bytes:
    """Return one block with lines of 64 characters."""
    text = b64encode(data)
    lines = (text[at : at + 64] for at in range(0, len(text), 64))
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")).encode()
