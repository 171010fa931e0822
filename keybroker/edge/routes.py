"""The HTTP routes: one call each. Refusals are raised and become problems in keybroker.problems."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from keybroker import limits, protocol
from keybroker.broker import Broker
from keybroker.edge.shares import Shares
from keybroker.errors import BrokerCode, BrokerError
from keybroker.owners.enrolment import OwnerEnrolled, PolicyEnrolled
from keybroker.owners.evaluation import EvaluationResponse
from keybroker.owners.owner_changes import OwnerRotated, RevocationRecorded
from keybroker.problems import CONTENT_TYPE

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


def broker_of(request: Request) -> Broker:
    """Return the broker that this application serves."""
    return cast("Broker", request.app.state.broker)


def body_up_to(limit: int) -> Callable[[Request], AsyncIterator[bytes]]:
    """Return a dependency that reads a body of at most `limit` bytes in bounded time and memory.

    Its bytes count as under way until the request was answered.
    """

    async def read(request: Request) -> AsyncIterator[bytes]:
        bodies: Shares = request.app.state.bodies
        who, body = source(request), bytearray()
        try:
            await _fill(body, request, limit, lambda size: bodies.take(who, size))
            yield bytes(body)
        finally:
            bodies.give_back(who, len(body))

    return read


async def _fill(body: bytearray, request: Request, limit: int, take: Callable[[int], None]) -> None:
    try:
        async with asyncio.timeout(limits.BODY_SECONDS):
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise BrokerError(BrokerCode.REQUEST_TOO_LARGE, f"body exceeds {limit}")
                take(len(chunk))
                body += chunk
    except TimeoutError as error:
        raise BrokerError(BrokerCode.REQUEST_TOO_SLOW, f"{len(body)} bytes came") from error
    except ClientDisconnect as error:
        detail = f"the client went away after {len(body)} bytes"
        raise BrokerError(BrokerCode.REQUEST_TOO_SLOW, detail) from error


def source(request: Request) -> str:
    """Return who asks, as far as the rate limit cares: the edge found out."""
    return cast("str", request.state.source)


Served = Annotated[Broker, Depends(broker_of)]
Source = Annotated[str, Depends(source)]
ChallengeBody = Annotated[bytes, Depends(body_up_to(limits.CHALLENGE_BODY_BYTES))]
ReleaseBody = Annotated[bytes, Depends(body_up_to(protocol.MAX_REQUEST_BYTES))]
SmallBody = Annotated[bytes, Depends(body_up_to(protocol.MAX_SMALL_BYTES))]
EnrolmentBody = Annotated[bytes, Depends(body_up_to(limits.ENROLMENT_BODY_BYTES))]


def _inlined(schema: Any, known: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, known) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if name := schema.get("$ref"):
        return _inlined(known[name.rpartition("/")[2]], known)
    return {key: _inlined(value, known) for key, value in schema.items() if key != "$defs"}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a message with nothing left to look up."""
    schema = model.model_json_schema()
    return cast("dict[str, Any]", _inlined(schema, schema.get("$defs", {})))


