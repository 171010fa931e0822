"""Vectors of docs/specs/evidence-nitro.md: by a simulated security module, one folder per case."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.folder import fresh_folder, write_case
from tests.vectors.nitro_cases import GOOD, ROOT
from tests.vectors.nitro_chain_cases import CHAINS, REVOCATION, SIGNATURES, VALIDITY
from tests.vectors.nitro_document_cases import AGES, DOCUMENTS, SAYINGS

CASES = (*DOCUMENTS, *SIGNATURES, *CHAINS, *VALIDITY, *REVOCATION, *AGES, *SAYINGS)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "nitro")
    (folder / "common").mkdir()
    (folder / "common" / "root.der").write_bytes(ROOT.certificate)
    (folder / "common" / "good.cbor").write_bytes(GOOD)
    for one in CASES:
        lists = {f"{number}.crl": crl for number, crl in enumerate(one.crls)}
        own = {} if one.document == GOOD else {"document.cbor": one.document}
        document = {
            "why": one.why,
            "expect": one.expect,
            "stage": one.stage,
            "now": f"{one.now:%Y-%m-%dT%H:%M:%SZ}",
            "anchors": one.anchors,
            "root": "../common/root.der",
            "crls": sorted(lists),
            "policy": one.policy,
            "report_data": one.report_data.hex(),
            "document": "document.cbor" if own else "../common/good.cbor",
        } | ({"claims": one.claims} if one.claims else {})
        write_case(folder, one.name, document, own | lists)
