from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from typing import Any

import pytest

from attestation.errors import EvidenceError, Refusal
from keybroker import problems
from keybroker.errors import BrokerCode, BrokerError
from keybroker.protocol import Problem, ProtocolError, ProtocolRefusal
from policies.decision import Denial
from policies.errors import PolicyError, PolicyRefusal
from policies.errors import Problem as PolicyProblem
from sealing.errors import SealError, SealRefusal

CANARY = "canary-0123456789"

# What no peer ever causes: a fault of ours, or a code that only files and start-up raise.
OURS = {
    code
    for code in BrokerCode
    if code.name.startswith(
        (
            "STORE_",
            "MASTER_",
            "BROKER_",
            "LEAF_",
            "LOG_",
            "CHECKPOINT_",
            "PROOF_",
            "NOT_",
            "ALREADY",
        )
    )
} - {BrokerCode.STORE_UNAVAILABLE} | {
    BrokerCode.CONFIG_INVALID,
    BrokerCode.RECORD_INVALID,
    BrokerCode.REQUEST_REPEATED,
}


@pytest.mark.parametrize(
    ("error", "status", "slug", "code"),
    [
        (BrokerError(BrokerCode.CHALLENGE_SPENT, CANARY), 401, "attest-again", "challenge-spent"),
        (BrokerError(BrokerCode.QUOTA_EXCEEDED, CANARY), 429, "quota-exceeded", "quota-exceeded"),
        (BrokerError(Denial.GUARDRAILS, CANARY), 403, "policy-denied", "denied-guardrails"),
        (BrokerError(Refusal.DEBUG_ENABLED, CANARY), 422, "evidence-refused", "debug-enabled"),
        (EvidenceError(Refusal.MALFORMED, CANARY), 422, "evidence-refused", "malformed"),
        (SealError(SealRefusal.MEDIA_TYPE, CANARY), 400, "artifact-refused", "seal-media-type"),
        (
            ProtocolError(ProtocolRefusal.MALFORMED, CANARY),
            400,
            "malformed-request",
            "message-malformed",
        ),
        (
            PolicyError(PolicyProblem(PolicyRefusal.BAD_VALUE, CANARY, CANARY, CANARY)),
            400,
            "malformed-request",
            "policy-bad-value",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_error_becomes_a_problem(error: Exception, status: int, slug: str, code: str) -> None:
    problem = problems.problem_of(error)
    assert (problem.status, problem.type, problem.code) == (
        status,
        f"urn:sealwasm:problem:{slug}",
        code,
    )
    assert CANARY not in problem.to_bytes().decode()


def test_refusal_names_its_decision_and_rules() -> None:
    error = BrokerError(Denial.ENVIRONMENT, CANARY, decision="decision-00", rules=("a.b", "c"))
    problem = problems.problem_of(error)
    assert (problem.decision, problem.rules) == ("decision-00", ("a.b", "c"))


@pytest.mark.parametrize(
    "error", [KeyError(CANARY), BrokerError(BrokerCode.RECORD_INVALID, CANARY), ValueError()]
)
def test_anything_else_is_a_blank_fault(error: Exception) -> None:
    problem = problems.problem_of(error)
    assert (problem.status, problem.code) == (500, "internal-fault")
    assert problem.incident is not None
    assert CANARY not in problem.to_bytes().decode()


@pytest.mark.parametrize("enum", [BrokerCode, Refusal, SealRefusal, PolicyRefusal, Denial])
def test_every_code_has_a_kind_or_is_ours(enum: type[StrEnum]) -> None:
    for code in enum:
        assert (problems.kind_of(code) is problems.FAULT) == (code in OURS), code


def test_codes_of_all_packages_differ() -> None:
    enums: list[type[StrEnum]] = [BrokerCode, Refusal, SealRefusal, PolicyRefusal, Denial]
    codes = [str(code) for enum in [*enums, ProtocolRefusal] for code in enum]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(("code", "seconds"), [("RATE_LIMITED", "10"), ("CHALLENGE_SPENT", None)])
def test_retry_after(code: str, seconds: str | None) -> None:
    problem = problems.problem_of(BrokerError(BrokerCode[code], ""))
    headers = problems.headers_of(problem)
    assert headers.get("retry-after") == seconds
    assert headers["content-type"] == "application/problem+json"


def _served(app: Any, kind: str = "http") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    asyncio.run(problems.LastResort(app)({"type": kind}, receive, send))
    return sent


def test_last_resort_answers_what_nobody_foresaw() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError(CANARY)

    start, body = _served(app)
    assert start["status"] == 500
    found = Problem.parse(body["body"])
    assert found.incident is not None
    assert CANARY not in json.dumps(found.to_document())


@pytest.mark.parametrize("kind", ["http", "lifespan"])
def test_last_resort_cannot_answer_twice(kind: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError(CANARY)

    with pytest.raises(RuntimeError):
        _served(app, kind)
