"""Vectors of docs/specs/corim.md: documents signed with a test key, one folder per case."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.corim_cases import ENVELOPES, KEYS, MANIFESTS
from tests.vectors.corim_tag_cases import COMIDS, DATES, PROFILES, REFERENCES
from tests.vectors.folder import fresh_folder, write_case

CASES = (*ENVELOPES, *KEYS, *MANIFESTS, *COMIDS, *PROFILES, *DATES, *REFERENCES)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "corim")
    for one in CASES:
        files = {"corim.cbor": one.corim}
        document = {
            "why": one.why,
            "expect": one.expect,
            "stage": one.stage,
            "now": f"{one.now:%Y-%m-%dT%H:%M:%SZ}",
            "corim": "corim.cbor",
            "references": one.references,
        }
        if one.key is not None:
            files["key.json"] = one.key + b"\n"
            document["key"] = "key.json"
        write_case(folder, one.name, document, files)
