"""The broker client against a broker with verbs, and against anything else that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from keybroker.protocol import (
    MAX_SMALL_BYTES,
    ChallengeResponse,
    Problem,
    ReleaseRequest,
    RunnerKey,
)
from runner.broker import PROOF_AFTER_SECONDS, RETRY_AFTER_SECONDS, HttpBroker
from runner.errors import RunnerCode, RunnerError

CHALLENGE = ChallengeResponse(challenge="c" * 32, nonce=bytes(32), expires="2026-11-22T10:00:00Z")
REQUEST = ReleaseRequest(
    challenge="c" * 32,
    runner_key=RunnerKey(suite="x25519-hkdfsha256-aes256gcm", public=bytes(32)),
    receipt_key=bytes(32),
    evidence={"tee": "snp", "report": "AA=="},
    manifest=b"{}",
    signatures=(b"{}",),
    idempotency_key="k" * 22,
)


class FakeBroker:
    """Answers what it is told, in order; the last answer stays."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: list[Callable[[], httpx.Response]] = []
        self.slept: list[float] = []

    def answers_with(self, status: int, content: bytes, times: int = 1) -> FakeBroker:
        self.answers += [lambda: httpx.Response(status, content=iter([content]))] * times
        return self

    def refuses(self, status: int, slug: str, code: str, **members: object) -> FakeBroker:
        kind = f"urn:sealwasm:problem:{slug}"
        problem = Problem(type=kind, title="No", status=status, code=code, **members)
        return self.answers_with(status, problem.to_bytes())

    def breaks_the_connection(self, times: int = 1) -> FakeBroker:
        def broken() -> httpx.Response:
            raise httpx.ReadError("connection reset")

        self.answers += [broken] * times
        return self

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        return answer()

    def client(self) -> HttpBroker:
        client = httpx.Client(transport=httpx.MockTransport(self))
        return HttpBroker("https://broker.example/", client=client, sleep=self.slept.append)


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


def test_the_four_calls(broker: FakeBroker) -> None:
    broker.answers_with(200, b"descriptor").answers_with(200, CHALLENGE.to_bytes())
    broker.answers_with(200, b"released").answers_with(200, b"proof\n")
    client = broker.client()
    assert client.descriptor() == b"descriptor"
    assert client.challenge() == CHALLENGE
    assert client.release(REQUEST) == b"released"
    assert client.proof("decision-1") == "proof\n"
    client.close()
    calls = [(request.method, request.url.path) for request in broker.requests]
    assert calls == [
        ("GET", "/v1/broker"),
        ("POST", "/v1/challenges"),
        ("POST", "/v1/releases"),
        ("GET", "/v1/audit/proofs/decision-1"),
    ]
    assert broker.requests[2].content == REQUEST.to_bytes()
    assert broker.requests[2].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "slug", "code"),
    [
        (422, "evidence-refused", RunnerCode.EVIDENCE_REFUSED),
        (403, "policy-denied", RunnerCode.RELEASE_DENIED),
        (400, "artifact-refused", RunnerCode.ARTIFACT_REFUSED),
        (401, "attest-again", RunnerCode.BROKER_REFUSED),
        (404, "unknown", RunnerCode.BROKER_REFUSED),
        (429, "rate-limited", RunnerCode.BROKER_UNREACHABLE),
        (503, "unavailable", RunnerCode.BROKER_UNREACHABLE),
        (418, "something-new", RunnerCode.BROKER_REFUSED),
    ],
)
def test_a_refusal_keeps_its_kind_and_code(
    broker: FakeBroker, status: int, slug: str, code: RunnerCode
) -> None:
    broker.refuses(status, slug, "debug-enabled", decision="decision-1", rules=("no-debug",))
    with pytest.raises(RunnerError) as caught:
        broker.client().challenge()
    assert caught.value.code is code
    assert caught.value.reason == "debug-enabled"
    assert "decision-1" in caught.value.detail
    assert "no-debug" in caught.value.detail


def test_a_refusal_is_final(broker: FakeBroker) -> None:
    broker.refuses(403, "policy-denied", "policy-denied")
    with pytest.raises(RunnerError):
        broker.client().release(REQUEST)
    assert len(broker.requests) == 1


