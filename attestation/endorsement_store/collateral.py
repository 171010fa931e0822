"""Intel collateral before it is filed: whose it is, and that Intel signed every part of it.

Signatures and chains to the pinned root are checked, dates and what evidence needs are not: that
is the verifiers' part. The members are those of Intel's quote verification collateral, version 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation.encoding import parse_json
from attestation.endorsements import GivenCrl
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_COLLATERAL_BYTES, MAX_PATH_CERTIFICATES
from attestation.trust import TrustAnchor, TrustAnchors
from attestation.x509.certificate import Certificate, parse_certificate
from attestation.x509.crl import RevocationList
from attestation.x509.path import PathProfile, order_path, verify_crl, verify_path
from attestation.x509.pem import parse_pem
from attestation.x509.signatures import ECDSA_SHA256, load_p256

_PROFILE: Final = PathProfile(
    "intel", (ECDSA_SHA256,), refusal=Refusal.COLLATERAL_SIGNATURE_INVALID
)
_MEMBERS: Final = frozenset(
    f"{name}{rest}"
    for name, rests in {
        "pck_crl": ("", "_issuer_chain"),
        "root_ca_crl": ("",),
        "tcb_info": ("", "_issuer_chain", "_signature"),
        "qe_identity": ("", "_issuer_chain", "_signature"),
    }.items()
    for rest in rests
)
_TEES: Final = {"SGX": "sgx", "TDX": "tdx"}
_QES: Final = {"sgx": "QE", "tdx": "TD_QE"}
# The last words of the CA's common name (Intel's certificate and CRL profile).
_CAS: Final = {"PCK Platform CA": "platform", "PCK Processor CA": "processor"}
_TCB_INFO_VERSION: Final = 3
_QE_IDENTITY_VERSION: Final = 2
_SIGNATURE_BYTES: Final = 64
_MAX_NUMBER: Final = 2**31


@dataclass(frozen=True, slots=True)
class FiledCollateral:
    """What Intel signed, as far as filing depends on it."""

    tee: str
    fmspc: str
    ca: str
    evaluation_number: int
    issued: datetime
    expires: datetime
    pck_crl: RevocationList = field(repr=False)
    root_crl: RevocationList = field(repr=False)
    anchor: TrustAnchor


def read_collateral(data: bytes, anchors: TrustAnchors) -> FiledCollateral:
    """Return what a QuoteCollateralV3 document is for, if every part is signed.

    Raises `EvidenceError`: `malformed`, `unsupported` for other versions of the documents,
    `collateral-tee-mismatch` if the parts are of two TEEs, and what `verify_path` and `verify_crl`
    raise. Not checked: dates; levels; the rest of what the documents say.
    """
    given = _members(data)
    tcb, root = _signed(given, "tcb_info", anchors)
    qe, qe_root = _signed(given, "qe_identity", anchors)
    ca, pck_root = _path(given["pck_crl_issuer_chain"], anchors)
    anchor = anchors.find(root.fingerprint)
    if anchor is None or not root.fingerprint == qe_root.fingerprint == pck_root.fingerprint:
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "the chains end in different roots")
    pck_crl = verify_crl(_crl(given["pck_crl"]), ca, profile=_PROFILE)
    root_crl = verify_crl(_crl(given["root_ca_crl"]), root, profile=_PROFILE)
    tee = _tee(tcb, qe)
    ends = (_time(tcb, "nextUpdate"), _time(qe, "nextUpdate"))
    return FiledCollateral(
        tee=tee,
        fmspc=_fmspc(tcb),
        ca=ca_of(ca.subject_cn),
        evaluation_number=_number(tcb, "tcbEvaluationDataNumber"),
        issued=_time(tcb, "issueDate"),
        expires=min(*ends, pck_crl.next_update, root_crl.next_update),
        pck_crl=pck_crl,
        root_crl=root_crl,
        anchor=anchor,
    )


def _members(data: bytes) -> dict[str, str]:
    value = parse_json(data, limit_bytes=MAX_COLLATERAL_BYTES, what="Intel collateral")
    if not isinstance(value, dict) or not value.keys() >= _MEMBERS:
        raise _malformed("not an object with the members of QuoteCollateralV3")
    if any(not isinstance(text, str) for text in value.values()):
        raise _malformed("a member is no text")
    return value


def _path(chain: str, anchors: TrustAnchors) -> tuple[Certificate, Certificate]:
    """Return the first certificate of a verified chain and its root."""
    blobs = parse_pem(chain.encode(), label="CERTIFICATE", limit=MAX_PATH_CERTIFICATES)
    leaf, *others = [parse_certificate(one) for one in blobs]
    path = order_path(leaf, others, is_root=lambda one: one.issuer == one.subject)
    verified = verify_path(path, profile=_PROFILE, anchors=anchors)
    return verified.leaf, verified.certificates[-1]


def _signed(
    given: dict[str, str], name: str, anchors: TrustAnchors
) -> tuple[dict[str, Any], Certificate]:
    """Return a document whose very text the first certificate of its chain signed, and the root."""
    leaf, root = _path(given[f"{name}_issuer_chain"], anchors)
    text, signature = given[name].encode(), _hex(given[f"{name}_signature"])
    if len(signature) != _SIGNATURE_BYTES:
        raise _malformed(f"signature of {name} is {len(signature)} bytes, expected 64")
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    try:
        load_p256(leaf.spki).verify(encode_dss_signature(r, s), text, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise EvidenceError(
            Refusal.COLLATERAL_SIGNATURE_INVALID, f"{name} is not signed by {leaf.subject_cn}"
        ) from error
    value = parse_json(text, limit_bytes=MAX_COLLATERAL_BYTES, what=name)
    if not isinstance(value, dict):
        raise _malformed(f"{name} is no object")
    return value, root


def _tee(tcb: dict[str, Any], qe: dict[str, Any]) -> str:
    versions = (tcb.get("version"), qe.get("version"))
    if versions != (_TCB_INFO_VERSION, _QE_IDENTITY_VERSION):
        raise EvidenceError(Refusal.UNSUPPORTED, f"versions of the documents are {versions}")
    tee = _TEES.get(str(tcb.get("id")))
    if tee is None or qe.get("id") != _QES[tee]:
        raise EvidenceError(
            Refusal.COLLATERAL_TEE_MISMATCH, "TCB info and QE identity are of two TEEs"
        )
    return tee


def ca_of(common_name: str) -> str:
    """Return which of Intel's two CAs bears this name: "platform" or "processor"."""
    found = [ca for name, ca in _CAS.items() if common_name.endswith(name)]
    if len(found) != 1:
        raise _malformed("certificate is by neither of Intel's two PCK CAs")
    return found[0]


def _fmspc(tcb: dict[str, Any]) -> str:
    value = str(tcb.get("fmspc"))
    if len(_hex(value)) != 6:
        raise _malformed("FMSPC is not six bytes")
    return value.lower()


def _crl(text: str) -> GivenCrl:
    return GivenCrl.of(_hex(text))


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise _malformed("a member is not hex") from error


def _number(document: dict[str, Any], name: str) -> int:
    value = document.get(name)
    if type(value) is not int or not 0 <= value < _MAX_NUMBER:
        raise _malformed(f"{name} is no number")
    return value


def _time(document: dict[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(document.get(name)))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _malformed(f"{name} is no time") from error


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"Intel collateral: {detail}")
