"""Vectors of docs/specs/evidence-snp.md: by simulated silicon, one folder per case."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tests.vectors.folder import fresh_folder, write_case
from tests.vectors.snp_chain_cases import CHAINS, DATES
from tests.vectors.snp_policy_cases import BINDINGS, POLICIES
from tests.vectors.snp_report_cases import REPORTS, TABLES

CASES = (*REPORTS, *TABLES, *CHAINS, *DATES, *BINDINGS, *POLICIES)


class SharedFiles:
    """Files that many cases use are written once, under their digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "common"
        self._folder.mkdir()

    def names(self, blobs: Sequence[bytes], suffix: str) -> list[str]:
        found = []
        for blob in blobs:
            name = f"{hashlib.sha256(blob).hexdigest()[:16]}.{suffix}"
            (self._folder / name).write_bytes(blob)
            found.append(f"../common/{name}")
        return found


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "snp")
    shared = SharedFiles(folder)
    for one in CASES:
        document = {
            "why": one.why,
            "expect": one.expect,
            "stage": one.stage,
            "now": f"{one.now:%Y-%m-%dT%H:%M:%SZ}",
            "anchors": one.anchors,
            "root": shared.names([one.root], "cert.der")[0],
            "certificates": shared.names(one.certificates, "cert.der"),
            "crls": shared.names(one.crls, "crl.der"),
            "crl_policy": one.crl_policy,
            "policy": one.policy,
            "report_data": one.report_data.hex(),
            "parts": {
                name: shared.names([blob], f"{name}.bin")[0]
                for name, blob in one.parts.items()
                if name != "report"
            }
            | {"report": "report.bin"},
        } | ({"claims": one.claims} if one.claims else {})
        write_case(folder, one.name, document, {"report.bin": one.parts["report"]})