def test_a_broken_connection_is_tried_again_with_the_same_request(broker: FakeBroker) -> None:
    broker.breaks_the_connection(2).answers_with(200, b"released")
    assert broker.client().release(REQUEST) == b"released"
    assert len({request.content for request in broker.requests}) == 1
    assert broker.slept == list(RETRY_AFTER_SECONDS)


def test_a_connection_that_stays_broken_is_out_of_reach(broker: FakeBroker) -> None:
    broker.breaks_the_connection()
    with pytest.raises(RunnerError) as caught:
        broker.client().release(REQUEST)
    assert caught.value.code is RunnerCode.BROKER_UNREACHABLE
    assert len(broker.requests) == len(RETRY_AFTER_SECONDS) + 1


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (200, bytes(MAX_SMALL_BYTES + 1)),
        (200, b"{}"),
        (200, b'{"challenge": "x"}'),
        (302, b""),
        (500, b"<html>oops</html>"),
        (204, b""),
    ],
)
def test_an_answer_no_broker_gives(broker: FakeBroker, status: int, content: bytes) -> None:
    broker.answers_with(status, content)
    with pytest.raises(RunnerError) as caught:
        broker.client().challenge()
    assert caught.value.code is RunnerCode.BROKER_NOT_GENUINE


def test_an_endless_answer_ends_at_its_bound(broker: FakeBroker) -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield bytes(1024)

    broker.answers.append(lambda: httpx.Response(200, content=endless()))
    with pytest.raises(RunnerError):
        broker.client().descriptor()
    assert len(taken) <= MAX_SMALL_BYTES // 1024 + 1


def test_a_proof_is_waited_for(broker: FakeBroker) -> None:
    broker.refuses(425, "too-early", "proof-not-ready")
    broker.refuses(425, "too-early", "proof-not-ready").answers_with(200, b"proof")
    assert broker.client().proof("decision-1") == "proof"
    assert broker.slept == list(PROOF_AFTER_SECONDS[:2])


@pytest.mark.parametrize(("status", "asked"), [(404, 7), (500, 1)])
def test_no_proof_in_time(broker: FakeBroker, status: int, asked: int) -> None:
    broker.answers_with(status, b"")
    assert broker.client().proof("decision-1") is None
    assert len(broker.requests) == asked


def test_a_broker_that_puts_us_off_slowly_is_not_asked_for_long(broker: FakeBroker) -> None:
    broker.refuses(404, "not-found", "not-found")
    times = iter([0.0, 14.0, 15.0])
    client = httpx.Client(transport=httpx.MockTransport(broker))
    asked = HttpBroker(
        "https://broker.example",
        client=client,
        sleep=broker.slept.append,
        monotonic=lambda: next(times),
    )
    assert asked.proof("decision-1") is None
    assert len(broker.requests) == 2


def test_a_proof_that_is_no_text(broker: FakeBroker) -> None:
    broker.answers_with(200, b"\xff")
    with pytest.raises(RunnerError) as caught:
        broker.client().proof("decision-1")
    assert caught.value.code is RunnerCode.BROKER_NOT_GENUINE


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker.example",
        "ftp://broker.example",
        "https://",
        "https://user:secret@broker.example",
        "https://broker.example/?x=1",
        "https://broker.example/#x",
        "http://broker.example",
        "http://[::1",
        "http://192.0.2.1:8080",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(RunnerError) as caught:
        HttpBroker(url)
    assert caught.value.code is RunnerCode.BROKER_URL_INVALID
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://broker.example"]
)
def test_urls_that_are_taken(url: str) -> None:
    HttpBroker(url).close()


def test_plain_http_elsewhere_takes_a_word() -> None:
    HttpBroker("http://broker.example", unsafe_plain_http=True).close()


def test_nobody_listens() -> None:
    with pytest.raises(RunnerError) as caught:
        HttpBroker("http://127.0.0.1:9").descriptor()
    assert caught.value.code is RunnerCode.BROKER_UNREACHABLE
