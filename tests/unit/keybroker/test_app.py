"""The HTTP edge: what peers see, byte by byte, and what they never see."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keybroker import limits, protocol
from keybroker.audit.proof import verify_proof
from keybroker.edge.app import Edge, create_app, create_operations_app
from keybroker.edge.serve import repeating
from keybroker.edge.shares import Shares
from tests.fakes.web import PEER, Peer
from tests.fakes.world import World, make_world, release_policy

GOLDEN = Path(__file__).with_name("openapi.json")
CANARY = "canary-0123456789"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_world(tmp_path_factory.mktemp("app")) as made:
        yield made


@pytest.fixture(scope="module")
def client(world: World) -> Peer:
    return Peer(create_app(world.broker))


def require_problem(response: Any, status: int, code: str) -> protocol.Problem:
    assert response.headers["content-type"] == "application/problem+json"
    problem = protocol.Problem.parse(response.content)
    assert (response.status_code, problem.status, problem.code) == (status, status, code)
    return problem


def test_key_is_released_over_http(client: Peer, world: World) -> None:
    challenge = protocol.ChallengeResponse.parse(client.post("/v1/challenges", b"{}").content)
    runner = world.runner()
    response = client.post("/v1/releases", runner.request(challenge))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    document = runner.verify(response.content, world).document
    assert runner.open(response.content, world)

    proof = client.get(f"/v1/audit/proofs/{document.decision}")
    assert proof.headers["content-type"] == "text/plain; charset=utf-8"
    verify_proof(proof.content, leaf=document.leaf, log_key=world.broker.log.log_key)


def test_descriptor_is_the_pinned_brokers(client: Peer, world: World) -> None:
    found = protocol.verify_descriptor(client.get("/v1/broker").content, identity=world.identity)
    assert {"snp", "tdx"} <= set(found.tees)
    # A device beside a processor is no TEE of its own.
    assert "nvidia" not in found.tees
    assert found.simulated
    assert found.log.key == world.broker.log.log_key.vkey
    assert {key.suite for key in found.sealing_keys} == set(protocol.Suite.__args__)


def test_checkpoint_is_served(client: Peer, world: World) -> None:
    response = client.get("/v1/audit/checkpoint")
    assert response.content == world.broker.log.checkpoint()


def test_documents_are_enrolled_and_asked_about(client: Peer, world: World) -> None:
    from sealing.keys import SigningKey

    owner = SigningKey.generate("p256")
    enrolled = client.post("/v1/owners", world.owner_document(owner, name="other"))
    assert (enrolled.status_code, enrolled.json()["owner"]) == (201, owner.key_id)
    document = world.policy_document(release_policy(), owner=owner)
    assert client.post("/v1/policies", document).status_code == 201
    require_problem(client.post("/v1/policies", document), 409, "policy-not-newer")
    asked = client.post("/v1/evaluations", world.evaluation(owner=owner))
    assert (asked.status_code, asked.json()["allowed"]) == (200, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/releases", b"{", 400, "message-malformed"),
        ("POST", "/v1/releases", b"", 400, "message-malformed"),
        ("POST", "/v1/challenges", b'{"a":1}', 400, "message-malformed"),
        ("POST", "/v1/challenges", b"[]", 400, "message-malformed"),
        ("POST", "/v1/owners", b"{}", 400, "seal-malformed"),
        ("POST", "/v1/policies", b"\xff", 400, "seal-malformed"),
        ("POST", "/v1/evaluations", b"nonsense", 400, "seal-malformed"),
        ("GET", "/v1/audit/proofs/decision-none", None, 404, "decision-unknown"),
        ("GET", "/v1/nothing", None, 404, "not-found"),
        ("GET", "/v1/broker/", None, 404, "not-found"),
        ("GET", "/openapi.json", None, 404, "not-found"),
        ("GET", "/docs", None, 404, "not-found"),
        ("GET", "/metrics", None, 404, "not-found"),
        ("DELETE", "/v1/broker", None, 405, "method-not-allowed"),
        ("GET", "/v1/releases", None, 405, "method-not-allowed"),
    ],
)
def test_refusals_are_problems(
    client: Peer, method: str, path: str, body: bytes | None, status: int, code: str
) -> None:
    require_problem(client.request(method, path, content=body), status, code)


def test_refused_method_is_told_which_there_are(client: Peer) -> None:
    assert client.request("DELETE", "/v1/broker").headers["allow"] == "GET"
    assert "allow" not in client.get("/v1/nothing").headers


@pytest.mark.parametrize("path", ["/v1/broker", "/v1/nothing"])
def test_every_answer_has_security_headers(client: Peer, path: str) -> None:
    headers = client.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(("surplus", "code"), [(0, "message-malformed"), (1, "request-too-large")])
def test_body_has_a_limit(client: Peer, surplus: int, code: str) -> None:
    body = b" " * (limits.CHALLENGE_BODY_BYTES + surplus)
    require_problem(client.post("/v1/challenges", body), 413 if surplus else 400, code)


@pytest.mark.parametrize("path", ["/v1/owners", "/v1/owners/rotations", "/v1/revocations"])
def test_documents_that_are_small_are_read_small(client: Peer, path: str) -> None:
    body = b" " * (protocol.MAX_SMALL_BYTES + 1)
    require_problem(client.post(path, body), 413, "request-too-large")
    require_problem(client.post(path, body[:-1]), 400, "seal-malformed")


def test_body_that_never_ends_is_cut_off(client: Peer) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b" " * 65536

    require_problem(client.post("/v1/releases", endless()), 413, "request-too-large")


def test_body_that_never_comes_is_not_waited_for(
    client: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    monkeypatch.setattr(limits, "BODY_SECONDS", 0.01)
    require_problem(client.post("/v1/challenges", never()), 408, "request-too-slow")


def test_fault_is_blank_outside_and_told_inside(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def checkpoint(self) -> bytes:
            raise RuntimeError(CANARY)

    broken = replace(world.broker, log=Broken())  # type: ignore[arg-type]
    client = Peer(create_app(broken))
    with caplog.at_level(logging.ERROR):
        response = client.get("/v1/audit/checkpoint")
    problem = require_problem(response, 500, "internal-fault")
    assert CANARY not in response.text
    (record,) = [entry for entry in caplog.records if entry.message == "fault"]
    assert record.__dict__["incident"] == problem.incident


def test_access_log_has_no_bodies_and_no_made_up_paths(
    client: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="keybroker.access"):
        client.post(f"/{CANARY}?{CANARY}", CANARY)
        client.get("/v1/audit/proofs/decision-canary")
    told = [entry.__dict__ for entry in caplog.records if entry.name == "keybroker.access"]
    assert [(entry["path"], entry["status"]) for entry in told] == [
        ("none", 404),
        ("/v1/audit/proofs/{decision}", 404),
    ]
    assert CANARY not in json.dumps([str(entry) for entry in told])


def test_start_and_stop_of_the_server_are_no_requests(world: World) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    edge = Edge(app, world.broker.metrics, world.broker.sources)
    asyncio.run(edge({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]


@pytest.mark.parametrize("path", ["/v1/owners", "/v1/policies", "/v1/evaluations"])
def test_documents_are_limited(tmp_path: Path, path: str) -> None:
    with make_world(tmp_path, documents={"burst": 1, "per-second": 1}) as world:
        client = Peer(create_app(world.broker))
        require_problem(client.post(path, b"{}"), 400, "seal-malformed")
        require_problem(client.post(path, b"{}"), 429, "rate-limited")


def test_source_is_limited(tmp_path: Path) -> None:
    with make_world(tmp_path, challenges={"burst": 1, "per-second": 1}) as world:
        client = Peer(create_app(world.broker))
        assert client.post("/v1/challenges", b"{}").status_code == 200
        response = client.post("/v1/challenges", b"{}")
        require_problem(response, 429, "rate-limited")
        assert response.headers["retry-after"] == "10"


def test_openapi_is_the_golden_one(world: World) -> None:
    """To accept a change: `python -m tests.unit.keybroker.test_app`."""
    assert _openapi(world) == GOLDEN.read_text(encoding="utf-8")


def test_openapi_is_served_only_when_asked_for(world: World) -> None:
    client = Peer(create_app(world.broker, documented=True))
    assert client.get("/openapi.json").status_code == 200


def _openapi(world: World) -> str:
    schema = create_app(world.broker).openapi()
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def test_operators_have_their_own_application(world: World, client: Peer) -> None:
    challenge = protocol.ChallengeResponse.parse(client.post("/v1/challenges", b"{}").content)
    assert client.post("/v1/releases", world.runner().request(challenge)).status_code == 200
    client = Peer(create_operations_app(world.broker))
    assert client.get("/livez").text == "ok\n"
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (200, "ok\n")
    assert client.get("/readyz?verbose").text == "ok\nstore: ok\nlog: ok\n"
    metrics = client.get("/metrics").text
    assert 'sealwasm_broker_decisions_total{code="released"}' in metrics
    assert "sealwasm_broker_log_leaves" in metrics
    assert CANARY not in metrics
    require_problem(client.get("/v1/broker"), 404, "not-found")


def test_broker_that_cannot_sign_is_not_ready(tmp_path: Path) -> None:
    with make_world(tmp_path) as world:
        client = Peer(create_operations_app(world.broker))
        world.broker.store.close()
        response = client.get("/readyz?verbose")
    assert response.status_code == 503
    assert response.text == "not ready\nstore: failed\nlog: failed\n"


def test_broker_that_cannot_write_is_neither_ready_nor_alive(tmp_path: Path) -> None:
    """A failed disk can still be read: only what writes knows that it stopped for good."""
    with make_world(tmp_path) as world:
        client = Peer(create_operations_app(world.broker))
        world.broker.store._writer.stop()  # type: ignore[attr-defined]
        assert client.get("/livez").status_code == 503
        response = client.get("/readyz?verbose")
    assert response.status_code == 503
    assert response.text == "not ready\nstore: failed\nlog: ok\n"


def test_bodies_under_way_are_bounded_together_and_for_each_source(world: World) -> None:
    app = create_app(world.broker)
    app.state.bodies = Shares("bodies", together=100, each=50)
    peer = Peer(app)
    app.state.bodies.take("198.51.100.1", 50)
    app.state.bodies.take("198.51.100.2", 40)
    require_problem(peer.post("/v1/releases", b"x" * 11), 429, "rate-limited")
    app.state.bodies.give_back("198.51.100.2", 40)
    require_problem(peer.post("/v1/releases", b"x" * 51), 429, "rate-limited")
    require_problem(peer.post("/v1/releases", b"x" * 50), 400, "message-malformed")
    # All of it was given back.
    app.state.bodies.take(PEER[0], 50)


@pytest.mark.parametrize("limit", ["CONCURRENT_REQUESTS", "REQUESTS_OF_SOURCE"])
def test_requests_at_once_are_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(limits, limit, 0)
    refused = Peer(create_app(world.broker)).get("/v1/broker")
    require_problem(refused, 429, "rate-limited")
    assert refused.headers["cache-control"] == "no-store"
    monkeypatch.setattr(limits, limit, 1)
    peer = Peer(create_app(world.broker))
    assert [peer.get("/v1/broker").status_code for _ in range(2)] == [200, 200]


def test_client_that_goes_away_is_no_fault(world: World, caplog: pytest.LogCaptureFixture) -> None:
    said = iter(
        [
            {"type": "http.request", "body": b"{", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/releases",
        "headers": [],
        "query_string": b"",
        "client": PEER,
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return next(said)

    async def send(message: Any) -> None:
        sent.append(message)

    with caplog.at_level(logging.INFO):
        asyncio.run(create_app(world.broker)(scope, receive, send))
    assert sent[0]["status"] == 408
    assert not [entry for entry in caplog.records if entry.levelno > logging.INFO]


def test_rates_behind_a_proxy_are_of_who_asks_there(tmp_path: Path) -> None:
    proxies = {"addresses": ["192.0.2.0/24"], "header": "x-forwarded-for"}
    one_token = {"burst": 1, "per-second": 1}
    with make_world(tmp_path, challenges=one_token, proxies=proxies) as world:
        peer = Peer(create_app(world.broker))
        asked = [
            peer.post("/v1/challenges", b"{}", {"x-forwarded-for": who}).status_code
            for who in ("203.0.113.1", "203.0.113.2", "203.0.113.9, 203.0.113.1")
        ]
    assert asked == [200, 200, 429]


def test_reading_the_log_is_limited(tmp_path: Path) -> None:
    with make_world(tmp_path, challenges={"burst": 1, "per-second": 1}) as world:
        peer = Peer(create_app(world.broker))
        assert peer.get("/v1/audit/checkpoint").status_code == 200
        require_problem(peer.get("/v1/audit/proofs/decision-none"), 429, "rate-limited")
        require_problem(peer.get("/v1/audit/checkpoint"), 429, "rate-limited")


def test_what_is_repeated_goes_on_after_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    """Attack: one error in a thread of its own, and nothing is purged from then on."""
    done = threading.Event()
    turns: list[int] = []

    def work() -> None:
        turns.append(len(turns))
        if len(turns) == 1:
            raise RuntimeError(CANARY)
        done.set()

    with repeating(work, every_seconds=0.001):
        assert done.wait(30)
    assert [entry.message for entry in caplog.records] == ["fault"]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder, make_world(Path(folder)) as made:
        GOLDEN.write_text(_openapi(made), encoding="utf-8")
