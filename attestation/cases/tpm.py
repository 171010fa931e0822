"""Cases of TPM quotes, of machines and of Azure guests, in the encodings of their tools.

Serialised quotes of az-cvm-vtpm (Rust bincode); JSON of the Confidential Containers attesters, of
which each version writes bytes in another way: lists of numbers, hex, base64 of either alphabet.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from attestation.cases.case import BASE_POLICY, Case, Claims, verify_case
from attestation.encoding import parse_json
from attestation.endorsements import DocumentKind, Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.keys import load_keys
from attestation.limits import MAX_DOCUMENT_BYTES
from attestation.policy import TpmPolicy
from attestation.tpm.attest import parse_quote
from attestation.tpm.constants import ALG_SHA256, PCR_COUNT
from attestation.tpm.pcr import encode_pcrs
from attestation.trust import TrustAnchors
from attestation.x509.pem import der_blobs, looks_like_pem

INPUTS: Final = MappingProxyType(
    {
        "evidence": "evidence",
        "quote": "quote",
        "ak": "ak",
        "ak_public": "ak",
        "akpub": "ak",
        "root": "root",
        "roots": "root",
        "collateral": "collateral",
        "event_log": "event_log",
        "crl": "crl",
    }
)
# Such quotes come from machines that measure no runner of ours.
_POLICY: Final = replace(BASE_POLICY, tpm=TpmPolicy(measurement_pcr=None))
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_PCR_BYTES: Final = 32


def run(case: Case) -> Claims:
    """Return the claims of a quote; a key that the case gives is trusted, nothing else is."""
    tee, parts = _parts(case)
    if "event_log" in case.inputs:
        parts["event_log"] = case.inputs["event_log"]
    anchors = TrustAnchors.vendor()
    if "ak" in case.inputs:
        anchors = anchors.with_keys("tpm", load_keys(case.inputs["ak"]))
    if "root" in case.inputs:
        anchors = anchors.with_roots("tpm", case.inputs["root"])
    claims = verify_case(
        case,
        tee,
        parts,
        certificates=[one.der for one in Endorsements.vendor().certificates],
        documents={DocumentKind.INTEL_COLLATERAL: case.list_of("collateral")},
        anchors=anchors,
        policy=_POLICY,
    )
    return dict(claims.values)


def _parts(case: Case) -> tuple[str, dict[str, bytes]]:
    if "evidence" in case.inputs:
        document = parse_json(
            case.inputs["evidence"], limit_bytes=MAX_DOCUMENT_BYTES, what="evidence"
        )
        return _from_json(document)
    if "quote" in case.inputs:
        return "tpm", _from_bincode(case.inputs["quote"])
    raise EvidenceError(Refusal.MALFORMED, "case has no quote")


def _from_json(document: Any) -> tuple[str, dict[str, bytes]]:
    quote = _member(document, "tpm_quote", "quote")
    message = _bytes(_member(quote, "message"))
    values = _member(quote, "pcrs")
    if not isinstance(values, list):
        raise _malformed("PCR values are no list")
    parts = {
        "quote": message,
        "signature": _bytes(_member(quote, "signature")),
        "pcrs": _pcrs(message, [_bytes(value) for value in values]),
    }
    if "ak_public" in document:
        return "tpm", parts | {"ak_public": _bytes(document["ak_public"])}
    parts["hcl_report"] = _bytes(_member(document, "hcl_report", "report"))
    if "td_quote" in document:
        return "azure-tdx", parts | {"td_quote": _bytes(document["td_quote"])}
    return "azure-snp", parts | {"vek": _bytes(_member(document, "vcek", "vek"))}


def _member(document: Any, *names: str) -> Any:
    if not isinstance(document, dict):
        raise _malformed("not an object")
    found = [document[name] for name in names if name in document]
    if len(found) != 1:
        raise _malformed(f"has not one of {', '.join(names)}")
    return found[0]


def _bytes(value: Any) -> bytes:
    if isinstance(value, list):
        return _octets(value)
    if not isinstance(value, str):
        raise _malformed("bytes are neither text nor a list")
    if looks_like_pem(value.encode("utf-8", "replace")):
        return der_blobs(value.encode(), label="CERTIFICATE", limit=1)[0]
    if _HEX.fullmatch(value):
        return bytes.fromhex(value)
    standard = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("bytes are neither hex nor base64") from error


def _octets(value: list[Any]) -> bytes:
    if not all(type(one) is int and 0 <= one <= 0xFF for one in value):
        raise _malformed("list holds something else than bytes")
    return bytes(value)


def _pcrs(message: bytes, values: list[bytes]) -> bytes:
    """Return the part `pcrs`: these tools list the whole bank, also what was not quoted."""
    selections = {one.algorithm: one.indices for one in parse_quote(message).selections}
    chosen = selections.get(ALG_SHA256, ())
    if len(values) == PCR_COUNT:
        return encode_pcrs({"sha256": {index: values[index] for index in chosen}})
    if len(values) != len(chosen):
        raise EvidenceError(Refusal.PCR_DIGEST_MISMATCH, "PCR values are not those quoted")
    return encode_pcrs({"sha256": dict(zip(chosen, values, strict=True))})


def _from_bincode(data: bytes) -> dict[str, bytes]:
    """Return the parts of (signature, message, PCR values), each behind a 64-bit length."""
    signature, data = _counted(data, 1)
    message, data = _counted(data, 1)
    values, data = _counted(data, _PCR_BYTES)
    if data:
        raise EvidenceError(Refusal.TRAILING_DATA, "serialised quote: bytes after its end")
    listed = [values[at : at + _PCR_BYTES] for at in range(0, len(values), _PCR_BYTES)]
    return {"signature": signature, "quote": message, "pcrs": _pcrs(message, listed)}


def _counted(data: bytes, size: int) -> tuple[bytes, bytes]:
    end = 8 + int.from_bytes(data[:8], "little") * size
    if len(data) < 8 or end > len(data):
        raise _malformed("serialised quote is cut off")
    return data[8:end], data[end:]


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"evidence of a case: {detail}")
