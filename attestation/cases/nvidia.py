"""Cases of NVIDIA devices: one report with its chain, or a list as NVIDIA's SDK serializes it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from attestation.cases import tokens
from attestation.cases.case import BASE_POLICY, Case, Claims, verify_case
from attestation.encoding import b64decode, parse_json
from attestation.endorsements import DocumentKind
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_DEVICES, MAX_DEVICES_BYTES
from attestation.x509.der import malformed

INPUTS: Final = MappingProxyType(
    {
        "evidence": "evidence",
        "report": "report",
        "chain": "chain",
        "certs": "chain",
        "rim": "rim",
        "driver_rim": "driver_rim",
        "vbios_rim": "vbios_rim",
        "ocsp": "ocsp",
        "root": "root",
        "roots": "root",
        **tokens.INPUTS,
    }
)
_MEMBERS: Final = {"arch", "certificate", "evidence", "nonce"}


def run(case: Case) -> Claims:
    """Return the claims of one report, of every device of a list, or of NVIDIA's own token."""
    if "token" in case.inputs:
        return tokens.run_nras(case)
    if "evidence" in case.inputs:
        return {"devices": [_device(case, one) for one in _listed(case.inputs["evidence"])]}
    return _verified(case, {name: case.inputs.get(name, b"") for name in ("report", "chain")})


def _verified(case: Case, parts: dict[str, bytes]) -> Claims:
    rims = [case.inputs[name] for name in ("rim", "driver_rim", "vbios_rim") if name in case.inputs]
    documents = {DocumentKind.NVIDIA_RIM: rims, DocumentKind.OCSP: case.list_of("ocsp")}
    verified = verify_case(
        case,
        "nvidia",
        parts,
        certificates=case.list_of("root"),
        documents=documents,
        policy=BASE_POLICY,
    )
    return dict(verified.values)


def _listed(data: bytes) -> list[Any]:
    listed = parse_json(data, limit_bytes=MAX_DEVICES_BYTES, what="evidence")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_DEVICES:
        raise malformed(f"evidence is not a list of 1 to {MAX_DEVICES} devices")
    return listed


def _device(case: Case, device: Any) -> Claims:
    """Return the claims of one member of the list; what it says of itself must be so."""
    if not isinstance(device, dict) or device.keys() != _MEMBERS:
        raise malformed("device is not an object of arch, certificate, evidence and nonce")
    if not all(isinstance(value, str) for value in device.values()):
        raise malformed("device has a member that is no string")
    parts = {
        "report": b64decode(device["evidence"], what="evidence"),
        "chain": b64decode(device["certificate"], what="certificate"),
    }
    claims = _verified(case, parts)
    if claims["report-data"] != device["nonce"]:
        raise EvidenceError(Refusal.NONCE_MISMATCH, "nonce is not the one in the report")
    if claims["gpu.architecture"] != device["arch"].lower():
        raise EvidenceError(Refusal.PRODUCT_MISMATCH, f"device is not {device['arch']}")
    return claims
