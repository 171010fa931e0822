"""A VCEK that came with the endorsements and not with the evidence."""

from __future__ import annotations

from collections.abc import Mapping

from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.trust import SIMULATED_PREFIX
from attestation.verifiers.snp.products import vek_name
from attestation.verifiers.snp.report import VCEK, SnpReport
from attestation.verifiers.snp.vek import HARDWARE_ID, parse_vek
from attestation.x509.certificate import Certificate


def with_given_vek(
    parts: Mapping[str, bytes], report: SnpReport, endorsements: Endorsements
) -> Mapping[str, bytes]:
    """Return `parts`, with the VCEK of the report's chip and TCB if they bring no certificate.

    Which one it is, is only looked up here; it counts as if it had come with the evidence.
    """
    if "vek" in parts or "cert_table" in parts or report.signing_key != VCEK:
        return parts
    for certificate in endorsements.certificates:
        if _is_for(certificate, report):
            return {**parts, "vek": certificate.der}
    return parts


def _is_for(certificate: Certificate, report: SnpReport) -> bool:
    chip_id = report.chip_id.rstrip(b"\0")
    name = certificate.subject_cn.removeprefix(SIMULATED_PREFIX)
    hardware = certificate.extensions.get(HARDWARE_ID)
    if not chip_id or name != vek_name("vcek", "") or hardware is None:
        return False
    # Cheap first: a fleet's certificates are many, and reading one loads its key.
    if not hardware.value.rstrip(b"\0").endswith(chip_id):
        return False
    try:
        vek = parse_vek(certificate, signing_key="vcek")
    except EvidenceError:
        return False
    return vek.tcb == report.reported_tcb
