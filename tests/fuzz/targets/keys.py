"""Key files of cosign, what encrypted PEM files cost, and URIs of keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sealing.errors import SealError
from sealing.key_cost import require_affordable
from sealing.signers.cosign_key import is_cosign_key, parse_cosign_key
from sealing.signers.pkcs11_uri import parse_pkcs11_uri
from tests.fuzz.target import Target

VECTORS = Path(__file__).parents[2] / "vectors" / "key-file"


def _seeds(prefix: str) -> list[bytes]:
    found = [path.read_bytes() for path in sorted(VECTORS.glob(f"{prefix}-*/key.bin"))]
    return [data for data in found if len(data) < 4096]


def _refusing(read: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Take `sealing`'s refusal for an answer; anything else still leaves the target."""

    def run(data: bytes) -> object:
        try:
            return read(data)
        except SealError:
            return None

    return run


def _cosign(data: bytes) -> object:
    return is_cosign_key(data), parse_cosign_key(data)


def _uri(data: bytes) -> object:
    uri = parse_pkcs11_uri(data.decode("utf-8", "replace"))
    return parse_pkcs11_uri(str(uri)) if len(str(uri)) <= 2048 else None


TARGETS = [
    Target("cosign-key", _refusing(_cosign), lambda: _seeds("cosign")),
    Target("pem-cost", _refusing(require_affordable), lambda: _seeds("cost")),
    Target("pkcs11-uri", _refusing(_uri), lambda: _seeds("uri")),
]
