"""SEV-SNP reports, field by field (AMD 56860, table ATTESTATION_REPORT)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attestation.describe.field import Described, described, flags, text_of
from attestation.verifiers.snp.cert_table import parse_cert_table
from attestation.verifiers.snp.products import product_of_cpuid
from attestation.verifiers.snp.report import SnpReport, parse_report
from attestation.x509.certificate import parse_certificate

_MEANINGS: Final = {
    "version": "layout of the report",
    "guest_svn": "security version of the guest, from its ID block",
    "policy": "what the guest demanded at launch, bit by bit below",
    "family_id": "family of the image, from the ID block",
    "image_id": "the image, from the ID block",
    "vmpl": "privilege level that asked; 0 is the highest, 4294967295 is the host",
    "current_tcb": "firmware that runs now",
    "platform_info": "the platform, bit by bit below",
    "key_info": "author key, masked chip, which key signed",
    "report_data": "64 bytes the guest put in: what the report is bound to",
    "measurement": "SHA-384 of what was launched",
    "host_data": "32 bytes the host gave at launch",
    "id_key_digest": "SHA-384 of the key that signed the ID block; zeros: none",
    "author_key_digest": "SHA-384 of the key that signed the ID key; zeros: none",
    "report_id": "this guest, random per launch",
    "report_id_ma": "its migration agent; ones: none",
    "reported_tcb": "firmware that the VEK is for",
    "cpuid": "processor family, model, stepping (since version 3)",
    "chip_id": "this processor; zeros: masked by the host, or signed by a VLEK",
    "committed_tcb": "firmware below which the platform cannot go back",
    "current_version": "firmware that runs: build, minor, major",
    "committed_version": "firmware that is committed: build, minor, major",
    "launch_tcb": "firmware when the guest was launched",
    "launch_mit_vector": "mitigations at launch (since version 5)",
    "current_mit_vector": "mitigations now (since version 5)",
}
_POLICY_BITS: Final[Mapping[int, tuple[str, str]]] = {
    16: ("SMT", "simultaneous multi-threading is allowed"),
    17: ("reserved", "must be 1"),
    18: ("MIGRATE_MA", "a migration agent may move the guest"),
    19: ("DEBUG", "the host may read and change guest memory"),
    20: ("SINGLE_SOCKET", "the guest stays on one socket"),
    21: ("CXL_ALLOW", "CXL memory is allowed"),
    22: ("MEM_AES_256_XTS", "only with AES-256-XTS"),
    23: ("RAPL_DIS", "only without power readings"),
    24: ("CIPHERTEXT_HIDING_DRAM", "only where the host cannot read ciphertext"),
    25: ("PAGE_SWAP_DISABLE", "the host may not swap pages"),
}
_PLATFORM_BITS: Final[Mapping[int, tuple[str, str]]] = {
    0: ("SMT_EN", "simultaneous multi-threading is on"),
    1: ("TSME_EN", "transparent memory encryption is on"),
    2: ("ECC_EN", "memory has ECC"),
    3: ("RAPL_DIS", "power readings are off"),
    4: ("CIPHERTEXT_HIDING_DRAM_EN", "the host cannot read ciphertext"),
    5: ("ALIAS_CHECK_COMPLETE", "memory aliasing was checked since reset"),
    7: ("TIO_EN", "trusted I/O is on"),
}


def describe_snp(parts: Mapping[str, bytes]) -> list[Described]:
    """Return the fields of a report, of its VEK certificate and of a certificate table."""
    report = parse_report(parts.get("report", b""))
    found = described("report", report, _MEANINGS, without=("signed", "r", "s"))
    found += _bits(report)
    if report.has_cpuid:
        family, model, _ = report.cpuid
        product = product_of_cpuid(family, model)
        name = product.name if product else "not known here"
        found.append(Described("report", "product", name, "the processor, by its CPUID"))
    if "vek" in parts:
        found += _certificate("vek", parts["vek"])
    if "cert_table" in parts:
        table = parse_cert_table(parts["cert_table"])
        found += [
            Described("cert_table", str(guid), text_of(blob), "supplied by the host: no trust")
            for guid, blob in table.items()
        ]
    return found


def _bits(report: SnpReport) -> list[Described]:
    abi = f"{report.policy >> 8 & 0xFF}.{report.policy & 0xFF}"
    return [
        Described("report", "policy ABI", abi, "least firmware interface the guest accepts"),
        *flags("report policy", report.policy & ~0xFFFF, _POLICY_BITS),
        *flags("report platform-info", report.platform_info, _PLATFORM_BITS),
    ]


def _certificate(part: str, data: bytes) -> list[Described]:
    certificate = parse_certificate(data)
    return [
        Described(part, "subject", certificate.subject_cn, "whose key it is, by its own words"),
        Described(part, "issuer", certificate.issuer_cn, "who says so"),
        Described(part, "not before", certificate.not_before.isoformat(), "valid from"),
        Described(part, "not after", certificate.not_after.isoformat(), "valid until"),
    ]
