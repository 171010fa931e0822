"""The registry client against a registry that works, and one that does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from sealing import limits as format_limits
from sealing.canonical import digest_of
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.blob import Blob, Receiver
from sealing.oci.descriptor import INDEX_TYPE, parse_manifest
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.settings import RegistrySettings
from tests.fakes.registry import FakeRegistry, running
from tests.fakes.registry_wire import Request, Response
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.conftest import FakeTime
from tests.unit.sealing.oci.samples import refusal

LAYER = digest_of(samples.LAYER)
SIZE = len(samples.LAYER)


@pytest.fixture
def published(registry: FakeRegistry, client: RegistryClient) -> str:
    digest = samples.publish(client, samples.manifest(), tag="v1")
    registry.requests.clear()
    return digest


class TestWorking:
    def test_ping(self, client: RegistryClient) -> None:
        client.ping()

    def test_round_trip(self, client: RegistryClient, published: str) -> None:
        assert client.get_manifest("v1") == client.get_manifest(published) == samples.manifest()
        assert client.resolve("v1").digest == published
        assert client.get_blob(LAYER, SIZE) == samples.LAYER
        assert client.has_blob(LAYER, SIZE)
        assert not client.has_blob(LAYER, SIZE + 1)

    def test_what_is_there_is_not_sent(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        client.put_blob(Blob.of(samples.LAYER))
        assert [request.method for request in registry.requests] == ["HEAD"]

    @pytest.mark.parametrize("size", [0, 1, limits.CHUNK_BYTES + 1])
    def test_sizes(self, client: RegistryClient, size: int) -> None:
        data = b"x" * size
        client.put_blob(Blob.of(data))
        assert client.get_blob(digest_of(data), size) == data

    def test_absent(self, client: RegistryClient) -> None:
        assert refusal(client.get_manifest, "v1") is SealRefusal.NOT_FOUND
        assert refusal(client.get_blob, samples.ABSENT, 1) is SealRefusal.NOT_FOUND
        assert not client.has_blob(samples.ABSENT, 1)

    @pytest.mark.parametrize("target", ["../v1", "v1?x=1", "", "sha512:00", "a b"])
    def test_targets_are_no_paths(
        self, client: RegistryClient, registry: FakeRegistry, target: str
    ) -> None:
        assert refusal(client.get_manifest, target) is SealRefusal.REFERENCE_INVALID
        assert refusal(client.get_blob, target, 1) is SealRefusal.REFERENCE_INVALID
        assert refusal(client.referrers, target, artifact_type="x") is SealRefusal.REFERENCE_INVALID
        assert registry.requests == []

    def test_nothing_is_sent_that_was_not_asked_for(
        self, client: RegistryClient, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        registry.answers("GET", "/v2/", Response(200, headers={"Set-Cookie": "a=b"}), times=1)
        client.ping()
        client.ping()
        headers = registry.requests[1].headers
        assert "cookie" not in headers
        assert "authorization" not in headers
        assert (headers["user-agent"], headers["accept-encoding"]) == ("sealwasm", "identity")


class TestBlobsThatLie:
    def test_other_bytes(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        registry.blobs[LAYER] = samples.LAYER[::-1]
        assert refusal(client.get_blob, LAYER, SIZE) is SealRefusal.DIGEST_MISMATCH

    @pytest.mark.parametrize("size", [0, SIZE - 1, SIZE + 1, 3 * SIZE])
    def test_other_size(
        self, client: RegistryClient, registry: FakeRegistry, published: str, size: int
    ) -> None:
        registry.blobs[LAYER] = (samples.LAYER * 3)[:size]
        assert refusal(client.get_blob, LAYER, SIZE) is SealRefusal.SIZE_MISMATCH

    @pytest.mark.parametrize("size", [0, SIZE - 1, SIZE + 1, 3 * SIZE])
    def test_other_size_without_saying_so(
        self, client: RegistryClient, registry: FakeRegistry, published: str, size: int
    ) -> None:
        body = (samples.LAYER * 3)[:size]
        chunk = b"%x\r\n%s\r\n" % (size, body) if size else b""
        headers = {"Content-Length": "", "Transfer-Encoding": "chunked"}
        registry.answers("GET", "/blobs/", Response(200, chunk + b"0\r\n\r\n", headers))
        assert refusal(client.get_blob, LAYER, SIZE) is SealRefusal.SIZE_MISMATCH

    @pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1])
    def test_size_that_is_said_wrong_is_enough(
        self, client: RegistryClient, registry: FakeRegistry, published: str, size: int
    ) -> None:
        registry.blobs[LAYER] = (samples.LAYER * 2)[:size]
        seen = bytearray()
        refusal(client.fetch_blob, LAYER, SIZE, seen.extend)
        assert not seen

    def test_never_more_than_asked_for(self) -> None:
        seen = bytearray()
        receiver = Receiver(LAYER, SIZE, seen.extend)
        receiver.feed(samples.LAYER)
        assert refusal(receiver.feed, b"x") is SealRefusal.SIZE_MISMATCH
        assert bytes(seen) == samples.LAYER

    def test_compressed_unasked(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        headers = {"Content-Encoding": "gzip"}
        registry.answers("GET", "/blobs/", Response(200, samples.LAYER, headers))
        assert refusal(client.get_blob, LAYER, SIZE) is SealRefusal.REGISTRY_MALFORMED

    def test_size_above_the_limit_is_not_even_asked_for(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        code = refusal(client.get_blob, LAYER, format_limits.MODULE_BYTES + 1)
        assert code is SealRefusal.TOO_LARGE
        assert registry.requests == []


class TestBrokenLines:
    def test_goes_on_after_a_break(
        self, client: RegistryClient, registry: FakeRegistry, published: str, time: FakeTime
    ) -> None:
        registry.breaks_off_after(700, times=1)
        registry.breaks_off_after(300, times=1)
        seen = bytearray()
        client.fetch_blob(LAYER, SIZE, seen.extend)
        assert bytes(seen) == samples.LAYER
        assert time.slept == list(limits.RETRY_SECONDS[:2])

    def test_gives_up(
        self, client: RegistryClient, registry: FakeRegistry, published: str, time: FakeTime
    ) -> None:
        registry.never_sends_the_end(SIZE - 1)
        assert refusal(client.get_blob, LAYER, SIZE) is SealRefusal.UNREACHABLE
        assert time.slept == list(limits.RETRY_SECONDS)

    def test_other_bytes_after_a_break_are_noticed(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        registry.breaks_off_after(700, times=1)
        swapped = Response(200, samples.LAYER[:700] + samples.LAYER[700:][::-1])
        registry.answers("GET", "/blobs/", swapped)
        assert refusal(client.get_blob, LAYER, SIZE) is SealRefusal.DIGEST_MISMATCH

    def test_drips(
        self, client: RegistryClient, registry: FakeRegistry, published: str, time: FakeTime
    ) -> None:
        registry.drips(lambda: time.sleep(1))
        assert refusal(client.get_blob, LAYER, SIZE) is SealRefusal.REGISTRY_SLOW

    @pytest.mark.parametrize("late", [-1, 3])
    def test_time_whatever_the_size(
        self, client: RegistryClient, registry: FakeRegistry, time: FakeTime, late: int
    ) -> None:
        size = limits.EXCHANGE_BYTES_PER_SECOND * 2
        data = b"x" * size
        client.put_blob(Blob.of(data))

        def answer(_: Request) -> None:
            time.sleep(limits.EXCHANGE_SECONDS + late)

        registry.on("GET", "/blobs/", answer)
        if late < 0:
            assert client.get_blob(digest_of(data), size) == data
        else:
            assert refusal(client.get_blob, digest_of(data), size) is SealRefusal.REGISTRY_SLOW

    def test_silence(self, registry: FakeRegistry, settings: RegistrySettings) -> None:
        quick = replace(settings, silence_seconds=0.05, retry_seconds=())
        over = threading.Event()
        registry.hangs("GET", "/v2/", over)
        with RegistryClient(registry.reference(), settings=quick) as client:
            assert refusal(client.ping) is SealRefusal.REGISTRY_SLOW
        over.set()

    def test_nobody_there(self, settings: RegistrySettings, time: FakeTime) -> None:
        with running(FakeRegistry()) as registry:
            reference = registry.reference()
        with RegistryClient(reference, settings=settings) as client:
            assert refusal(client.ping) is SealRefusal.UNREACHABLE
        assert time.slept == list(limits.RETRY_SECONDS)


class TestBusy:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_comes_back(
        self, client: RegistryClient, registry: FakeRegistry, time: FakeTime, status: int
    ) -> None:
        registry.fails("GET", "/v2/", status, times=len(limits.RETRY_SECONDS))
        client.ping()
        assert time.slept == list(limits.RETRY_SECONDS)

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_stays_away(self, client: RegistryClient, registry: FakeRegistry, status: int) -> None:
        registry.fails("GET", "/v2/", status)
        assert refusal(client.ping) is SealRefusal.REGISTRY_FAILED
        assert len(registry.requests) == len(limits.RETRY_SECONDS) + 1

    @pytest.mark.parametrize(
        ("asked", "slept"),
        [
            ("7", [7.0]),
            ("0", [0.0]),
            (str(int(limits.RETRY_AFTER_SECONDS)), [limits.RETRY_AFTER_SECONDS]),
            ("Wed, 21 Oct 2026 07:28:00 GMT", [limits.RETRY_SECONDS[0]]),
            ("-1", [limits.RETRY_SECONDS[0]]),
        ],
    )
    def test_says_when(
        self,
        client: RegistryClient,
        registry: FakeRegistry,
        time: FakeTime,
        asked: str,
        slept: list[float],
    ) -> None:
        registry.fails("GET", "/v2/", 429, times=1, Retry_After=asked)
        client.ping()
        assert time.slept == slept

    @pytest.mark.parametrize("asked", [str(int(limits.RETRY_AFTER_SECONDS) + 1), "9" * 400])
    def test_wants_too_much_patience(
        self, client: RegistryClient, registry: FakeRegistry, time: FakeTime, asked: str
    ) -> None:
        registry.fails("GET", "/v2/", 503, Retry_After=asked)
        assert refusal(client.ping) is SealRefusal.REGISTRY_FAILED
        assert time.slept == []

    def test_upload_starts_again_as_a_whole(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        registry.fails("PUT", "/blobs/uploads/", 500, times=1)
        client.put_blob(Blob.of(samples.LAYER))
        assert [request.method for request in registry.requests] == [
            "HEAD", "POST", "PUT", "GET", "HEAD", "POST", "PUT",
        ]  # fmt: skip
        assert registry.blobs[LAYER] == samples.LAYER


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (204, SealRefusal.REGISTRY_REFUSED),
            (304, SealRefusal.REGISTRY_REFUSED),
            (400, SealRefusal.REGISTRY_REFUSED),
            (403, SealRefusal.FORBIDDEN),
            (404, SealRefusal.NOT_FOUND),
            (413, SealRefusal.REGISTRY_REFUSED),
            (501, SealRefusal.REGISTRY_REFUSED),
        ],
    )
    def test_status(
        self, client: RegistryClient, registry: FakeRegistry, status: int, code: SealRefusal
    ) -> None:
        registry.answers("GET", "/v2/", Response(status))
        assert refusal(client.ping) is code
        assert len(registry.requests) == 1

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (
                b'{"errors":[{"code":"DENIED","message":"no\\u001b[31m \\u00e9"}]}',
                " DENIED: no?[31m ?",
            ),
            (
                b'{"errors":[{"code":"DENIED","message":"' + b"x" * 500 + b'"}]}',
                " DENIED: " + "x" * 191,
            ),
            (b'{"errors":[]}', ""),
            (b'{"errors":["x"]}', ""),
            (b'["x"]', ""),
            (b"<html>", ""),
            (b"x" * (limits.ERROR_BYTES + 1), ""),
        ],
    )
    def test_words_of_a_registry(
        self, client: RegistryClient, registry: FakeRegistry, body: bytes, words: str
    ) -> None:
        registry.answers("GET", "/v2/", Response(400, body))
        with pytest.raises(SealError) as caught:
            client.ping()
        assert caught.value.detail == f"GET {registry.host}/v2/: status 400{words}"


class TestManifestsThatLie:
    def test_changed_under_its_digest(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        other = samples.manifest(note="changed")
        registry.answers("GET", "/manifests/", Response(200, other))
        assert refusal(client.get_manifest, published) is SealRefusal.DIGEST_MISMATCH

    def test_changed_under_its_digest_with_the_right_header(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        headers = {"Docker-Content-Digest": published}
        other = Response(200, samples.manifest(note="changed"), headers)
        registry.answers("GET", "/manifests/", other)
        assert refusal(client.get_manifest, published) is SealRefusal.DIGEST_MISMATCH
        assert refusal(client.get_manifest, "v1") is SealRefusal.DIGEST_MISMATCH

    def test_another_digest_is_repeated_only_if_it_is_one(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        headers = {"Docker-Content-Digest": "\x1b[2Jsha256:1"}
        registry.answers("GET", "/manifests/", Response(200, samples.manifest(), headers))
        with pytest.raises(SealError) as caught:
            client.get_manifest("v1")
        assert caught.value.detail.isprintable()

    @pytest.mark.parametrize("more", [0, 1])
    def test_size(self, client: RegistryClient, registry: FakeRegistry, more: int) -> None:
        data = samples.manifest().ljust(format_limits.MANIFEST_BYTES + more)
        registry.answers("GET", "/manifests/", Response(200, data))
        if more:
            assert refusal(client.get_manifest, "v1") is SealRefusal.TOO_LARGE
        else:
            assert client.get_manifest("v1") == data

    def test_tag_that_moves_between_two_requests(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        resolved = client.resolve("v1")
        samples.publish(client, samples.manifest(note="moved"), tag="v1")
        assert client.get_manifest(resolved.digest) == samples.manifest()
        assert "HEAD" not in [request.method for request in registry.requests[:1]]

    def test_another_digest_for_what_was_put(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        headers = {"Docker-Content-Digest": samples.ABSENT}
        registry.answers("PUT", "", Response(201, headers=headers))
        action: Callable[..., object] = client.put_manifest
        assert refusal(action, samples.manifest(), tag="v1") is SealRefusal.DIGEST_MISMATCH
        assert refusal(client.put_blob, Blob.of(b"new")) is SealRefusal.DIGEST_MISMATCH


class TestReferrers:
    @pytest.fixture(params=[True, False], ids=["api", "tag"])
    def client(
        self, request: pytest.FixtureRequest, registry: FakeRegistry, client: RegistryClient
    ):
        registry.referrers_api = request.param
        return client

    def test_none(self, client: RegistryClient, published: str) -> None:
        assert client.referrers(published, artifact_type=samples.NOTE_TYPE) == ()

    def test_found_by_type_and_once(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        first = samples.referrer(samples.manifest(), note="1")
        second = samples.referrer(samples.manifest(), note="2")
        other = samples.referrer(samples.manifest(), kind="application/vnd.example.other")
        for data in (first, second, other, first):
            client.put_manifest(data)
        found = client.referrers(published, artifact_type=samples.NOTE_TYPE)
        assert [entry.digest for entry in found] == [digest_of(first), digest_of(second)]
        assert found[0].annotations == {"note": "1"}
        tag = published.replace(":", "-")
        assert (tag in registry.manifests) is not registry.referrers_api

    def test_pages(self, client: RegistryClient, registry: FakeRegistry, published: str) -> None:
        registry.page_size = 1
        for note in ("1", "2", "3"):
            client.put_manifest(samples.referrer(samples.manifest(), note=note))
        assert len(client.referrers(published, artifact_type=samples.NOTE_TYPE)) == 3

    @pytest.mark.parametrize(
        "theirs",
        [
            "text",
            {"digest": samples.ABSENT, "size": 1},
            {"mediaType": "application/x", "digest": "sha512:" + "0" * 128, "size": 1},
            {"mediaType": "application/x", "digest": samples.ABSENT, "size": 1, "annotations": 1},
        ],
    )
    def test_entries_of_another_form_are_passed_over(
        self, client: RegistryClient, registry: FakeRegistry, published: str, theirs: object
    ) -> None:
        ours = samples.referrer(samples.manifest())
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [theirs]}
        registry.manifests[published.replace(":", "-")] = samples.to_json(index)
        client.put_manifest(ours)
        if registry.referrers_api:
            index["manifests"] += [parse_manifest(ours).descriptor.to_document()]
            registry.answers("GET", "/referrers/", Response(200, samples.to_json(index)))
        (found,) = client.referrers(published, artifact_type=samples.NOTE_TYPE)
        assert found.digest == digest_of(ours)

    def test_a_wrong_entry_does_not_stand_for_the_right_one(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        ours = samples.referrer(samples.manifest())
        entry = parse_manifest(ours).descriptor.to_document()
        wrong = [entry | {"artifactType": "application/x"}, entry | {"size": 1}]
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": wrong}
        registry.manifests[published.replace(":", "-")] = samples.to_json(index)
        client.put_manifest(ours)
        found = client.referrers(published, artifact_type=samples.NOTE_TYPE)
        assert (digest_of(ours), len(ours)) in [(entry.digest, entry.size) for entry in found]


class TestReferrersThatLie:
    def listed(self, client: RegistryClient, published: str) -> SealRefusal:
        return refusal(client.referrers, published, artifact_type=samples.NOTE_TYPE)

    def test_pages_without_end(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        page = samples.to_json({"schemaVersion": 2, "manifests": []})
        headers = {"Link": '</v2/acme/scoring/referrers/x>; rel="next"'}
        registry.answers("GET", "/referrers/", Response(200, page, headers))
        assert self.listed(client, published) is SealRefusal.TOO_LARGE
        assert len(registry.requests) == limits.REFERRER_PAGES

    @pytest.mark.parametrize("more", [0, 1])
    def test_number_of_pages(
        self, client: RegistryClient, registry: FakeRegistry, published: str, more: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr(limits, "REFERRER_PAGES", 2)
        registry.referrers_api, registry.page_size = True, 1
        for number in range(2 + more):
            client.put_manifest(samples.referrer(samples.manifest(), note=str(number + 1)))
        if more:
            assert self.listed(client, published) is SealRefusal.TOO_LARGE
        else:
            assert len(client.referrers(published, artifact_type=samples.NOTE_TYPE)) == 2

    def test_pages_elsewhere(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        page = samples.to_json({"schemaVersion": 2, "manifests": []})
        headers = {"Link": "<https://example.com/next>; rel=next"}
        registry.answers("GET", "/referrers/", Response(200, page, headers))
        assert self.listed(client, published) is SealRefusal.REDIRECT_REFUSED

    @pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"schemaVersion":2}'])
    def test_no_index(
        self, client: RegistryClient, registry: FakeRegistry, published: str, body: bytes
    ) -> None:
        registry.answers("GET", "/referrers/", Response(200, body))
        assert self.listed(client, published) is SealRefusal.MALFORMED

    def test_tag_that_cannot_be_read(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        registry.answers("GET", "/manifests/sha256-", Response(403))
        assert self.listed(client, published) is SealRefusal.FORBIDDEN

    def test_another_writer_once(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        accepted = Response(201)
        registry.answers("PUT", "/manifests/sha256-", accepted, times=1)
        client.put_manifest(samples.referrer(samples.manifest()))
        assert len(client.referrers(published, artifact_type=samples.NOTE_TYPE)) == 1

    def test_another_writer_always(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        registry.answers("PUT", "/manifests/sha256-", Response(201))
        code = refusal(client.put_manifest, samples.referrer(samples.manifest()))
        assert code is SealRefusal.REGISTRY_FAILED

    def test_what_others_wrote_is_kept(
        self, client: RegistryClient, registry: FakeRegistry, published: str
    ) -> None:
        tag = published.replace(":", "-")
        theirs = {"mediaType": "application/x", "digest": samples.ABSENT, "size": 1, "data": "eA=="}
        index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [theirs]}
        registry.manifests[tag] = samples.to_json(index)
        client.put_manifest(samples.referrer(samples.manifest()))
        assert json.loads(registry.manifests[tag])["manifests"][0] == theirs
