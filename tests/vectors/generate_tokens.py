"""Vectors of docs/specs/evidence-tokens.md: by issuers whose keys everybody has."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.vectors import tokens_claim_cases, tokens_form_cases
from tests.vectors.folder import fresh_folder, write_case

CASES = (*tokens_form_cases.CASES, *tokens_claim_cases.CASES)


def generate(root: Path) -> None:
    """Write every case below `root`; key sets that many cases use once, under their digest."""
    folder = fresh_folder(root, "tokens")
    common = folder / "common"
    common.mkdir()
    for one in CASES:
        name = f"{hashlib.sha256(one.keys).hexdigest()[:16]}.jwks.json"
        (common / name).write_bytes(one.keys)
        document = {
            "why": one.why,
            "expect": one.expect,
            "stage": one.stage,
            "kind": one.kind,
            "now": f"{one.now:%Y-%m-%dT%H:%M:%SZ}",
            "keys": f"../common/{name}",
            "policy": one.policy,
            "token": "token.bin",
        }
        write_case(folder, one.name, document, {"token.bin": one.token})
