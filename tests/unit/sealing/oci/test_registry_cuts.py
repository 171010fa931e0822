"""The line breaks anywhere: what arrives is exact, and nothing is used before it is whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealing.canonical import digest_of
from sealing.errors import SealRefusal
from sealing.oci import limits
from sealing.oci.blob import Blob
from sealing.oci.layout import OciLayout
from sealing.oci.registry.client import RegistryClient
from tests.fakes.registry import FakeRegistry
from tests.fakes.registry_wire import Response
from tests.unit.sealing.oci.conftest import FakeTime
from tests.unit.sealing.oci.samples import refusal

DATA = bytes(range(256)) * 2
DIGEST = digest_of(DATA)
SIZE = len(DATA)
# Every byte of the headers of both sides, which are shorter than this, and then some of the body.
PLACES = [*range(0, 360, 5), *range(360, SIZE + 360, 24), SIZE + 1000]


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small blobs go the way of large ones."""
    monkeypatch.setattr(limits, "SESSION_BYTES", 2)


@pytest.fixture
def stored(registry: FakeRegistry) -> None:
    registry.blobs[DIGEST] = DATA


class TestDownloads:
    pytestmark = pytest.mark.usefixtures("stored")

    @pytest.mark.parametrize("place", PLACES)
    def test_broken_anywhere_arrive_once(
        self, client: RegistryClient, registry: FakeRegistry, place: int
    ) -> None:
        registry.drops_answer_after(place)
        seen = bytearray()
        client.fetch_blob(DIGEST, SIZE, seen.extend)
        assert bytes(seen) == DATA

    @pytest.mark.parametrize("place", PLACES[::6])
    def test_broken_while_asking_arrive_once(
        self, client: RegistryClient, registry: FakeRegistry, place: int
    ) -> None:
        registry.drops_request_after(place, on="GET")
        seen = bytearray()
        client.fetch_blob(DIGEST, SIZE, seen.extend)
        assert bytes(seen) == DATA

    @pytest.mark.parametrize("ranges", [True, False])
    def test_broken_again_and_again_arrive_once(
        self, client: RegistryClient, registry: FakeRegistry, ranges: bool
    ) -> None:
        registry.ranges = ranges
        for place in (200, 300, 400):
            registry.drops_answer_after(place)
        seen = bytearray()
        client.fetch_blob(DIGEST, SIZE, seen.extend)
        assert bytes(seen) == DATA
        asked = [request.headers.get("range") for request in registry.requests]
        assert asked[0] is None
        assert asked[1].startswith("bytes=")

    def test_ask_for_the_missing_bytes_only(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        registry.breaks_off_after(300, times=1)
        client.get_blob(DIGEST, SIZE)
        assert registry.requests[1].headers["range"] == "bytes=300-"

    def test_of_which_only_the_end_of_the_answer_is_missing(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        headers = {"Content-Length": "", "Transfer-Encoding": "chunked"}
        body = b"%x\r\n%s\r\n" % (SIZE, DATA)
        registry.answers("GET", "/blobs/", Response(200, body, headers, length=0))
        assert client.get_blob(DIGEST, SIZE) == DATA
        assert registry.methods == ["GET"]

    @pytest.mark.parametrize(
        "said",
        [
            "",
            "bytes 300-511",
            "bytes 0-511/512",
            "bytes 299-511/512",
            "bytes 301-511/512",
            "bytes 300-510/512",
            "bytes 300-512/512",
            "bytes 300-511/513",
            "bytes 300-511/*, x",
            "Bytes 300-511/512",
            "bytes=300-511/512",
            " ",
        ],
    )
    def test_that_go_on_elsewhere_are_refused(
        self, client: RegistryClient, registry: FakeRegistry, said: str
    ) -> None:
        registry.breaks_off_after(300, times=1)
        registry.answers_ranges_with(said)
        assert refusal(client.get_blob, DIGEST, SIZE) is SealRefusal.REGISTRY_MALFORMED
        assert len(registry.requests) == 2

    def test_that_go_on_without_saying_how_long_they_are(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        registry.breaks_off_after(300, times=1)
        registry.answers_ranges_with("bytes 300-511/*")
        assert client.get_blob(DIGEST, SIZE) == DATA

    @pytest.mark.parametrize(
        ("status", "code"),
        [(416, SealRefusal.REGISTRY_REFUSED), (204, SealRefusal.REGISTRY_REFUSED),
         (404, SealRefusal.NOT_FOUND)],
    )  # fmt: skip
    def test_that_cannot_go_on(
        self, client: RegistryClient, registry: FakeRegistry, status: int, code: SealRefusal
    ) -> None:
        registry.breaks_off_after(300, times=1)
        registry.answers_ranges_with("", status=status)
        assert refusal(client.get_blob, DIGEST, SIZE) is code

    def test_part_of_an_answer_nobody_asked_a_part_of(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        registry.answers("GET", "/blobs/", Response(206, DATA))
        assert refusal(client.get_blob, DIGEST, SIZE) is SealRefusal.REGISTRY_REFUSED

    @pytest.mark.parametrize("length", [SIZE - 299, SIZE - 301, SIZE])
    def test_rest_of_another_length(
        self, client: RegistryClient, registry: FakeRegistry, length: int
    ) -> None:
        registry.breaks_off_after(300, times=1)
        rest = Response(206, bytes(length), {"Content-Range": "bytes 300-511/512"})
        registry.answers("GET", "/blobs/", rest)
        assert refusal(client.get_blob, DIGEST, SIZE) is SealRefusal.SIZE_MISMATCH

    def test_tries_that_get_on_do_not_count(
        self, client: RegistryClient, registry: FakeRegistry, time: FakeTime,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr(limits, "RESUME_BYTES", 60)
        registry.breaks_off_after(60, times=8)
        assert client.get_blob(DIGEST, SIZE) == DATA
        assert time.slept == [limits.RETRY_SECONDS[0]] * 8

    def test_tries_that_hardly_get_on_do(
        self, client: RegistryClient, registry: FakeRegistry, time: FakeTime
    ) -> None:
        registry.breaks_off_after(60)
        assert refusal(client.get_blob, DIGEST, SIZE) is SealRefusal.UNREACHABLE
        assert time.slept == list(limits.RETRY_SECONDS)


class TestNothingHalfPulled:
    pytestmark = pytest.mark.usefixtures("stored")

    @pytest.fixture
    def layout(self, tmp_path: Path) -> OciLayout:
        return OciLayout.create(tmp_path / "layout")

    @pytest.fixture(params=["cut", "truncated", "padded", "flipped", "slow"])
    def damaged(
        self, request: pytest.FixtureRequest, registry: FakeRegistry, time: FakeTime
    ) -> None:
        {
            "cut": lambda: registry.never_sends_the_end(SIZE - 1),
            "truncated": lambda: registry.truncates_blobs_at(SIZE - 1),
            "padded": lambda: registry.pads_blobs_with(b"x"),
            "flipped": lambda: registry.flips_a_bit_at(SIZE - 1),
            "slow": lambda: registry.drips(lambda: time.sleep(1)),
        }[request.param]()

    @pytest.mark.usefixtures("damaged")
    def test_is_returned(self, client: RegistryClient) -> None:
        assert refusal(client.get_blob, DIGEST, SIZE) in (
            SealRefusal.UNREACHABLE,
            SealRefusal.SIZE_MISMATCH,
            SealRefusal.DIGEST_MISMATCH,
            SealRefusal.REGISTRY_SLOW,
        )

    @pytest.mark.usefixtures("damaged")
    def test_is_in_a_folder(
        self, client: RegistryClient, layout: OciLayout, tmp_path: Path
    ) -> None:
        def chunks() -> Iterator[bytes]:
            yield client.get_blob(DIGEST, SIZE)

        refusal(layout.put_blob, Blob(DIGEST, SIZE, chunks))
        assert not [*(tmp_path / "layout" / "blobs" / "sha256").iterdir()]

    @pytest.mark.parametrize("place", [0, 1, 255, SIZE - 1])
    def test_is_in_a_folder_while_it_comes(
        self, layout: OciLayout, tmp_path: Path, place: int
    ) -> None:
        folder = tmp_path / "layout" / "blobs" / "sha256"

        def chunks() -> Iterator[bytes]:
            yield DATA[:place]
            assert not (folder / DIGEST.removeprefix("sha256:")).exists()
            yield DATA[place:]

        layout.put_blob(Blob(DIGEST, SIZE, chunks))
        assert layout.get_blob(DIGEST, SIZE) == DATA


class TestUploads:
    @pytest.mark.parametrize("place", PLACES)
    def test_broken_anywhere_arrive(
        self, client: RegistryClient, registry: FakeRegistry, place: int
    ) -> None:
        registry.drops_request_after(place)
        client.put_blob(Blob.of(DATA))
        assert registry.blobs == {DIGEST: DATA}

    @pytest.mark.usefixtures("sessions")
    @pytest.mark.parametrize("place", PLACES)
    def test_of_large_blobs_go_on(
        self, client: RegistryClient, registry: FakeRegistry, place: int
    ) -> None:
        registry.drops_request_after(place, on="PATCH")
        client.put_blob(Blob.of(DATA))
        assert registry.blobs == {DIGEST: DATA}
        assert sum(len(request.body) for request in registry.requests) <= SIZE + 1

    @pytest.mark.usefixtures("sessions")
    @pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT"])
    @pytest.mark.parametrize("place", [0, 1, 17, 60, 110, 1000])
    def test_broken_in_any_answer_arrive(
        self, client: RegistryClient, registry: FakeRegistry, method: str, place: int
    ) -> None:
        registry.drops_answer_after(place, on=method)
        client.put_blob(Blob.of(DATA))
        assert registry.blobs == {DIGEST: DATA}

    @pytest.mark.usefixtures("sessions")
    def test_send_the_missing_bytes_only(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        registry.drops_request_after(600, on="PATCH")
        client.put_blob(Blob.of(DATA))
        assert registry.methods == ["HEAD", "POST", "PATCH", "GET", "PATCH", "PUT"]
        first, second = (request for request in registry.requests if request.method == "PATCH")
        start = len(first.body)
        assert 0 < start < SIZE
        assert second.body == DATA[start:]
        assert second.headers["content-range"] == f"{start}-{SIZE - 1}"

    @pytest.mark.usefixtures("sessions")
    @pytest.mark.parametrize("status", [404, 416, 400])
    def test_whose_session_is_gone_begin_anew(
        self, client: RegistryClient, registry: FakeRegistry, status: int
    ) -> None:
        registry.drops_request_after(600, on="PATCH")
        registry.forgets_uploads(status)
        client.put_blob(Blob.of(DATA))
        assert registry.methods == [
            "HEAD", "POST", "PATCH", "GET", "HEAD", "POST", "PATCH", "PUT",
        ]  # fmt: skip
        assert registry.blobs == {DIGEST: DATA}

    @pytest.mark.usefixtures("sessions")
    def test_whose_session_cannot_be_asked_for_now(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        registry.drops_request_after(600, on="PATCH")
        registry.fails("GET", "/blobs/uploads/", 503, times=1)
        client.put_blob(Blob.of(DATA))
        assert registry.methods == ["HEAD", "POST", "PATCH", "GET", "GET", "PATCH", "PUT"]

    @pytest.mark.usefixtures("sessions")
    @pytest.mark.parametrize(
        "said",
        ["", "0-", "0-0", "0-1", "1-300", "0-510", "0-511", "0-512", "0-" + "9" * 40, "x"],
    )
    def test_whose_session_is_wrong_arrive(
        self, client: RegistryClient, registry: FakeRegistry, said: str
    ) -> None:
        registry.drops_request_after(600, on="PATCH")
        registry.claims_to_have_of_uploads(said)
        client.put_blob(Blob.of(DATA))
        assert registry.blobs == {DIGEST: DATA}

    @pytest.mark.usefixtures("sessions")
    def test_that_are_never_right_have_an_end(
        self, client: RegistryClient, registry: FakeRegistry, time: FakeTime
    ) -> None:
        registry.drops_request_after(600, on="PATCH")
        registry.claims_to_have_of_uploads("0-400")
        registry.answers("PUT", "/blobs/uploads/", Response(400))
        assert refusal(client.put_blob, Blob.of(DATA)) is SealRefusal.REGISTRY_REFUSED
        assert len(time.slept) == 2

    def test_whose_last_answer_is_lost_are_not_sent_again(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        registry.drops_answer_after(0, on="PUT")
        client.put_blob(Blob.of(DATA))
        assert registry.methods == ["HEAD", "POST", "PUT", "GET", "HEAD"]

    @pytest.mark.parametrize("more", [b"", b"x"])
    def test_of_other_bytes_than_said_do_not_leave(
        self, client: RegistryClient, registry: FakeRegistry, more: bytes
    ) -> None:
        wrong = Blob(DIGEST, SIZE, lambda: iter([DATA[:-1], more * 2]))
        assert refusal(client.put_blob, wrong) is SealRefusal.SIZE_MISMATCH
        assert registry.blobs == {}

    def test_that_always_break_have_an_end(
        self, client: RegistryClient, registry: FakeRegistry, time: FakeTime
    ) -> None:
        registry.drops_request_after(60, times=1000)
        assert refusal(client.put_blob, Blob.of(DATA)) is SealRefusal.UNREACHABLE
        assert time.slept == list(limits.RETRY_SECONDS)


def test_threads_share_a_client(client: RegistryClient, registry: FakeRegistry) -> None:
    blobs = [DATA + bytes([number]) for number in range(12)]
    threads = [threading.Thread(target=client.put_blob, args=(Blob.of(blob),)) for blob in blobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(registry.blobs.values()) == blobs
