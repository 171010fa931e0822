"""Asking vendors' services: patience, bounds, and what is no answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime

import pytest

from attestation.endorsement_store.http import HttpClient, Reply
from attestation.endorsement_store.services import VendorUrls, origin_of
from attestation.errors import EvidenceError, Refusal
from tests.fakes.silicon import NOW
from tests.fakes.vendor_services import (
    Answer,
    Misbehaviour,
    VendorServices,
    instead,
    moved,
    oversized,
    slow,
    status,
    too_many,
    truncated,
    vendor_services,
)

LIMIT = 100


@pytest.fixture
def services() -> Iterator[VendorServices]:
    with vendor_services() as running:
        running.answers["/doc"] = Answer(b"content", {"X-Chain": "chain"})
        yield running


def get(services: VendorServices, path: str = "/doc", client: HttpClient | None = None) -> Reply:
    client = client or services.client()
    return client.get(services.base + path, limit_bytes=LIMIT, deadline=client.deadline())


def test_an_answer_comes_with_its_headers_in_lower_case(services: VendorServices) -> None:
    reply = get(services)
    assert (reply.body, reply.headers["x-chain"]) == (b"content", "chain")
    assert services.clock.slept == []


@pytest.mark.parametrize(
    ("how", "waits"),
    [
        ([too_many(7)], [7.0]),
        ([too_many(format_datetime(NOW + timedelta(seconds=9)))], [9.0]),
        ([too_many(format_datetime(NOW - timedelta(days=9)))], []),
        ([too_many("soon"), too_many("-3")], [1.0, 2.0]),
        ([too_many("Mon, 99 Foo 2026 00:00:00 GMT")], [1.0]),
        ([too_many("Sun, 22 Nov 2026 12:00:00 -0000")], [1.0]),
        ([status(503), status(500), status(504)], [1.0, 2.0, 4.0]),
        ([truncated(), truncated()], [1.0, 2.0]),
    ],
)
def test_a_service_that_is_busy_is_asked_again_later(
    services: VendorServices, how: list[Misbehaviour], waits: list[float]
) -> None:
    services.misbehave(*how)
    assert get(services).body == b"content"
    assert services.clock.slept == waits


def test_jitter_is_added_to_every_wait(services: VendorServices) -> None:
    times = services.clock.times()
    jittery = type(times)(times.monotonic, times.now, times.sleep, lambda: 0.5)
    services.misbehave(too_many(8))
    get(services, client=HttpClient(times=jittery))
    assert services.clock.slept == [9.5]


def test_what_a_host_asked_for_holds_for_the_next_question_too(services: VendorServices) -> None:
    client = services.client()
    services.misbehave(*[too_many(5)] * 4)
    with pytest.raises(EvidenceError):
        get(services, client=client)
    services.clock.slept.clear()
    get(services, client=client)
    assert services.clock.slept == [5.0]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ([status(503)] * 4, "asked 4 times"),
        ([too_many(100_000)], "may not be asked"),
        ([status(403)], "status 403"),
        ([status(204)], "status 204"),
        ([oversized(LIMIT + 1)], "sends over 100 bytes"),
        ([slow(1000)], "too slowly"),
        ([instead(b"x", content_encoding="gzip")], "compressed"),
        ([moved("http://example.invalid/doc")], "another host"),
        ([moved("https://127.0.0.1/doc")], "another host"),
        ([moved("")], "another host"),
        ([moved("http://[bad/")], "another host"),
        ([moved("/doc")] * 3, "on and on"),
    ],
)
def test_what_is_no_answer_is_said_so(
    services: VendorServices, how: list[Misbehaviour], words: str
) -> None:
    services.misbehave(*how)
    with pytest.raises(EvidenceError, match=words) as caught:
        get(services)
    assert caught.value.code is Refusal.ENDORSEMENT_UNAVAILABLE


def test_a_redirect_on_the_same_host_is_followed(services: VendorServices) -> None:
    services.misbehave(moved("/other"), moved("/doc"))
    assert get(services).body == b"content"
    assert services.asked == ["/doc", "/other", "/doc"]


def test_what_is_posted_is_not_sent_elsewhere(services: VendorServices) -> None:
    client = services.client()
    url = f"{services.base}/doc"
    sent = {"limit_bytes": LIMIT, "deadline": client.deadline()}
    assert client.post(url, b"question", "text/plain", **sent).body == b"content"
    services.misbehave(moved("/doc"))
    with pytest.raises(EvidenceError, match="another host"):
        client.post(url, b"question", "text/plain", **sent)
    assert services.posted == [b"question", b"question"]


def test_a_document_that_is_not_there_is_no_endorsement(services: VendorServices) -> None:
    with pytest.raises(EvidenceError) as caught:
        get(services, "/missing")
    assert caught.value.code is Refusal.NO_ENDORSEMENT


def test_nobody_listening_is_a_service_that_does_not_answer(services: VendorServices) -> None:
    client = services.client()
    with pytest.raises(EvidenceError, match="ConnectError"):
        client.get("http://127.0.0.1:1/", limit_bytes=LIMIT, deadline=client.deadline())


def test_without_httpx_nothing_can_be_fetched(
    services: VendorServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(EvidenceError, match="not installed"):
        get(services)


def test_the_clocks_of_this_machine_are_the_default() -> None:
    client = HttpClient()
    assert client.deadline() > client.times.monotonic()
    assert client.times.now().tzinfo is not None
    assert 0 <= client.times.jitter() < 1


@pytest.mark.parametrize(
    "url",
    [
        "http://kds.example",
        "ftp://kds.example",
        "https://",
        "https://me:secret@kds.example",
        "https://kds.example/?a=b",
        "https://kds.example/#a",
    ],
)
def test_services_are_https_addresses(url: str) -> None:
    with pytest.raises(ValueError, match="amd_kds"):
        VendorUrls(amd_kds=url)


def test_this_machine_may_be_asked_in_the_clear() -> None:
    assert VendorUrls(intel_pcs="http://127.0.0.1:8081/").intel_pcs == "http://127.0.0.1:8081"
    assert origin_of("https://a.example:1/x") == ("https", "a.example", 1)
