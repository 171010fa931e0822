"""A report's measurements against the manifests of its driver and VBIOS."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attestation.endorsements import DocumentKind, Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.trace import Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.nvidia.chain import DeviceChain
from attestation.verifiers.nvidia.fields import DeviceFields
from attestation.verifiers.nvidia.report import NvidiaReport
from attestation.verifiers.nvidia.rim import Rim, verify_rim
from attestation.x509.path import check_validity, period_of

# The block that measures video decoder 0's firmware says nothing where the decoder is off.
_NVDEC0_BLOCK: Final = 36


def rims_of(
    chain: DeviceChain,
    fields: DeviceFields,
    *,
    endorsements: Endorsements,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace,
) -> tuple[Rim, ...]:
    """Return the given manifests that are about this device's chip, driver and VBIOS.

    Every given manifest must verify, whichever it is about; dates only count for those in use.
    Raises `EvidenceError`.
    """
    given = endorsements.of_kind(DocumentKind.NVIDIA_RIM)
    verified = [verify_rim(one, anchors=anchors) for one in given]
    versions = _wanted(chain, fields)
    trace.check("M7", "RIMs", versions, lambda: [one.version for one in verified])
    found = tuple(one for one in verified if _is_about(one, chain, fields))
    for one in found:
        trace.check("M8", "RIM is valid", now, lambda one=one: period_of(one.path.certificates))
        check_validity(one.path.certificates, now)
    return found


def _wanted(chain: DeviceChain, fields: DeviceFields) -> tuple[str, ...]:
    if chain.is_switch:
        return (fields.vbios_version,)
    return (fields.driver_version.upper(), fields.vbios_version)


def _is_about(rim: Rim, chain: DeviceChain, fields: DeviceFields) -> bool:
    return (
        rim.version in _wanted(chain, fields)
        and rim.is_switch == chain.is_switch
        # A certificate may name a family (GB20X) where the report names the chip (GB202).
        and rim.product in {chain.chip.replace("_", ""), fields.chip_info}
        # What simulated silicon says is right is no statement about a real device.
        and rim.path.anchor.simulated == chain.anchor.simulated
    )


def check_measurements(
    report: NvidiaReport,
    chain: DeviceChain,
    fields: DeviceFields,
    rims: tuple[Rim, ...],
    trace: Trace,
) -> bool:
    """Return whether driver and VBIOS were both compared; refuse any block that differs.

    Several manifests of one version (of boards that differ) are alternatives as a whole. Raises
    `EvidenceError` `measurement-mismatch`, or `binding` where driver and VBIOS manifests both
    claim a block.
    """
    versions = _wanted(chain, fields)
    matched = [
        _matching(report, fields, candidates, trace)
        for version in versions
        if (candidates := [one for one in rims if one.version == version])
    ]
    claimed = [index for one in matched for index in one.golden]
    if len(claimed) != len(set(claimed)):
        raise EvidenceError(Refusal.BINDING, "two RIMs claim the same measurement block")
    return len(matched) == len(versions)


def _matching(
    report: NvidiaReport, fields: DeviceFields, candidates: list[Rim], trace: Trace
) -> Rim:
    """Return a manifest that the report's blocks are all in."""
    differing = [_differing(report, fields, one) for one in candidates]
    least = min(differing, key=len)
    trace.check("M9", f"blocks unlike the RIM of {candidates[0].version}", [], least)
    if least:
        blocks = ", ".join(map(str, least))
        raise EvidenceError(Refusal.MEASUREMENT_MISMATCH, f"blocks {blocks} are not in the RIM")
    return candidates[differing.index(least)]


def _differing(report: NvidiaReport, fields: DeviceFields, rim: Rim) -> list[int]:
    return [
        index
        for index, digests in sorted(rim.golden.items())
        if report.blocks.get(index) not in digests
        and not (index == _NVDEC0_BLOCK and fields.nvdec0_enabled is False)
    ]
