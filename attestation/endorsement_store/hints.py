"""Which endorsements a piece of evidence will need. Nothing here is verified, or trusted.

A host that lies here makes us ask a vendor for the wrong document, with bounded hex numbers, and
its evidence fails to verify.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from attestation.endorsement_store.collateral import ca_of
from attestation.endorsement_store.wanted import (
    IntelCollateral,
    NvidiaManifest,
    NvidiaStatus,
    SnpCertificates,
    SnpChipKey,
    SnpRevocations,
    Wanted,
)
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.limits import MAX_PATH_CERTIFICATES
from attestation.trust import SIMULATED_PREFIX
from attestation.verifiers.nvidia.fields import DeviceFields, read_fields
from attestation.verifiers.nvidia.report import parse_report as parse_nvidia_report
from attestation.verifiers.snp import cert_table
from attestation.verifiers.snp.products import PRODUCTS, product_of_cpuid
from attestation.verifiers.snp.report import VLEK, SnpReport, parse_report
from attestation.x509 import der
from attestation.x509.certificate import Certificate, parse_certificate
from attestation.x509.pem import parse_pem

_SGX_EXTENSIONS: Final = "1.2.840.113741.1.13.1"
_FMSPC: Final = f"{_SGX_EXTENSIONS}.4"
# The chain as certification data of type 5 (PEM), wherever in the quote it stands.
_PEM: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,16384}-----END CERTIFICATE-----\s?"
)
# Azure's HCL report: a header of 32 bytes, then the hardware report.
_HCL_REPORT: Final = slice(32, 32 + 1184)
_SWITCH: Final = "LS"
_BLACKWELL: Final = "GB"


def wanted_by(evidence: UnverifiedEvidence) -> tuple[Wanted, ...]:
    """Return what verifying `evidence` needs from a vendor, as far as it can be told.

    Nothing for TEEs whose evidence brings everything along. Raises `EvidenceError` for evidence
    that no verifier would read either.
    """
    parts = evidence.parts
    match evidence.tee:
        case "snp":
            return _snp(parts.get("report", b""), parts)
        case "azure-snp":
            return _snp(parts.get("hcl_report", b"")[_HCL_REPORT], parts)
        case "tdx" | "sgx":
            return _intel(evidence.tee, parts.get("quote", b""))
        case "azure-tdx":
            return _intel("tdx", parts.get("td_quote", b""))
        case "nvidia":
            return _nvidia(parts)
        case _:
            return ()


def _snp(report: bytes, parts: Mapping[str, bytes]) -> tuple[Wanted, ...]:
    parsed = parse_report(report)
    signing_key = "vlek" if parsed.signing_key == VLEK else "vcek"
    vek = _vek(parts, signing_key)
    product = _snp_product(parsed, vek)
    if product is None:
        return ()
    wanted: list[Wanted] = [
        SnpCertificates(product, signing_key),
        SnpRevocations(product, signing_key),
    ]
    chip_id = parsed.chip_id[: PRODUCTS[product].chip_id_bytes]
    if vek is None and signing_key == "vcek" and any(chip_id):
        wanted.append(SnpChipKey(product, chip_id, parsed.reported_tcb))
    return tuple(wanted)


def _vek(parts: Mapping[str, bytes], signing_key: str) -> Certificate | None:
    if "vek" in parts:
        return parse_certificate(parts["vek"])
    if "cert_table" not in parts:
        return None
    guid = cert_table.VLEK if signing_key == "vlek" else cert_table.VCEK
    return cert_table.certificate_of(cert_table.parse_cert_table(parts["cert_table"]), guid)


def _snp_product(report: SnpReport, vek: Certificate | None) -> str | None:
    if report.has_cpuid:
        family, model, _ = report.cpuid
        product = product_of_cpuid(family, model)
        return None if product is None else product.name
    # Version 2 does not name the processor; the issuer of its certificate does.
    title = "" if vek is None else vek.issuer_cn.removeprefix(SIMULATED_PREFIX).split("-")[-1]
    return next((one.name for one in PRODUCTS.values() if one.title == title), None)


def _intel(tee: str, quote: bytes) -> tuple[Wanted, ...]:
    first = _PEM.search(quote)
    if first is None:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, "quote brings no PCK certificate")
    leaf = parse_certificate(parse_pem(first[0], label="CERTIFICATE", limit=1)[0])
    ca = ca_of(leaf.issuer_cn)
    return (IntelCollateral(tee, fmspc_of(leaf), ca),)


def fmspc_of(leaf: Certificate) -> str:
    """Return the FMSPC in a PCK certificate as hex; raise `EvidenceError` if it has none."""
    extension = leaf.extensions.get(_SGX_EXTENSIONS)
    if extension is None:
        raise EvidenceError(Refusal.MALFORMED, "certificate is no PCK certificate")
    entries = der.single(extension.value, der.SEQUENCE, what="PCK extension")
    while not entries.at_end:
        entry = entries.reader(der.SEQUENCE)
        if entry.take_oid() == _FMSPC:
            return entry.take(der.OCTET_STRING).hex()
    raise EvidenceError(Refusal.MALFORMED, "PCK certificate has no FMSPC")


def _nvidia(parts: Mapping[str, bytes]) -> tuple[Wanted, ...]:
    blobs = parse_pem(parts.get("chain", b""), label="CERTIFICATE", limit=MAX_PATH_CERTIFICATES)
    chain = [parse_certificate(one) for one in blobs]
    fields = read_fields(parse_nvidia_report(parts.get("report", b"")).opaque)
    chip = chain[0].subject_cn.partition(" ")[0]
    manifests = [NvidiaManifest(one) for one in _manifests(chip, fields)]
    # Leaf first; it is issued by the device itself, for which nobody answers.
    pairs = pairwise(chain[1:])
    return (*manifests, *(NvidiaStatus(one.der, issuer.der) for one, issuer in pairs))


def _manifests(chip: str, fields: DeviceFields) -> list[str]:
    """Return the ids of the RIMs of driver and VBIOS, as NVIDIA's tools compose them."""
    versions = (fields.project, fields.project_sku, fields.chip_sku, fields.vbios_version)
    board = "_".join(one.replace(".", "") for one in versions).upper()
    if chip.startswith(_SWITCH):
        return [f"NV_SWITCH_BIOS_{board}"]
    kind = "NV_GPU_CC_DRIVER" if chip.startswith(_BLACKWELL) else "NV_GPU_DRIVER"
    return [f"{kind}_{chip}_{fields.driver_version}", f"NV_GPU_VBIOS_{board}"]
