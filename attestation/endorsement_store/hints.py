"""Which endorsements a piece of evidence will need. Nothing here is verified, or trusted.

A host that lies here makes us ask a vendor for the wrong document, with bounded hex numbers, and
its evidence fails to verify.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from attestation.composite import DEVICES, parse_devices
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
from attestation.intel.chains import PCK_CAS, parse_chain
from attestation.intel.pck import PCK_EXTENSION, parse_pck_extension
from attestation.intel.quote import PCK_CHAIN, parse_endorsed_key, parse_quote
from attestation.limits import MAX_PATH_CERTIFICATES
from attestation.trust import SIMULATED_PREFIX
from attestation.verifiers.azure.hcl import parse_hcl_report
from attestation.verifiers.nvidia.fields import DeviceFields, read_fields
from attestation.verifiers.nvidia.report import parse_report as parse_nvidia_report
from attestation.verifiers.snp import cert_table
from attestation.verifiers.snp.products import PRODUCTS, product_of_cpuid
from attestation.verifiers.snp.report import VLEK, SnpReport, parse_report
from attestation.x509.certificate import Certificate, parse_certificate
from attestation.x509.pem import parse_pem

_SWITCH: Final = "LS"
_BLACKWELL: Final = "GB"


def wanted_by(evidence: UnverifiedEvidence) -> tuple[Wanted, ...]:
    """Return what verifying `evidence` needs from vendors, each once, as far as it can be told.

    Nothing for TEEs whose evidence brings everything along. Raises `EvidenceError` for evidence
    that no verifier would read either.
    """
    found = list(_of_processor(evidence))
    if DEVICES in evidence.parts:
        for device in parse_devices(evidence.parts[DEVICES]):
            found += wanted_by(device)
    return tuple(dict.fromkeys(found))


def _of_processor(evidence: UnverifiedEvidence) -> tuple[Wanted, ...]:
    parts = evidence.parts
    match evidence.tee:
        case "snp":
            return _snp(parts.get("report", b""), parts)
        case "azure-snp":
            return _snp(parse_hcl_report(parts.get("hcl_report", b"")).hardware, parts)
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
    endorsed = parse_endorsed_key(parse_quote(quote))
    if endorsed.certification_type != PCK_CHAIN:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, "quote brings no PCK certificate")
    leaf = parse_chain(endorsed.certification)[0]
    extension = leaf.extensions.get(PCK_EXTENSION)
    ca = PCK_CAS.get(leaf.issuer_cn.removeprefix(SIMULATED_PREFIX))
    if extension is None or ca is None:
        raise EvidenceError(Refusal.MALFORMED, "first certificate of the quote is no PCK")
    return (IntelCollateral(tee, parse_pck_extension(extension.value).fmspc.hex(), ca),)


def _nvidia(parts: Mapping[str, bytes]) -> tuple[Wanted, ...]:
    blobs = parse_pem(parts.get("chain", b""), label="CERTIFICATE", limit=MAX_PATH_CERTIFICATES)
    chain = [parse_certificate(one) for one in blobs]
    fields = read_fields(parse_nvidia_report(parts.get("report", b"")).opaque)
    chip = chain[0].subject_cn.removeprefix(SIMULATED_PREFIX).partition(" ")[0]
    manifests = [NvidiaManifest(one) for one in _manifests(chip, fields)]
    # Leaf first; it is issued by the device itself, for which nobody answers.
    pairs = pairwise(chain[1:])
    return (*manifests, *(NvidiaStatus(one.der, issuer.der) for one, issuer in pairs))


def _manifests(chip: str, fields: DeviceFields) -> list[str]:
    """Return the ids of the RIMs of driver and VBIOS, as NVIDIA's tools compose them."""
    versions = (fields.project, fields.project_sku, fields.chip_sku, fields.vbios_version)
    bios, ids = "NV_SWITCH_BIOS" if chip.startswith(_SWITCH) else "NV_GPU_VBIOS", []
    if all(versions):
        board = "_".join(one.replace(".", "") for one in versions).upper()
        ids.append(f"{bios}_{board}")
    if fields.driver_version:
        kind = "NV_GPU_CC_DRIVER" if chip.startswith(_BLACKWELL) else "NV_GPU_DRIVER"
        ids.append(f"{kind}_{chip}_{fields.driver_version}".upper())
    return ids
