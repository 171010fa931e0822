"""The runner's client of the key broker: four calls, every answer bounded, nothing believed yet.

TLS hides which module a runner asks for; it is never what trust rests on. The caller verifies the
descriptor and the release against the identity that the owner's signature names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Final, Protocol, TypeVar

import httpcore
import httpx

from keybroker.protocol import (
    MAX_RESPONSE_BYTES,
    MAX_SMALL_BYTES,
    ActivationRequest,
    AttestationKeyCertificate,
    AttestationKeyRequest,
    ChallengeResponse,
    CredentialChallenge,
    Message,
    Problem,
    ProtocolError,
    ReleaseRequest,
)
from runner.errors import RunnerCode, RunnerError
from runner.timely import Exchange, TimelyTransport

# A release is one transaction of milliseconds; a broker that takes longer is not well.
TIMEOUT_SECONDS: Final = 20.0
# All of one exchange, however slowly its bytes come: the largest answer takes seconds.
EXCHANGE_SECONDS: Final = 60.0
# After a broken connection the same request is sent again: its idempotency key makes that safe.
RETRY_AFTER_SECONDS: Final = (0.2, 1.0)
# The log seals a checkpoint every second or so; a receipt can be had without a proof.
PROOF_AFTER_SECONDS: Final = (0.1, 0.3, 0.6, 1.0, 1.0, 1.0)
# A broker that puts us off slowly is not asked again after this: the guest has ended already.
PROOF_SECONDS: Final = 15.0

_CODE_OF_PROBLEM: Final = MappingProxyType(
    {
        "evidence-refused": RunnerCode.EVIDENCE_REFUSED,
        "policy-denied": RunnerCode.RELEASE_DENIED,
        "artifact-refused": RunnerCode.ARTIFACT_REFUSED,
        "rate-limited": RunnerCode.BROKER_UNREACHABLE,
        "unavailable": RunnerCode.BROKER_UNREACHABLE,
        "request-too-slow": RunnerCode.BROKER_UNREACHABLE,
    }
)


# What the transport raises, and what httpx raises before it comes to that.
_BROKEN: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpx.InvalidURL,
    httpx.TransportError,
)

Answer = TypeVar("Answer", bound=Message)


class Broker(Protocol):
    """What a run asks of a broker. Every answer is unverified; each call raises `RunnerError`."""

    @property
    def base(self) -> str:
        """Where this broker is: for people, and to keep what belongs to it apart."""

    def credential(self, request: AttestationKeyRequest) -> CredentialChallenge:
        """Return a secret for the TPM and the key in `request`."""

    def certify(self, request: ActivationRequest) -> AttestationKeyCertificate:
        """Return the certificate of an attestation key."""

    def descriptor(self) -> bytes:
        """Return the signed descriptor."""

    def challenge(self) -> ChallengeResponse:
        """Return a fresh challenge."""

    def release(self, request: ReleaseRequest) -> bytes:
        """Return the answer to `request`."""

    def proof(self, decision: str) -> str | None:
        """Return the inclusion proof of `decision`, or None if the log has none yet."""


class HttpBroker:
    """A broker at a URL. Follows no redirect, reads no proxy settings from the environment."""

    def __init__(
        self,
        url: str,
        *,
        client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        unsafe_plain_http: bool = False,
    ) -> None:
        self._base = _base_url(url, unsafe_plain_http=unsafe_plain_http)
        self._client = client or _client()
        self._sleep = sleep
        self._monotonic = monotonic

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def descriptor(self) -> bytes:
        """Return the signed descriptor. Raises `RunnerError`."""
        return self._require("GET", "/v1/broker", limit=MAX_SMALL_BYTES)

    def challenge(self) -> ChallengeResponse:
        """Return a fresh challenge. Raises `RunnerError`."""
        return self._ask("/v1/challenges", Message(), ChallengeResponse)

    @property
    def base(self) -> str:
        """Where this broker is."""
        return self._base

    def credential(self, request: AttestationKeyRequest) -> CredentialChallenge:
        """Return a secret for the TPM and the key in `request`. Raises `RunnerError`."""
        return self._ask("/v1/attestation-keys", request, CredentialChallenge)

    def certify(self, request: ActivationRequest) -> AttestationKeyCertificate:
        """Return the certificate of an attestation key. Raises `RunnerError`."""
        return self._ask("/v1/attestation-keys/activate", request, AttestationKeyCertificate)

    def _ask(self, path: str, request: Message, answer: type[Answer]) -> Answer:
        body = self._require("POST", path, content=request.to_bytes(), limit=MAX_SMALL_BYTES)
        try:
            return answer.parse(body)
        except ProtocolError as error:
            raise _not_ours(error.detail) from error

    def release(self, request: ReleaseRequest) -> bytes:
        """Return the answer to `request`, asked again if the connection breaks.

        Raises `RunnerError`: refused, denied, or out of reach.
        """
        content = request.to_bytes()
        for wait in RETRY_AFTER_SECONDS:
            try:
                return self._require("POST", "/v1/releases", content=content)
            except RunnerError as error:
                if error.code is not RunnerCode.BROKER_UNREACHABLE:
                    raise
                self._sleep(wait)
        return self._require("POST", "/v1/releases", content=content)

    def proof(self, decision: str) -> str | None:
        """Return the inclusion proof of `decision`, or None if the log has none in time.

        Raises `RunnerError` if the broker is out of reach or its answer is no text.
        """
        waits, ends = iter(PROOF_AFTER_SECONDS), self._monotonic() + PROOF_SECONDS
        while True:
            status, body = self._send("GET", f"/v1/audit/proofs/{decision}", limit=MAX_SMALL_BYTES)
            if status == httpx.codes.OK:
                return _text(body)
            wait = next(waits, None)
            if status not in {httpx.codes.NOT_FOUND, httpx.codes.TOO_EARLY} or wait is None:
                return None
            if self._monotonic() >= ends:
                return None
            self._sleep(wait)

    def _require(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        limit: int = MAX_RESPONSE_BYTES,
    ) -> bytes:
        status, body = self._send(method, path, content=content, limit=limit)
        if status != httpx.codes.OK:
            raise _problem(status, body)
        return body

    def _send(
        self, method: str, path: str, *, content: bytes | None = None, limit: int
    ) -> tuple[int, bytes]:
        # No compression: a bound on what arrives is then a bound on what is kept.
        headers: Mapping[str, str] = {"accept-encoding": "identity"}
        if content is not None:
            headers = {**headers, "content-type": "application/json"}
        try:
            with self._client.stream(
                method, self._base + path, content=content, headers=headers
            ) as response:
                body = bytearray()
                for piece in response.iter_raw():
                    body += piece
                    if len(body) > limit:
                        raise _not_ours(f"answer to {path} is longer than {limit} bytes")
                return response.status_code, bytes(body)
        except _BROKEN as error:
            detail = f"{self._base}: {type(error).__name__}"
            raise RunnerError(RunnerCode.BROKER_UNREACHABLE, detail) from error


def _client() -> httpx.Client:
    transport = TimelyTransport(Exchange(EXCHANGE_SECONDS))
    return httpx.Client(transport=transport, timeout=TIMEOUT_SECONDS, trust_env=False)


def _base_url(url: str, *, unsafe_plain_http: bool) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _bad_url(f"{url[:200]}: {error}") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise _bad_url(f"{url[:200]} is not an http or https URL")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise _bad_url("a broker URL has no user, query or fragment")
    if parsed.scheme == "http" and not unsafe_plain_http and not _is_loopback(parsed.host):
        raise _bad_url(f"http to {parsed.host} shows the network what you run; use https")
    return str(parsed).rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _problem(status: int, body: bytes) -> RunnerError:
    """Return the error for an answer that is no success. Believes nothing but the kind of it."""
    try:
        problem = Problem.parse(body)
    except ProtocolError:
        return _not_ours(f"status {status} without a problem document")
    code = _CODE_OF_PROBLEM.get(problem.type.rpartition(":")[2], RunnerCode.BROKER_REFUSED)
    detail = f"{problem.code}: {problem.title}"
    if problem.decision:
        detail += f", decision {problem.decision}"
    if problem.rules:
        detail += f", rules {', '.join(problem.rules)[:200]}"
    return RunnerError(code, detail, reason=problem.code)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_ours("proof is not text") from error


def _bad_url(detail: str) -> RunnerError:
    return RunnerError(RunnerCode.BROKER_URL_INVALID, detail)


def _not_ours(detail: str) -> RunnerError:
    return RunnerError(RunnerCode.BROKER_NOT_GENUINE, detail)
