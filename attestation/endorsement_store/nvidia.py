"""NVIDIA's OCSP responder and RIM service.

RFC 6960 for the first; for the second the RIM service API of NVIDIA's attestation documentation.
"""

from __future__ import annotations

from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from attestation.encoding import b64decode, parse_json
from attestation.endorsement_store.fetched import Errand, Fetched, source_of
from attestation.endorsement_store.wanted import NvidiaManifest, NvidiaStatus
from attestation.endorsements import DocumentKind
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_VENDOR_BYTES
from attestation.x509.certificate import parse_certificate
from attestation.x509.ocsp import parse_ocsp

_REQUEST_TYPE: Final = "application/ocsp-request"


def fetch_status(wanted: NvidiaStatus, errand: Errand) -> list[Fetched]:
    """Return the OCSP response about a certificate.

    Checked: it is a successful response about that certificate and no other. Not checked: its
    signature and dates. No nonce is sent, so that a response can be kept until its own end.
    """
    try:
        certificate = x509.load_der_x509_certificate(wanted.certificate)
        issuer = x509.load_der_x509_certificate(wanted.issuer)
        asking = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA384())
        request = asking.build().public_bytes(Encoding.DER)
    except (ValueError, TypeError) as error:
        raise _malformed("certificate cannot be asked about") from error
    url = errand.urls.nvidia_ocsp
    body = errand.post(url, request, _REQUEST_TYPE).body
    _check_response(body, wanted)
    return [Fetched(DocumentKind.OCSP.value, body, source_of(url), name=wanted.names[0])]


def _check_response(body: bytes, wanted: NvidiaStatus) -> None:
    certificate, issuer = parse_certificate(wanted.certificate), parse_certificate(wanted.issuer)
    answers = parse_ocsp(body).answers
    if len(answers) != 1 or not answers[0].is_for(certificate, issuer):
        raise _malformed("OCSP response is not about the certificate alone")


def fetch_manifest(wanted: NvidiaManifest, errand: Errand) -> list[Fetched]:
    """Return a signed RIM. Not checked: its signature, and that it is the one asked for."""
    url = f"{errand.urls.nvidia_rim}/v1/rim/{wanted.identifier}"
    value = parse_json(errand.get(url).body, limit_bytes=MAX_VENDOR_BYTES, what="RIM answer")
    rim = _rim(value, wanted.identifier)
    kind = DocumentKind.NVIDIA_RIM.value
    return [Fetched(kind, rim, source_of(url), name=wanted.names[0])]


def _rim(value: Any, identifier: str) -> bytes:
    if not isinstance(value, dict) or not isinstance(value.get("rim"), str):
        raise _malformed("RIM answer is not an object with a rim")
    if value.get("id", identifier) != identifier:
        raise _malformed("RIM answer is about another id")
    rim = b64decode(value["rim"], what="rim")
    if not rim.lstrip().startswith(b"<"):
        raise _malformed("RIM is not XML")
    return rim


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"NVIDIA: {detail}")
