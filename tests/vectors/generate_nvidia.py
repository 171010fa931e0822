"""Vectors of docs/specs/evidence-nvidia.md: by simulated silicon, one folder per case."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.folder import fresh_folder, write_case
from tests.vectors.generate_snp import SharedFiles
from tests.vectors.nvidia_chain_cases import CHAINS, DATES, POLICIES
from tests.vectors.nvidia_ocsp_cases import OCSP
from tests.vectors.nvidia_report_cases import REPORTS, SIGNATURES
from tests.vectors.nvidia_rim_cases import APPRAISALS, XML

CASES = (*REPORTS, *CHAINS, *DATES, *OCSP, *SIGNATURES, *XML, *APPRAISALS, *POLICIES)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "nvidia")
    shared = SharedFiles(folder)
    for one in CASES:
        document = {
            "why": one.why,
            "expect": one.expect,
            "stage": one.stage,
            "now": f"{one.now:%Y-%m-%dT%H:%M:%SZ}",
            "anchors": one.anchors,
            "roots": shared.names(one.roots, "cert.der"),
            "certificates": shared.names(one.certificates, "cert.der"),
            "documents": {
                "nvidia-rim": shared.names(one.rims, "xml"),
                "ocsp": shared.names(one.ocsp, "ocsp.der"),
            },
            "policy": one.policy,
            "parts": {
                name: shared.names([data], f"{name}.bin")[0] for name, data in one.parts.items()
            },
        } | ({"claims": one.claims} if one.claims else {})
        write_case(folder, one.name, document)
