"""Vectors of docs/specs/evidence-tpm.md: by a simulated TPM, one folder per case."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.tpm import VENDOR
from tests.vectors.folder import fresh_folder, write_case
from tests.vectors.shared_files import SharedFiles
from tests.vectors.tpm_key_cases import CHAINS, DATES, KEYS
from tests.vectors.tpm_log_cases import EXPLAINED, LOGS
from tests.vectors.tpm_quote_cases import DIGESTS, QUOTES, REQUESTS, SIGNATURES, VALUES

CASES = (
    *QUOTES,
    *VALUES,
    *KEYS,
    *CHAINS,
    *DATES,
    *SIGNATURES,
    *DIGESTS,
    *LOGS,
    *EXPLAINED,
    *REQUESTS,
)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "tpm")
    shared = SharedFiles(folder)
    for one in CASES:
        document = {
            "why": one.why,
            "expect": one.expect,
            "stage": one.stage,
            "now": f"{one.now:%Y-%m-%dT%H:%M:%SZ}",
            "anchors": one.anchors,
            "root": shared.name(VENDOR.root.certificate, "cert.der"),
            "keys": shared.names(one.keys, "spki.der"),
            "certificates": shared.names(one.certificates, "cert.der"),
            "crls": shared.names(one.crls, "crl.der"),
            "crl_policy": one.crl_policy,
            "policy": one.policy,
            "report_data": one.report_data.hex(),
            "parts": {
                name: shared.name(blob, f"{name}.bin") for name, blob in sorted(one.parts.items())
            },
        } | ({"claims": one.claims} if one.claims else {})
        write_case(folder, one.name, document)
