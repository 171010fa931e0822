"""A verified report in the flat claim names that policies use."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from attestation.claims import ClaimValue, VerifiedClaims
from attestation.verifiers.snp import acceptance as bits
from attestation.verifiers.snp.chain import VerifiedChain
from attestation.verifiers.snp.products import PRODUCTS
from attestation.verifiers.snp.report import SnpReport

# Per product, for each of the four TCBs: (claim name, offset).
_TCB_NAMES: Final = {
    product.name: tuple(
        tuple((f"tcb.{kind}.{part}", offset) for part, offset in product.tcb.items())
        for kind in ("reported", "committed", "current", "launch")
    )
    for product in PRODUCTS.values()
}


def claims_of(report: SnpReport, chain: VerifiedChain) -> VerifiedClaims:
    """Return every field of the report under its name; call only once all checks have passed."""
    values: dict[str, ClaimValue] = {
        "tee": "snp",
        "simulated": chain.anchor.simulated,
        "product": chain.vek.product.name,
        "signing-key": chain.vek.signing_key,
        "report-version": report.version,
        "measurement": report.measurement.hex(),
        "report-data": report.report_data.hex(),
        "host-data": report.host_data.hex(),
        "id-key-digest": report.id_key_digest.hex(),
        "author-key-digest": report.author_key_digest.hex(),
        "author-key-enabled": bool(report.key_info & 1),
        "family-id": report.family_id.hex(),
        "image-id": report.image_id.hex(),
        "report-id": report.report_id.hex(),
        "report-id-migration-agent": report.report_id_ma.hex(),
        "chip-id": report.chip_id.hex(),
        "chip-id-masked": not any(report.chip_id),
        "guest-svn": report.guest_svn,
        "vmpl": report.vmpl,
        "mit-vector.launch": _bits(report.launch_mit_vector),
        "mit-vector.current": _bits(report.current_mit_vector),
        "firmware.current": _firmware(report.current_version),
        "firmware.committed": _firmware(report.committed_version),
    }
    if chain.vek.csp_id is not None:
        values["csp-id"] = chain.vek.csp_id
    _add_guest_policy(values, report.policy)
    _add_platform(values, report.platform_info)
    _add_tcb(values, report, chain)
    return VerifiedClaims(
        tee="snp",
        simulated=chain.anchor.simulated,
        measurement=report.measurement,
        report_data=report.report_data,
        values=MappingProxyType(values),
    )


def _bits(vector: int) -> str:
    """Return all 64 bits in hex: as a number they would not survive JSON (RFC 8785)."""
    return f"{vector:016x}"


def _firmware(version: bytes) -> str:
    build, minor, major = version
    return f"{major}.{minor}.{build}"


def _add_guest_policy(values: dict[str, ClaimValue], policy: int) -> None:
    values["abi-major"] = policy >> 8 & 0xFF
    values["abi-minor"] = policy & 0xFF
    values["smt-allowed"] = bool(policy & bits.SMT)
    values["migratable"] = bool(policy & bits.MIGRATE_MA)
    values["debug"] = bool(policy & bits.DEBUG)
    values["single-socket"] = bool(policy & bits.SINGLE_SOCKET)
    values["cxl-allowed"] = bool(policy & bits.CXL_ALLOW)
    values["aes-256-xts-required"] = bool(policy & bits.MEM_AES_256_XTS)
    values["rapl-disable-required"] = bool(policy & bits.RAPL_DIS)
    values["ciphertext-hiding-required"] = bool(policy & bits.CIPHERTEXT_HIDING_DRAM)
    values["page-swap-disabled"] = bool(policy & bits.PAGE_SWAP_DISABLE)


def _add_platform(values: dict[str, ClaimValue], info: int) -> None:
    values["platform.smt-enabled"] = bool(info & bits.SMT_EN)
    values["platform.tsme-enabled"] = bool(info & bits.TSME_EN)
    values["platform.ecc-enabled"] = bool(info & bits.ECC_EN)
    values["platform.rapl-disabled"] = bool(info & bits.RAPL_IS_DIS)
    values["platform.ciphertext-hiding"] = bool(info & bits.CIPHERTEXT_HIDING_DRAM_EN)
    values["platform.alias-check-complete"] = bool(info & bits.ALIAS_CHECK_COMPLETE)
    values["platform.tio-enabled"] = bool(info & bits.TIO_EN)


def _add_tcb(values: dict[str, ClaimValue], report: SnpReport, chain: VerifiedChain) -> None:
    names = _TCB_NAMES[chain.vek.product.name]
    tcbs = (report.reported_tcb, report.committed_tcb, report.current_tcb, report.launch_tcb)
    for tcb, parts in zip(tcbs, names, strict=True):
        for name, offset in parts:
            values[name] = tcb[offset]