def _takes(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def _answers(schema: dict[str, Any], status: int = 200, kind: str = JSON) -> dict[int | str, Any]:
    problem = {CONTENT_TYPE: {"schema": schema_of(protocol.Problem)}}
    return {
        status: {"description": "Done", "content": {kind: {"schema": schema}}},
        "default": {"description": "Refused (RFC 9457)", "content": problem},
    }


DSSE_SCHEMA = {"type": "object", "description": "DSSE envelope in RFC 8785 form"}
TEXT_SCHEMA = {"type": "string"}

router = APIRouter(prefix="/v1", default_response_class=Response)


@router.get("/broker", responses=_answers(DSSE_SCHEMA))
def get_broker(broker: Served) -> Response:
    """Return what this broker signs about itself: keys, accepted TEEs, log."""
    return Response(broker.descriptor, media_type=JSON)


@router.post(
    "/challenges",
    responses=_answers(schema_of(protocol.ChallengeResponse)),
    openapi_extra=_takes({"type": "object", "maxProperties": 0}),
)
def post_challenges(body: ChallengeBody, broker: Served, who: Source) -> Response:
    """Return a challenge to be used once."""
    return Response(broker.challenge(body, source=who).to_bytes(), media_type=JSON)


@router.post(
    "/releases",
    responses=_answers(schema_of(protocol.ReleaseResponse)),
    openapi_extra=_takes(schema_of(protocol.ReleaseRequest)),
)
def post_releases(body: ReleaseBody, broker: Served, who: Source) -> Response:
    """Release one content key to one attested runner."""
    return Response(broker.releases.release(body, source=who), media_type=JSON)


@router.post(
    "/owners",
    status_code=201,
    responses=_answers(schema_of(OwnerEnrolled), 201),
    openapi_extra=_takes(DSSE_SCHEMA),
)
def post_owners(body: SmallBody, broker: Served, who: Source) -> Response:
    """Enrol a module owner by a document that operator and owner signed."""
    return Response(broker.enrol_owner(body, source=who).to_bytes(), 201, media_type=JSON)


@router.post(
    "/owners/rotations",
    status_code=201,
    responses=_answers(schema_of(OwnerRotated), 201),
    openapi_extra=_takes(DSSE_SCHEMA),
)
def post_rotations(body: SmallBody, broker: Served, who: Source) -> Response:
    """Enrol the key that follows an owner's by a document that both keys signed."""
    return Response(broker.rotate_owner(body, source=who).to_bytes(), 201, media_type=JSON)


@router.post(
    "/revocations",
    status_code=201,
    responses=_answers(schema_of(RevocationRecorded), 201),
    openapi_extra=_takes(DSSE_SCHEMA),
)
def post_revocations(body: SmallBody, broker: Served, who: Source) -> Response:
    """Revoke an artifact, a module's versions or a key by a document of its owner or operator."""
    return Response(broker.revoke(body, source=who).to_bytes(), 201, media_type=JSON)


@router.post(
    "/policies",
    status_code=201,
    responses=_answers(schema_of(PolicyEnrolled), 201),
    openapi_extra=_takes(DSSE_SCHEMA),
)
def post_policies(body: EnrolmentBody, broker: Served, who: Source) -> Response:
    """Enrol a release policy by a document that its owner signed."""
    return Response(broker.enrol_policy(body, source=who).to_bytes(), 201, media_type=JSON)


@router.post(
    "/attestation-keys",
    responses=_answers(schema_of(protocol.CredentialChallenge)),
    openapi_extra=_takes(schema_of(protocol.AttestationKeyRequest)),
)
def post_attestation_keys(body: SmallBody, broker: Served, who: Source) -> Response:
    """Return a secret that only the TPM of a trusted maker opens that holds a key."""
    return Response(broker.challenge_tpm(body, source=who).to_bytes(), media_type=JSON)


@router.post(
    "/attestation-keys/activate",
    responses=_answers(schema_of(protocol.AttestationKeyCertificate)),
    openapi_extra=_takes(schema_of(protocol.ActivationRequest)),
)
def post_activations(body: SmallBody, broker: Served, who: Source) -> Response:
    """Certify an attestation key whose TPM opened its secret."""
    certificate = broker.certify_attestation_key(body, source=who)
    return Response(certificate.to_bytes(), media_type=JSON)


@router.post(
    "/evaluations",
    responses=_answers(schema_of(EvaluationResponse)),
    openapi_extra=_takes(DSSE_SCHEMA),
)
def post_evaluations(body: EnrolmentBody, broker: Served, who: Source) -> Response:
    """Say to an owner what the policy would decide about evidence; nothing is released."""
    return Response(broker.evaluate(body, source=who).to_bytes(), media_type=JSON)


@router.get("/audit/checkpoint", responses=_answers(TEXT_SCHEMA, kind="text/plain"))
def get_checkpoint(broker: Served, who: Source) -> Response:
    """Return the signed head of the audit log (C2SP tlog-checkpoint)."""
    return Response(broker.checkpoint(source=who), media_type=TEXT)


@router.get("/audit/proofs/{decision}", responses=_answers(TEXT_SCHEMA, kind="text/plain"))
def get_proof(decision: str, broker: Served, who: Source) -> Response:
    """Return the proof that a decision is in the audit log (C2SP tlog-proof)."""
    return Response(broker.proof(decision, source=who), media_type=TEXT)
