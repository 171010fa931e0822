"""Every vector of docs/specs/evidence-tokens.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from attestation.errors import EvidenceError
from attestation.keys import load_keys
from attestation.tokens import (
    GcsPolicy,
    ItaPolicy,
    MaaPolicy,
    NrasPolicy,
    TokenClaims,
    verify_gcs,
    verify_ita,
    verify_maa,
    verify_nras,
)
from attestation.trace import NO_TRACE, RecordedTrace, Trace
from tests.vectors import generate_tokens

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "evidence-tokens.md"
CASES = sorted((VECTORS / "tokens").glob("*/case.json"))
REFUSED = [path for path in CASES if path.parent.name.endswith("_refused")]
STEPS = set(re.findall(r"\*\*([A-Z]\d+)\*\*", SPEC.read_text(encoding="utf-8")))
KINDS: dict[str, tuple[Callable[..., TokenClaims], Callable[..., Any]]] = {
    "maa": (verify_maa, MaaPolicy),
    "gcs": (verify_gcs, GcsPolicy),
    "ita": (verify_ita, ItaPolicy),
    "nras": (verify_nras, NrasPolicy),
}
# The function that refused; the innermost of these names counts.
STAGES = {
    "load_keys": "keys",
    "_parts": "form",
    "verify_published": "signature",
    "check_times": "times",
    "check_issuer": "issuer",
    "check_audience": "audience",
    "check_nonce": "nonce",
    "_attester": "attester",
    "_check_digests": "devices",
    "_device": "device",
    "_check_overall": "overall",
    **dict.fromkeys(
        (
            "check_debug_off",
            "_check_tee",
            "_check_machine",
            "_check_debug",
            "_check_tcb",
            "_check_policies",
            "_check_device",
        ),
        "appraisal",
    ),
}


def run(path: Path, case: dict[str, Any], trace: Trace = NO_TRACE) -> TokenClaims:
    verifier, policy_of = KINDS[case["kind"]]
    policy = {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in case["policy"].items()
    }
    key_file = (path.parent / case["keys"]).read_bytes()
    data = (path.parent / case["token"]).read_bytes()
    return verifier(
        data if case["kind"] == "nras" else data.decode(),
        keys=load_keys(key_file) if key_file else (),
        policy=policy_of(**policy),
        now=datetime.fromisoformat(case["now"]),
        trace=trace,
    )


def stage_of(error: BaseException) -> str:
    stage, trace = "", error.__traceback__
    while trace is not None:
        stage = STAGES.get(trace.tb_frame.f_code.co_name, stage)
        trace = trace.tb_next
    return stage


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    if case["expect"] == "accepted":
        claims = run(path, case)
        assert (claims.kind, claims.nonce) == (case["kind"], case["policy"]["nonce"])
        assert claims.issuer == claims.subject["iss"]
        assert claims.expires.timestamp() == claims.subject["exp"]
        assert bool(claims.devices) is (case["kind"] == "nras")
        return
    with pytest.raises(EvidenceError) as caught:
        run(path, case)
    assert (caught.value.code, stage_of(caught.value)) == (case["expect"], case["stage"])


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.parent.name)
def test_the_last_comparison_is_the_one_that_failed(path: Path) -> None:
    case, trace = json.loads(path.read_bytes()), RecordedTrace()
    with pytest.raises(EvidenceError):
        run(path, case, trace)
    assert {check.step for check in trace.checks} <= STEPS
    # Keys are read before anybody has a trace; form and signature are one comparison.
    step = case["why"].split(":", 1)[0]
    if case["stage"] != "keys":
        assert trace.checks[-1].step == ("J3" if step[0] == "J" else step)


def test_every_kind_has_15_refusals_and_most_cases_are_refusals() -> None:
    assert 0.7 * len(CASES) <= len(REFUSED) < len(CASES)
    for kind in KINDS:
        assert sum(path.parent.name.startswith(f"{kind}-") for path in REFUSED) >= 15


def test_every_vector_cites_a_step_and_every_step_has_a_refusal() -> None:
    cited = {path: json.loads(path.read_bytes())["why"].split(":", 1)[0] for path in CASES}
    assert set(cited.values()) <= STEPS
    assert {step for path, step in cited.items() if path in REFUSED} == STEPS


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_tokens.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / "tokens").rglob("*")
    assert made == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)
