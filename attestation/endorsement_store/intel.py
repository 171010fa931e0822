"""Intel PCS, version 4, or a PCCS in its place: four answers and a root list become one document.

Intel's "API Documentation for Provisioning Certification Service", v4. TCB info and QE identity
are signed as text, so the very bytes of each are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from attestation.encoding import canonical_json
from attestation.endorsement_store.fetched import Errand, Fetched, source_of
from attestation.endorsement_store.http import Reply
from attestation.endorsement_store.wanted import IntelCollateral
from attestation.endorsements import DocumentKind
from attestation.errors import EvidenceError, Refusal
from attestation.x509.crl import parse_crl
from attestation.x509.pem import encode_pem, looks_like_pem, parse_pem

_TCB_CHAIN: Final = ("tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain")
_QE_CHAIN: Final = ("sgx-enclave-identity-issuer-chain", "enclave-identity-issuer-chain")
_CRL_CHAIN: Final = ("sgx-pck-crl-issuer-chain",)
_MAX_CHAIN: Final = 4
_MAX_HEADER: Final = 16 * 1024
_SIGNATURE: Final = re.compile(r'\s*,\s*"signature"\s*:\s*"([0-9A-Fa-f]{128})"\s*\}\s*')
_HEX: Final = re.compile(rb"(?:[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True)
class SignedText:
    """The exact text of a signed JSON value, and the signature in hex."""

    text: str = field(repr=False)
    signature: str


def fetch_collateral(wanted: IntelCollateral, errand: Errand) -> list[Fetched]:
    """Return one QuoteCollateralV3 document. Not checked: signatures, dates, what it is for.

    Raises `EvidenceError`: `malformed` for answers of another form, and as `HttpClient.get`.
    """
    base = f"{errand.urls.intel_pcs}"
    tcb_url = f"{base}/{wanted.tee}/certification/v4/tcb?fmspc={wanted.fmspc}"
    tcb = errand.get(tcb_url)
    qe = errand.get(f"{base}/{wanted.tee}/certification/v4/qe/identity")
    crl = errand.get(f"{base}/sgx/certification/v4/pckcrl?ca={wanted.ca}&encoding=der")
    root = errand.get(errand.urls.intel_root_crl)
    tcb_info, qe_identity = (
        signed_text(tcb.body, "tcbInfo"),
        signed_text(qe.body, "enclaveIdentity"),
    )
    document = {
        "pck_crl": _crl(crl.body).hex(),
        "pck_crl_issuer_chain": _chain(crl, _CRL_CHAIN),
        "qe_identity": qe_identity.text,
        "qe_identity_issuer_chain": _chain(qe, _QE_CHAIN),
        "qe_identity_signature": qe_identity.signature,
        "root_ca_crl": _crl(root.body).hex(),
        "tcb_info": tcb_info.text,
        "tcb_info_issuer_chain": _chain(tcb, _TCB_CHAIN),
        "tcb_info_signature": tcb_info.signature,
    }
    kind = DocumentKind.INTEL_COLLATERAL.value
    return [Fetched(kind, canonical_json(document), source_of(tcb_url))]


def signed_text(body: bytes, member: str) -> SignedText:
    """Return the exact text of `member` and the signature, in an object of exactly these two."""
    try:
        text = body.decode("utf-8")
        start = re.match(rf'\s*\{{\s*"{member}"\s*:\s*', text)
        if start is None:
            raise _malformed(f"answer does not start with {member}")
        _, end = json.JSONDecoder().raw_decode(text, start.end())
    except (ValueError, RecursionError) as error:
        raise _malformed(f"{member} is not JSON") from error
    signature = _SIGNATURE.fullmatch(text, end)
    if signature is None or text[start.end()] != "{":
        raise _malformed(f"answer is not {member} and a signature")
    return SignedText(text[start.end() : end], signature[1].lower())


def _chain(reply: Reply, names: Iterable[str]) -> str:
    """Return the chain in a header as PEM, written our way: certificates are signed, PEM is not."""
    value = next((reply.headers[name] for name in names if name in reply.headers), "")
    if not value or len(value) > _MAX_HEADER:
        raise _malformed("answer has no issuer chain, or too long a one")
    listed = parse_pem(unquote_to_bytes(value), label="CERTIFICATE", limit=_MAX_CHAIN)
    return b"".join(encode_pem("CERTIFICATE", one) for one in listed).decode("ascii")


def _crl(body: bytes) -> bytes:
    """Return a list as DER. Intel sends DER; a PCCS sends hex whatever it is asked for."""
    text = body.strip()
    if looks_like_pem(body):
        body = parse_pem(body, label="X509 CRL", limit=1)[0]
    elif _HEX.fullmatch(text):
        body = bytes.fromhex(text.decode("ascii"))
    parse_crl(body)
    return body


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"Intel collateral: {detail}")
