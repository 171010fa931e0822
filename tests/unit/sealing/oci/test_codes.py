"""Every code of references and stores has a vector, or a test against a peer that causes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealing.errors import SealRefusal

HERE = Path(__file__).parent
VECTORS = HERE.parents[2] / "vectors"
EVERY = list(SealRefusal)
FIRST, LAST = SealRefusal.REFERENCE_INVALID, SealRefusal.CREDENTIALS_UNUSABLE
CODES = EVERY[EVERY.index(FIRST) : EVERY.index(LAST) + 1]
# A folder or a text cannot cause these; a registry or the operating system can.
NEEDS_A_PEER = {
    SealRefusal.UNAUTHORIZED: "test_registry_http.py",
    SealRefusal.UNREACHABLE: "test_registry.py",
    SealRefusal.REGISTRY_REFUSED: "test_registry.py",
    SealRefusal.STORE_UNUSABLE: "test_layout.py",
    SealRefusal.FORBIDDEN: "test_registry.py",
    SealRefusal.REGISTRY_FAILED: "test_registry.py",
    SealRefusal.REGISTRY_MALFORMED: "test_registry_http.py",
    SealRefusal.REGISTRY_SLOW: "test_registry.py",
    SealRefusal.REDIRECT_REFUSED: "test_registry_http.py",
    SealRefusal.PLAIN_HTTP_REFUSED: "test_registry_http.py",
    SealRefusal.REGISTRY_UNTRUSTED: "test_registry_http.py",
    SealRefusal.REALM_REFUSED: "test_registry_auth.py",
}


def test_every_other_code_has_a_vector() -> None:
    cases = [*VECTORS.glob("oci_*/*/case.json"), *VECTORS.glob("registry_auth/*/case.json")]
    expected = {json.loads(path.read_bytes())["expect"] for path in cases}
    assert set(CODES) - set(NEEDS_A_PEER) <= expected


@pytest.mark.parametrize(("code", "module"), NEEDS_A_PEER.items())
def test_the_test_is_where_the_table_says(code: SealRefusal, module: str) -> None:
    assert f"SealRefusal.{code.name}" in (HERE / module).read_text(encoding="utf-8")


def test_the_spec_names_every_code() -> None:
    spec = (HERE.parents[3] / "docs" / "specs" / "oci-artifact.md").read_text(encoding="utf-8")
    assert [code for code in CODES if f"`{code}`" not in spec] == []
