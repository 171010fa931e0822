"""What the command line believes of whoever answers at a broker's address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import httpx
import pytest

from keybroker.protocol import MAX_RESPONSE_BYTES
from sealing import canonical
from sealwasm import broker_api
from sealwasm.broker_api import check_url, exchange, fetch_signed_descriptor, post_document
from sealwasm.cli import run_command
from sealwasm.failure import CliError
from sealwasm.session import Session

HERE = "http://127.0.0.1:8440"
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """Put an answer behind every address."""

    def put(answer: Answer) -> None:
        client = partial(httpx.Client, transport=httpx.MockTransport(answer))
        monkeypatch.setattr(httpx, "Client", client)

    return put


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(CliError) as caught:
        call()
    assert "hunter2" not in caught.value.as_text() + caught.value.as_json()
    return caught.value.code


@pytest.mark.parametrize("url", [HERE, f"{HERE}/", "https://broker.example/kb", "http://[::1]:1"])
def test_addresses(url: str) -> None:
    assert check_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "ftp://127.0.0.1",
        "http://[::1",
        "http://127.0.0.1:port",
        "http://127.0.0.1\t.example",
        "https://broker.example/?a",
        "https://broker.example/?",
        "https://broker.example#",
        # Two readers of such texts disagree about the host; and it is a place for passwords.
        "http://broker.example\\@127.0.0.1",
        "https://user:hunter2@broker.example",
        "user:hunter2@broker.example",
    ],
)
def test_what_is_no_address(url: str) -> None:
    assert code_of(lambda: check_url(url)) == "broker-url"


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1", "http://localhost.example", "http://0x7f.1", "http://127.1"]
)
def test_plain_http_goes_nowhere_else(url: str) -> None:
    assert code_of(lambda: check_url(url)) == "broker-url-plain"


def test_an_endless_answer_is_left_unread(answers: Callable[[Answer], None]) -> None:
    sent: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1 << 20)
            yield bytes(1 << 20)

    answers(lambda _: httpx.Response(200, content=endless()))
    assert code_of(lambda: exchange("GET", HERE, "/v1/broker")) == "broker-answer-too-large"
    assert sum(sent) <= MAX_RESPONSE_BYTES + (2 << 20)


def test_compression_is_not_asked_for_and_not_undone(answers: Callable[[Answer], None]) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["accept-encoding"])
        return httpx.Response(
            200, headers={"content-encoding": "gzip"}, content=iter([b"\x1f\x8b"])
        )

    answers(answer)
    assert exchange("GET", HERE, "/") == b"\x1f\x8b"
    assert seen == ["identity"]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"a":1,"a":2}', b"\xff"])
def test_an_answer_that_is_no_document(answers: Callable[[Answer], None], body: bytes) -> None:
    answers(lambda _: httpx.Response(200, content=iter([body])))
    assert code_of(lambda: post_document(HERE, "/v1/owners", b"{}")) == "broker-answer"


def test_an_answer_that_is_one(answers: Callable[[Answer], None]) -> None:
    answers(lambda _: httpx.Response(201, content=iter([b'{"owner":"acme"}'])))
    assert post_document(HERE, "/v1/owners", b"{}") == {"owner": "acme"}


def test_a_problem_of_strangers_is_printed_harmlessly(
    answers: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {
        "type": "urn:sealwasm:problem:policy-denied",
        "title": "\x1b]0;title\x07\u202eno\nerror[ok]: fine",
        "status": 403,
        "code": "denied-x",
        "rules": ["\x1b[31m"],
    }
    answers(lambda _: httpx.Response(403, content=iter([canonical.encode(problem)])))
    assert run_command(["broker", "describe", "--broker", HERE], Session()) == 3
    told = capsys.readouterr().err
    assert told.replace("\n", "").isprintable()
    assert "\nerror[ok]" not in told
    answers(lambda _: httpx.Response(500, content=iter([b"no problem document"])))
    assert code_of(lambda: exchange("GET", HERE, "/")) == "broker-answer"


def test_the_descriptor_that_is_printed_is_the_one_that_was_verified(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Somebody keeps it as a pin; a second request would be answered by whoever wants to."""
    asked: list[str] = []

    class Known:
        def identity_key(self) -> Known:
            return self

        key_id = "00" * 32

    def first_only(method: str, url: str, path: str) -> bytes:
        asked.append(f"{method} {url}{path}")
        return b"genuine" if len(asked) == 1 else b"another"

    def verified(data: bytes, *, identity: str) -> Known:
        assert (data, identity) == (b"genuine", "pinned")
        return Known()

    monkeypatch.setattr(broker_api, "exchange", first_only)
    monkeypatch.setattr(broker_api.protocol, "verify_descriptor", verified)
    command = ["broker", "describe", "--broker", HERE, "--broker-identity", "pinned"]
    assert run_command(command, Session()) == 0
    assert capsysbinary.readouterr().out == b"genuine"
    assert asked == [f"GET {HERE}/v1/broker"]


def test_an_identity_is_needed_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_api, "exchange", lambda *_: b"{}")
    asked = partial(fetch_signed_descriptor, "https://broker.example", None)
    assert code_of(asked) == "broker-identity-needed"
