"""Nitro verification against the bare sum of its primitives, chain remembered and from nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from attestation.cose import to_be_signed
from attestation.endorsements import Endorsements
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.trust import TrustAnchors
from attestation.verifiers.nitro import chain
from attestation.verifiers.nitro.document import parse_document
from attestation.verify import verify
from attestation.x509 import path
from attestation.x509.certificate import parse_certificate
from attestation.x509.pem import encode_pem
from tests.bench.bench_snp import best_of, row
from tests.fakes.silicon import NOW, REPORT_DATA
from tests.vectors.nitro_cases import GOOD, ROOT

POLICY, EXPECTED = EvidencePolicy(), ExpectedReportData(REPORT_DATA)
EVIDENCE = UnverifiedEvidence("nitro", {"document": GOOD})
NONE = Endorsements.none()
ANCHORS = TrustAnchors.vendor().with_simulated(encode_pem("CERTIFICATE", ROOT.certificate))
SCHEME = ec.ECDSA(hashes.SHA384())
DOCUMENT = parse_document(GOOD)


def verification() -> None:
    verify(
        EVIDENCE,
        report_data=EXPECTED,
        endorsements=NONE,
        policy=POLICY,
        anchors=ANCHORS,
        now=NOW,
    )


def from_nothing() -> None:
    for cache in (chain._chains, path._paths, path._links):
        cache._items.clear()
    verification()


def key_of(certificate: bytes) -> ec.EllipticCurvePublicKey:
    key = load_der_public_key(parse_certificate(certificate).spki)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def bare_document() -> Callable[[], object]:
    message, key = DOCUMENT.message, key_of(DOCUMENT.certificate)
    halves = (message.signature[:48], message.signature[48:])
    r, s = (int.from_bytes(half, "big") for half in halves)
    signature, signed = encode_dss_signature(r, s), to_be_signed(message)
    return lambda: key.verify(signature, signed, SCHEME)


def bare_chain() -> Callable[[], object]:
    """Four links and the document, each key loaded."""
    certificates = [DOCUMENT.certificate, *reversed(DOCUMENT.cabundle)]
    parsed = list(map(parse_certificate, certificates))
    document = bare_document()

    def run() -> None:
        for child, parent in pairwise(parsed):
            key = load_der_public_key(parent.spki)
            key.verify(child.signature, child.tbs, SCHEME)  # type: ignore[union-attr, call-arg, arg-type]
        load_der_public_key(parsed[0].spki)
        document()

    return run


def rows() -> list[dict[str, Any]]:
    """Return one row with the chain remembered and one with nothing remembered."""
    # Apart: five signatures between two calls would leave nothing of either in the processor.
    warm, bare = best_of(verification, bare_document())
    cold, bare_cold = best_of(from_nothing, bare_chain())
    return [
        row("nitro verification, chain remembered", warm, bare, 1.3),
        # Reads five certificates, which a broker does once per enclave.
        row("nitro verification, from nothing", cold, bare_cold, None),
    ]
