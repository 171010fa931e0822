"""NVIDIA GPUs and switches: from a measurement report and its certificates to verified claims."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, NvidiaPolicy
from attestation.report_data import ExpectedNonce, ExpectedReportData, UnsafeAnyReportData
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.nvidia.appraisal import check_measurements, rims_of
from attestation.verifiers.nvidia.chain import DeviceChain, verify_chain
from attestation.verifiers.nvidia.claims import claims_of
from attestation.verifiers.nvidia.fields import DeviceFields, read_fields
from attestation.verifiers.nvidia.report import NvidiaReport, parse_report
from attestation.verifiers.nvidia.revocation import check_revocation
from attestation.x509.path import check_validity, period_of

_SIGNED_WITH: Final = ec.ECDSA(hashes.SHA384())


def verify_nvidia(
    evidence: UnverifiedEvidence,
    *,
    report_data: ExpectedReportData | ExpectedNonce | UnsafeAnyReportData,
    endorsements: Endorsements,
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> VerifiedClaims:
    """Return what the report proves, or raise `EvidenceError` with the most fundamental reason.

    Steps are those of docs/specs/evidence-nvidia.md. Not checked: whose device it is (composite
    evidence does), nor whether this report was shown before.
    """
    # (1) Structure: request and response by their own lengths, fields in their known forms.
    report, fields = _parse(evidence.parts, trace)
    # (2) Chain to a pinned root; dates; revocation. The device issued the leaf: nobody answers.
    chain = _chain(evidence.parts, endorsements, anchors, now, trace)
    revocation = partial(
        check_revocation, endorsements=endorsements, policy=policy.nvidia, now=now, trace=trace
    )
    answered = revocation(chain.path, chain.path[1:-1])

    # (3), (4) The device's key signed exactly these bytes, and is that of the firmware in them.
    _verify_signature(report, chain, trace)
    _check_binding(fields, chain, trace)

    # (5) The report was made for this request.
    _check_nonce(report, report_data, trace)

    # (6) The firmware is what NVIDIA published, where its manifests were given.
    rims = rims_of(chain, fields, endorsements=endorsements, anchors=anchors, now=now, trace=trace)
    for path in (one.path.certificates for one in rims):
        answered &= revocation(path, path[:-1])
    rim_checked = check_measurements(report, chain, fields, rims, trace)

    # (7) The caller accepts such a device.
    _check_policy(chain, policy.nvidia, rim_checked=rim_checked, trace=trace)
    return claims_of(report, fields, chain, rim_checked=rim_checked, ocsp_checked=answered)


def _check_nonce(
    report: NvidiaReport,
    expected: ExpectedReportData | ExpectedNonce | UnsafeAnyReportData,
    trace: Trace,
) -> None:
    trace.check("F1", "nonce", expected.shown, report.nonce)
    if not expected.matches_sha256(report.nonce):
        raise EvidenceError(Refusal.NONCE_MISMATCH, "nonce is not that of the request")


def _parse(parts: Mapping[str, bytes], trace: Trace) -> tuple[NvidiaReport, DeviceFields]:
    data = parts.get("report", b"")
    trace.check("R1", "report", "an SPDM 1.1 request and its response", f"{len(data)} bytes")
    report = parse_report(data)
    trace.check("R5", "opaque fields", "each in its known form", lambda: sorted(report.opaque))
    return report, read_fields(report.opaque)


def _chain(
    parts: Mapping[str, bytes],
    endorsements: Endorsements,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace,
) -> DeviceChain:
    trace.check("C1", "chain", "to a pinned root", f"{len(parts.get('chain', b''))} bytes")
    chain = verify_chain(parts.get("chain", b""), endorsements=endorsements, anchors=anchors)
    trace.check("D1", "certificates are valid", now, lambda: period_of(chain.path))
    check_validity(chain.path, now)
    return chain


def _verify_signature(report: NvidiaReport, chain: DeviceChain, trace: Trace) -> None:
    trace.check("G1", "signed by", chain.leaf.subject_cn, f"slot {report.slot}")
    signature = encode_dss_signature(report.r, report.s)
    try:
        chain.key.verify(signature, report.signed, _SIGNED_WITH)
    except InvalidSignature as error:
        raise EvidenceError(
            Refusal.SIGNATURE_INVALID, "the device did not sign this report"
        ) from error


def _check_binding(fields: DeviceFields, chain: DeviceChain, trace: Trace) -> None:
    firmware = chain.firmware
    if firmware is None:
        return
    if firmware.device_key is not None:
        trace.check("B1", "device key in the leaf", chain.device.spki, firmware.device_key)
        if firmware.device_key != chain.device.spki:
            raise EvidenceError(Refusal.BINDING, "leaf is for another device's key")
    if fields.fwid is not None:
        trace.check("B2", "firmware id", firmware.fwid, fields.fwid)
        if fields.fwid != firmware.fwid:
            raise EvidenceError(Refusal.BINDING, "report is by other firmware than the certificate")


def _check_policy(
    chain: DeviceChain, policy: NvidiaPolicy, *, rim_checked: bool, trace: Trace
) -> None:
    trace.check("P1", "architecture", sorted(policy.architectures), chain.architecture)
    if chain.architecture not in policy.architectures:
        raise EvidenceError(Refusal.PRODUCT_NOT_ALLOWED, f"architecture is {chain.architecture}")
    debug = chain.firmware is not None and chain.firmware.debug
    trace.check("P2", "debug", "false", debug)
    if debug:
        raise EvidenceError(Refusal.DEBUG_ENABLED, "device certifies firmware for debugging")
    trace.check("P3", "measurements compared with RIMs", policy.require_rim, rim_checked)
    if policy.require_rim and not rim_checked:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, "no RIM of the device's driver or VBIOS given")
