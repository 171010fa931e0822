"""Cases of SEV-SNP reports."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from attestation.cases.case import Case, Claims, verify_case
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CERTIFICATES
from attestation.tsm import parse_tsm
from attestation.x509.pem import der_blobs

# Names under which manifests give the same thing.
INPUTS: Final = MappingProxyType(
    {
        "report": "report",
        "tsm": "tsm",
        "evidence": "tsm",
        "vek": "vek",
        "vcek": "vek",
        "vlek": "vek",
        "chain": "chain",
        "root": "chain",
        "roots": "chain",
        "auxblob": "cert_table",
        "cert_table": "cert_table",
        "certs": "cert_table",
        "crl": "crl",
    }
)


def run(case: Case) -> Claims:
    """Return the claims of a report, raw or as a guest read it from configfs-tsm."""
    inputs = case.inputs
    parts = {name: inputs[name] for name in ("report", "cert_table") if name in inputs}
    if "tsm" in inputs:
        collected = parse_tsm(inputs["tsm"])
        if collected.tee != "snp":
            raise EvidenceError(Refusal.UNSUPPORTED, f"container is of {collected.tee}, not snp")
        parts = dict(collected.parts) | parts
    chain = case.list_of("chain")
    if "vek" in inputs:
        vek, *more = der_blobs(inputs["vek"], label="CERTIFICATE", limit=MAX_CERTIFICATES)
        parts["vek"] = vek
        chain += more
    return dict(verify_case(case, "snp", parts, certificates=chain).values)
