"""AWS Nitro: documents, what the security module answers, and what a simulated one is asked."""

from __future__ import annotations

from pathlib import Path

from attestation import cbor
from attestation.nsm import attestation_document
from attestation.verifiers.nitro.document import parse_document
from tests.fuzz.target import Target
from tests.vectors.nitro_cases import enclave

VECTORS = Path(__file__).parents[2] / "vectors" / "nitro"


def _documents() -> list[bytes]:
    found = sorted(VECTORS.glob("*/*.cbor"))
    return [path.read_bytes() for path in found[:: max(1, len(found) // 12)]]


def _answers() -> list[bytes]:
    return [cbor.encode({"Attestation": {"document": one}}) for one in _documents()]


def _answer(data: bytes) -> object:
    try:
        return attestation_document(data)
    except OSError as error:
        return error


TARGETS = [
    Target("nitro-document", parse_document, _documents),
    Target("nsm-answer", _answer, _answers),
    Target(
        "nsm-request",
        enclave().device.exchange,
        lambda: [cbor.encode({"Attestation": {"nonce": b"x"}}), cbor.encode("DescribeNSM")],
    ),
]
