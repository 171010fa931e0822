"""CoRIM: signed and unsigned documents, and what is taken from them."""

from __future__ import annotations

from pathlib import Path

from attestation import cbor
from attestation.corim.document import parse_corim
from attestation.corim.references import device_keys, from_corim
from attestation.corim.signed import UnsafeAnyTime, verify_corim
from attestation.keys import load_keys
from tests.fuzz.target import Target

VECTORS = Path(__file__).parents[2] / "vectors" / "corim"
KEYS = load_keys((VECTORS / "good" / "key.json").read_bytes())
NAMES = ("good", "all-values", "cwt-claims", "platform-key", "realm", "older-drafts")


def _signed(data: bytes) -> object:
    found = verify_corim(data, keys=KEYS, now=UnsafeAnyTime())
    return from_corim(found), device_keys(found)


def _documents() -> list[bytes]:
    return [(VECTORS / name / "corim.cbor").read_bytes() for name in NAMES]


def _payloads() -> list[bytes]:
    """What is signed in documents without wrappers."""
    return [cbor.decode(one, what="CoRIM").value[2] for one in _documents()[:-1]]


TARGETS = [
    Target("corim-signed", _signed, _documents),
    Target("corim-unsigned", parse_corim, _payloads),
]
