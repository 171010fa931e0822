"""The one place where an error of ours becomes an answer: a status, a slug and a code.

A peer learns the code and, after an authentic challenge, the id of the decision in the audit log.
The detail goes to our log. Format: RFC 9457; the table is in docs/specs/release-protocol.md.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from attestation.errors import EvidenceError, Refusal
from keybroker.errors import BrokerCode, BrokerError
from keybroker.protocol import Problem, ProtocolError, ProtocolRefusal
from policies.decision import Denial
from policies.errors import PolicyDenied, PolicyError, PolicyRefusal
from sealing.errors import SealError, SealRefusal

CONTENT_TYPE: Final = "application/problem+json"
REFUSED: Final = (BrokerError, ProtocolError, SealError, EvidenceError, PolicyError, PolicyDenied)
Refused = BrokerError | ProtocolError | SealError | EvidenceError | PolicyError | PolicyDenied

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger("keybroker.problems")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: what a client does about it is the same for all its codes."""

    status: int
    slug: str
    title: str


ATTEST_AGAIN: Final = Kind(401, "attest-again", "Ask for a new challenge and attest again")
ENROL_AGAIN: Final = Kind(401, "enrol-again", "Ask for a new credential and activate that one")
MALFORMED: Final = Kind(400, "malformed-request", "The request is not in the form it must have")
ARTIFACT: Final = Kind(400, "artifact-refused", "The sealed module or its signature was refused")
DENIED: Final = Kind(403, "policy-denied", "A policy denies this")
UNKNOWN: Final = Kind(404, "unknown", "Nothing is known under that name here")
SLOW: Final = Kind(408, "request-too-slow", "The request took too long to arrive")
CONFLICT: Final = Kind(409, "conflict", "This contradicts what was recorded before")
LARGE: Final = Kind(413, "request-too-large", "The request is larger than any valid one")
MISDIRECTED: Final = Kind(421, "misdirected", "This was made for another broker")
EVIDENCE: Final = Kind(422, "evidence-refused", "The evidence was refused")
LIMITED: Final = Kind(429, "rate-limited", "Too many requests; try again later")
REVOKED: Final = Kind(403, "revoked", "Its owner or the broker's operator took this back")
QUOTA: Final = Kind(429, "quota-exceeded", "The owner's quota is used up")
FAULT: Final = Kind(500, "internal-fault", "The broker failed; nothing was released")
UNAVAILABLE: Final = Kind(503, "unavailable", "The broker cannot record anything at the moment")

_BY_ENUM: Final[MappingProxyType[type[StrEnum], Kind]] = MappingProxyType(
    {
        Refusal: EVIDENCE,
        SealRefusal: ARTIFACT,
        PolicyRefusal: MALFORMED,
        Denial: DENIED,
        ProtocolRefusal: MALFORMED,
    }
)
_BY_CODE: Final[MappingProxyType[StrEnum, Kind]] = MappingProxyType(
    {
        BrokerCode.CHALLENGE_MALFORMED: ATTEST_AGAIN,
        BrokerCode.CHALLENGE_NOT_OURS: ATTEST_AGAIN,
        BrokerCode.CHALLENGE_EXPIRED: ATTEST_AGAIN,
        BrokerCode.CHALLENGE_FROM_THE_FUTURE: ATTEST_AGAIN,
        BrokerCode.CHALLENGE_SPENT: ATTEST_AGAIN,
        BrokerCode.POLICY_REPLACED: ATTEST_AGAIN,
        BrokerCode.AK_ENROLMENT_REFUSED: ENROL_AGAIN,
        BrokerCode.AK_ENROLMENT_EXPIRED: ENROL_AGAIN,
        BrokerCode.AK_NOT_ACTIVATED: ENROL_AGAIN,
        BrokerCode.DOCUMENT_EXPIRED: MALFORMED,
        BrokerCode.OWNER_UNKNOWN: UNKNOWN,
        BrokerCode.POLICY_UNKNOWN: UNKNOWN,
        BrokerCode.DECISION_UNKNOWN: UNKNOWN,
        BrokerCode.REQUEST_TOO_SLOW: SLOW,
        BrokerCode.IDEMPOTENCY_CONFLICT: CONFLICT,
        BrokerCode.VERSION_ROLLED_BACK: CONFLICT,
        BrokerCode.OWNER_REVOKED: REVOKED,
        BrokerCode.MODULE_REVOKED: REVOKED,
        BrokerCode.OWNER_EXISTS: CONFLICT,
        BrokerCode.OWNER_FOLLOWED: CONFLICT,
        BrokerCode.POLICY_NOT_NEWER: CONFLICT,
        BrokerCode.REQUEST_TOO_LARGE: LARGE,
        BrokerCode.DOCUMENT_FOR_ANOTHER_BROKER: MISDIRECTED,
        BrokerCode.ENVELOPE_FOR_ANOTHER_BROKER: MISDIRECTED,
        BrokerCode.KEY_UNKNOWN: MISDIRECTED,
        BrokerCode.RATE_LIMITED: LIMITED,
        BrokerCode.QUOTA_EXCEEDED: QUOTA,
        BrokerCode.STORE_UNAVAILABLE: UNAVAILABLE,
    }
)
_RETRY_AFTER_SECONDS: Final = MappingProxyType({LIMITED.slug: "10", UNAVAILABLE.slug: "5"})


