"""A verified report in the flat claim names that policies use."""

from __future__ import annotations

import hashlib
from types import MappingProxyType

from attestation.claims import ClaimValue, VerifiedClaims
from attestation.verifiers.nvidia.chain import DeviceChain
from attestation.verifiers.nvidia.fields import DeviceFields
from attestation.verifiers.nvidia.report import NvidiaReport


def claims_of(
    report: NvidiaReport,
    fields: DeviceFields,
    chain: DeviceChain,
    *,
    rim_checked: bool,
    ocsp_checked: bool,
) -> VerifiedClaims:
    """Return what the report says; call only once all checks have passed.

    `measurement` is SHA-384 over the measurement record as it stands in the report.
    """
    measurement = hashlib.sha384(report.record).digest()
    values: dict[str, ClaimValue] = {
        "tee": "nvidia",
        "simulated": chain.anchor.simulated,
        "measurement": measurement.hex(),
        "report-data": report.nonce.hex(),
        "gpu.rim-checked": rim_checked,
        "gpu.ocsp-checked": ocsp_checked,
        **_device(report, fields, chain),
    }
    return VerifiedClaims(
        tee="nvidia",
        simulated=chain.anchor.simulated,
        measurement=measurement,
        report_data=report.nonce,
        values=MappingProxyType(values),
    )


def _device(
    report: NvidiaReport, fields: DeviceFields, chain: DeviceChain
) -> dict[str, ClaimValue]:
    values: dict[str, ClaimValue] = {
        "gpu.architecture": chain.architecture,
        "gpu.chip": chain.chip,
        "gpu.switch": chain.is_switch,
        "gpu.device-id": f"{chain.device.serial:x}",
        "gpu.driver-version": fields.driver_version,
        "gpu.vbios-version": fields.vbios_version,
        "gpu.board-id": fields.board_id,
        "gpu.chip-sku": fields.chip_sku,
        "gpu.project": fields.project,
        "gpu.project-sku": fields.project_sku,
        "gpu.measurement-blocks": len(report.blocks),
        "gpu.unknown-fields": ",".join(map(str, fields.unknown)),
    }
    if chain.firmware is not None:
        values["gpu.fwid"] = chain.firmware.fwid.hex()
    if fields.protected_pcie is not None:
        values["gpu.protected-pcie"] = fields.protected_pcie
    return values
