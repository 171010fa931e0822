"""Every vector of docs/specs/audit-log.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keybroker.audit.checkpoint import LogKey, verify_checkpoint
from keybroker.audit.leaf import encode_leaf, parse_leaf
from keybroker.audit.merkle import verify_consistency
from keybroker.audit.proof import verify_proof
from keybroker.errors import BrokerCode, BrokerError
from tests.vectors import generate_audit
from tests.vectors.folder import ACCEPTED

FOLDER = Path(generate_audit.__file__).parent / "audit"
CASES = sorted(FOLDER.glob("*/case.json"))


def run(folder: Path, case: dict[str, Any]) -> None:
    def read(name: str) -> bytes:
        return (folder / name).read_bytes()

    if case["stage"] == "leaf":
        assert encode_leaf(parse_leaf(read("leaf"))) == read("leaf")
    elif case["stage"] == "checkpoint":
        verify_checkpoint(read("note"), LogKey.parse(case["log_key"]))
    elif case["stage"] == "proof":
        verify_proof(read("proof"), leaf=read("leaf"), log_key=case["log_key"])
    else:
        told = case["consistency"]
        verify_consistency(
            old=told["old"],
            new=told["new"],
            old_root=bytes.fromhex(told["old_root"]),
            new_root=bytes.fromhex(told["new_root"]),
            proof=[bytes.fromhex(value) for value in told["hashes"]],
        )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    if case["expect"] == ACCEPTED:
        run(path.parent, case)
        return
    with pytest.raises(BrokerError) as caught:
        run(path.parent, case)
    assert caught.value.code == case["expect"]


def test_most_vectors_are_refusals() -> None:
    refusals = [path for path in CASES if path.parent.name.endswith("_refused")]
    assert len(CASES) >= 50
    assert len(refusals) >= 0.7 * len(CASES)


def test_every_code_of_the_log_has_a_vector() -> None:
    expected = {json.loads(path.read_text(encoding="utf-8"))["expect"] for path in CASES}
    assert expected - {ACCEPTED} == {code for code in BrokerCode if code.startswith("audit-")}


def test_vectors_are_as_generated(tmp_path: Path) -> None:
    generate_audit.generate(tmp_path)

    def tree(root: Path) -> dict[str, bytes]:
        files = (path for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(root)): path.read_bytes() for path in files}

    assert tree(tmp_path / "audit") == tree(FOLDER)