def kind_of(code: StrEnum) -> Kind:
    """Return the kind of problem a code is; a code that no peer should see is a fault of ours."""
    return _BY_CODE.get(code) or _BY_ENUM.get(type(code), FAULT)


def code_of(error: Refused) -> StrEnum:
    """Return the code of an error of ours; a denial that names no reason is the broadest one."""
    return Denial.ENVIRONMENT if error.code is None else error.code


def detail_of(error: Refused) -> str:
    """Return what our log says of an error of ours, beside its code."""
    return str(error).removeprefix(f"{code_of(error)}: ")


def problem_of(error: Exception) -> Problem:
    """Return what a peer is told about an error of `REFUSED`; anything else is a blank fault."""
    if not isinstance(error, REFUSED):
        return fault(error)
    code = code_of(error)
    kind = kind_of(code)
    if kind is FAULT:
        return fault(error)
    decision, rules = None, None
    if isinstance(error, BrokerError):
        decision, rules = error.decision, error.rules or None
    refusal = {"code": str(code), "decision": decision, "detail": detail_of(error)}
    _log.info("refused", extra=refusal)
    return Problem(
        type=f"urn:sealwasm:problem:{kind.slug}",
        title=kind.title,
        status=kind.status,
        code=str(code),
        decision=decision,
        rules=rules,
    )


def fault(error: Exception) -> Problem:
    """Return a blank problem with an incident id, and log what happened under that id."""
    incident = f"incident-{secrets.token_hex(8)}"
    _log.error("fault", exc_info=error, extra={"incident": incident})
    return Problem(
        type=f"urn:sealwasm:problem:{FAULT.slug}",
        title=FAULT.title,
        status=FAULT.status,
        code=FAULT.slug,
        incident=incident,
    )


def headers_of(problem: Problem) -> dict[str, str]:
    """Return the headers of a problem's answer."""
    retry = _RETRY_AFTER_SECONDS.get(problem.type.rpartition(":")[2])
    return {"content-type": CONTENT_TYPE} | ({"retry-after": retry} if retry else {})


class LastResort:
    """The process edge: an exception nobody foresaw becomes a blank 500 and a line in our log."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, whatever happens inside."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            problem = fault(error)
            if started or scope["type"] != "http":
                raise
            await answer_problem(problem, send)


async def answer_problem(problem: Problem, send: Send) -> None:
    """Send a problem as the whole answer to a request."""
    headers = [(name.encode(), value.encode()) for name, value in headers_of(problem).items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": problem.to_bytes()})
