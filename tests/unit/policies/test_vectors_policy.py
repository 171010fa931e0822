"""Every vector of docs/specs/policy.md."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from policies.decision import Denial
from policies.errors import PolicyDenied, PolicyError, PolicyRefusal
from policies.evaluate import compile_release, evaluate, require_release
from policies.grant import effective_grant
from policies.imports import require_imports
from policies.load import (
    load_capabilities,
    load_guardrails,
    load_policy,
    load_release,
    parse_canonical,
)
from policies.within import require_within
from tests.vectors import generate_policy

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "policy.md"
CASES = sorted((VECTORS / "policy").glob("*/*/case.json"))
GROUPS = {"capability", "decision", "guardrails", "release"}


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


DOCUMENTS = [path for path in CASES if path.parts[-3] != "decision"]
DECISIONS = [path for path in CASES if path.parts[-3] == "decision"]


def name_of(path: Path) -> str:
    return "-".join(path.parts[-3:-1])


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_document(path: Path) -> None:
    case = read(path)
    folder = path.parent
    if case["expect"] == "accepted":
        policy = load_policy((folder / "policy.yaml").read_bytes(), name="policy.yaml")
        assert policy.to_document() == case["canonical"]
        assert policy.digest == case["digest"]
        assert parse_canonical(case["canonical"]).digest == case["digest"]
        return
    with pytest.raises(PolicyError) as caught:
        if case["stage"] == "canonical":
            parse_canonical(read(folder / "document.json"))
        else:
            load_policy((folder / "policy.yaml").read_bytes(), name="policy.yaml")
    assert caught.value.code == case["expect"]
    assert len(caught.value.problems) == 1
    if "at" in case:
        assert caught.value.where.split()[0] == f"policy.yaml:{case['at']}"


def decide_release(folder: Path, case: dict[str, Any]) -> None:
    policy = load_release((folder / "policy.yaml").read_bytes(), name="policy.yaml")
    guards = [
        load_guardrails(path.read_bytes(), name=path.name)
        for path in sorted(folder.glob("guardrails-*.yaml"))
    ]
    compiled = compile_release(policy, guards)
    now = datetime.fromisoformat(case["now"])
    decision = evaluate(compiled, case["claims"], now=now)
    assert decision.environment == case["environment"]
    assert decision.lease_ms == case["lease_ms"]
    assert decision.simulated is (case["claims"].get("simulated") is not False)
    assert require_release(compiled, case["claims"], now=now) == decision


def decide_grant(folder: Path, case: dict[str, Any]) -> None:
    request = load_capabilities((folder / "policy.yaml").read_bytes(), name="policy.yaml")
    guard = (folder / "guardrails-0.yaml").read_bytes()
    grant = effective_grant(request, [load_guardrails(guard, name="guardrails-0.yaml")])
    assert grant.document.to_document() == case["grant"]
    assert [list(item) for item in grant.reductions] == case["reductions"]
    require_within(grant.document, request)


def decide_within(folder: Path, case: dict[str, Any]) -> None:
    request, grant = (
        load_capabilities((folder / name).read_bytes(), name=name)
        for name in ("policy.yaml", "grant.yaml")
    )
    require_within(grant, request)


def decide_imports(folder: Path, case: dict[str, Any]) -> None:
    policy = load_capabilities((folder / "policy.yaml").read_bytes(), name="policy.yaml")
    require_imports(policy, [tuple(item) for item in case["imports"]])


STAGES = {
    "release": decide_release,
    "grant": decide_grant,
    "within": decide_within,
    "imports": decide_imports,
}


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_decision(path: Path) -> None:
    case = read(path)
    if case["expect"] == "allowed":
        STAGES[case["stage"]](path.parent, case)
        assert case["failed"] == []
        return
    with pytest.raises(PolicyDenied) as caught:
        STAGES[case["stage"]](path.parent, case)
    assert caught.value.code == case["expect"]
    assert list(caught.value.decision.failed) == case["failed"]


def is_refusal(path: Path) -> bool:
    return path.parent.name.endswith(("_refused", "_denied"))


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_most_cases_of_each_folder_are_refusals(group: str) -> None:
    cases = [path for path in CASES if path.parts[-3] == group]
    assert len(cases) >= 20
    assert 0.7 * len(cases) <= sum(map(is_refusal, cases)) < len(cases)


def test_every_code_has_a_vector() -> None:
    seen = {read(path)["expect"] for path in CASES}
    assert {*PolicyRefusal, *Denial} <= seen


def test_every_vector_cites_a_step_and_every_step_has_a_vector() -> None:
    steps = set(re.findall(r"\*\*([A-Z][0-9]+)\*\*", SPEC.read_text(encoding="utf-8")))
    cited = {read(path)["why"].split(":", 1)[0] for path in CASES}
    # D9 defines the digest that every accepted vector holds, E7 a flag that every decision has; S8
    # is about several documents at once: test_narrowest.py has what it refuses.
    assert cited <= steps
    assert steps - cited <= {"D9", "E7", "S8"}


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_policy.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = {p.relative_to(VECTORS) for p in (VECTORS / "policy").rglob("*") if p.is_file()}
    assert made == kept
    for name in made:
        assert (tmp_path / name).read_bytes() == (VECTORS / name).read_bytes(), name
