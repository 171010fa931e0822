"""Registries that lie, are busy or know less than others, seen from the whole client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sealing.canonical import digest_of
from sealing.errors import SealRefusal
from sealing.oci import limits
from sealing.oci.blob import Blob
from sealing.oci.copying import copy
from sealing.oci.layout import OciLayout
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.settings import BasicCredentials, RegistrySettings
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import pull, push
from tests.fakes.registry import FakeRegistry, fake_registry
from tests.fakes.registry_wire import Request, Response
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.conftest import FakeTime
from tests.unit.sealing.oci.samples import refusal, sealed

DATA = samples.LAYER
DIGEST = digest_of(DATA)
SIZE = len(DATA)
V1 = "v1"
OTHER = "acme/other"

Connect = Callable[[FakeRegistry, str], RegistryClient]


@pytest.fixture
def connect(settings: RegistrySettings) -> Iterator[Connect]:
    clients: list[RegistryClient] = []

    def connect(registry: FakeRegistry, repository: str) -> RegistryClient:
        clients.append(RegistryClient(registry.reference(repository), settings=settings))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def source(registry: FakeRegistry, connect: Connect) -> RegistryClient:
    registry.repository(OTHER).blobs[DIGEST] = DATA
    return connect(registry, OTHER)


class TestMount:
    def test_takes_a_blob_over(
        self, client: RegistryClient, registry: FakeRegistry, source: RegistryClient
    ) -> None:
        assert client.mount_blob(DIGEST, SIZE, source)
        assert registry.blobs == {DIGEST: DATA}
        (request,) = (request for request in registry.requests if request.method == "POST")
        assert request.query == {"mount": [DIGEST], "from": [OTHER]}

    def test_of_what_is_there_asks_no_more(
        self, client: RegistryClient, registry: FakeRegistry, source: RegistryClient
    ) -> None:
        registry.blobs[DIGEST] = DATA
        assert client.mount_blob(DIGEST, SIZE, source)
        assert registry.methods == ["HEAD"]

    def test_where_it_is_not_done(
        self, client: RegistryClient, registry: FakeRegistry, source: RegistryClient
    ) -> None:
        registry.mounts = False
        assert not client.mount_blob(DIGEST, SIZE, source)

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
    def test_where_it_is_refused(
        self, client: RegistryClient, registry: FakeRegistry, source: RegistryClient, status: int
    ) -> None:
        registry.fails("POST", "/blobs/uploads/", status)
        assert not client.mount_blob(DIGEST, SIZE, source)

    def test_where_nobody_is(
        self, client: RegistryClient, registry: FakeRegistry, source: RegistryClient
    ) -> None:
        registry.fails("POST", "/blobs/uploads/", 503)
        code = refusal(client.mount_blob, DIGEST, SIZE, source)
        assert code is SealRefusal.REGISTRY_FAILED

    def test_that_is_only_claimed(
        self, client: RegistryClient, registry: FakeRegistry, source: RegistryClient
    ) -> None:
        registry.claims_mounts()
        assert not client.mount_blob(DIGEST, SIZE, source)

    def test_from_another_registry(self, client: RegistryClient, connect: Connect) -> None:
        with fake_registry() as other:
            other.blobs[DIGEST] = DATA
            assert not client.mount_blob(DIGEST, SIZE, connect(other, "acme/scoring"))
            assert other.requests == []

    def test_with_a_folder(
        self, client: RegistryClient, registry: FakeRegistry, tmp_path: Path
    ) -> None:
        layout = OciLayout.create(tmp_path / "layout")
        layout.put_blob(Blob.of(DATA))
        assert not client.mount_blob(DIGEST, SIZE, layout)
        assert layout.mount_blob(DIGEST, SIZE, client)
        assert not layout.mount_blob(samples.ABSENT, SIZE, client)


class TestCopyWithinOneRegistry:
    def test_moves_no_ciphertext(
        self, client: RegistryClient, registry: FakeRegistry, connect: Connect
    ) -> None:
        reference = registry.reference()
        push(client, sealed(), V1)
        layer = sealed().layer.digest
        registry.requests.clear()
        told: list[tuple[str, int, int]] = []
        target = connect(registry, OTHER)
        copy(client, reference, target, V1, progress=lambda *what: told.append(what))
        assert not [path for path in registry.seen("GET") if layer in path]
        size = sealed().layer.size
        assert told == [("layer", size, size)]
        assert pull(target, reference) == pull(client, reference)

    @pytest.mark.parametrize("claims", [True, False])
    def test_moves_it_where_it_has_to(
        self, client: RegistryClient, registry: FakeRegistry, connect: Connect, claims: bool
    ) -> None:
        push(client, sealed(), V1)
        registry.mounts = False
        if claims:
            registry.claims_mounts()
        target = connect(registry, OTHER)
        copy(client, registry.reference(), target, V1)
        assert pull(target, registry.reference()) == pull(client, registry.reference())


class TestTags:
    @pytest.fixture(params=["layout", "registry"])
    def store(
        self, request: pytest.FixtureRequest, tmp_path: Path, client: RegistryClient
    ) -> ArtifactStore:
        layout = OciLayout.create(tmp_path / "layout")
        return {"layout": layout, "registry": client}[request.param]

    def test_are_listed(self, store: ArtifactStore) -> None:
        for tag in ("v1", "v2", "v1"):
            samples.publish(store, samples.manifest(), tag=tag)
        assert sorted(store.tags()) == ["v1", "v2"]

    @pytest.mark.parametrize("size", [1, 2, 3, 100])
    def test_on_pages(self, client: RegistryClient, registry: FakeRegistry, size: int) -> None:
        registry.page_size = size
        for number in range(3):
            samples.publish(client, samples.manifest(), tag=f"v{number}")
        assert client.tags() == ("v0", "v1", "v2")

    def test_of_no_repository(self, client: RegistryClient) -> None:
        assert refusal(client.tags) is SealRefusal.NOT_FOUND

    def test_of_an_empty_folder(self, tmp_path: Path) -> None:
        assert OciLayout.create(tmp_path / "layout").tags() == ()

    def test_pages_without_end(self, client: RegistryClient, registry: FakeRegistry) -> None:
        page = Response(200, b'{"tags":["v1"]}', {"Link": "</v2/a/tags/list>; rel=next"})
        registry.answers("GET", "/tags/list", page)
        assert refusal(client.tags) is SealRefusal.TOO_LARGE
        assert len(registry.requests) == limits.TAG_PAGES

    def test_more_than_anybody_publishes(
        self, client: RegistryClient, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "TAGS", 2)
        registry.answers("GET", "/tags/list", Response(200, b'{"tags":["a","b","c"]}'))
        assert refusal(client.tags) is SealRefusal.TOO_LARGE

    @pytest.mark.parametrize(
        ("link", "code"),
        [("<https://example.com/next>; rel=next", SealRefusal.REDIRECT_REFUSED),
         ("/next; rel=next", SealRefusal.REGISTRY_MALFORMED),
         ("<>; rel=next", SealRefusal.REGISTRY_MALFORMED)],
    )  # fmt: skip
    def test_pages_elsewhere(
        self, client: RegistryClient, registry: FakeRegistry, link: str, code: SealRefusal
    ) -> None:
        page = Response(200, b'{"tags":["v1"]}', {"Link": link})
        registry.answers("GET", "/tags/list", page)
        assert refusal(client.tags) is code

    def test_of_other_tools_in_a_folder_are_passed_over(self, tmp_path: Path) -> None:
        layout = OciLayout.create(tmp_path / "layout")
        samples.publish(layout, samples.manifest(), tag="v1")
        index = tmp_path / "layout" / "index.json"
        index.write_bytes(
            index.read_bytes().replace(
                b'"manifests":[',
                b'"manifests":[7,{"annotations":{"org.opencontainers.image.ref.name":"a/b:v1"}},',
            )
        )
        assert layout.tags() == ("v1",)


class TestWaits:
    @pytest.mark.parametrize(("chance", "part"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
    def test_are_partly_by_chance(
        self, registry: FakeRegistry, settings: RegistrySettings, time: FakeTime,
        chance: float, part: float,
    ) -> None:  # fmt: skip
        registry.fails("GET", "/v2/", 503)
        lucky = replace(settings, jitter=lambda: chance)
        with RegistryClient(registry.reference(), settings=lucky) as client:
            assert refusal(client.ping) is SealRefusal.REGISTRY_FAILED
        assert time.slept == [seconds * part for seconds in limits.RETRY_SECONDS]

    @pytest.mark.parametrize(
        ("after", "slept"),
        [("Mon, 23 Nov 2026 12:00:09 GMT", [9.0]), ("Mon, 23 Nov 2026 12:00:31 GMT", None),
         ("never", [limits.RETRY_SECONDS[0]])],
    )  # fmt: skip
    def test_until_a_moment_of_the_registrys_clock(
        self, client: RegistryClient, registry: FakeRegistry, time: FakeTime,
        after: str, slept: list[float] | None,
    ) -> None:  # fmt: skip
        registry.answers_429(retry_after=after, date="Mon, 23 Nov 2026 12:00:00 GMT", times=1)
        if slept is None:
            assert refusal(client.ping) is SealRefusal.REGISTRY_FAILED
        else:
            client.ping()
        assert time.slept == (slept or [])

    def test_for_as_long_as_asked_and_not_longer_than_tries_last(
        self, client: RegistryClient, registry: FakeRegistry, time: FakeTime
    ) -> None:
        registry.answers_429(retry_after="0")
        assert refusal(client.get_blob, DIGEST, SIZE) is SealRefusal.REGISTRY_FAILED
        assert time.slept == [0.0] * len(limits.RETRY_SECONDS)

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_in_the_middle_of_everything(
        self, client: RegistryClient, registry: FakeRegistry, status: int
    ) -> None:
        for method in ("GET", "HEAD", "POST", "PUT"):
            registry.fails(method, "", status, times=1)
        push(client, sealed(), V1)
        assert pull(client, registry.reference()).digest == sealed().manifest_digest


def test_endless_questions_for_credentials(
    registry: FakeRegistry, settings: RegistrySettings, time: FakeTime
) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH"):
        registry.fails(method, "", 401, WWW_Authenticate='Basic realm="again"')
    alice = BasicCredentials("alice", "secret")
    with RegistryClient(registry.reference(), settings=settings, authenticator=alice) as client:
        for action in (
            lambda: client.get_blob(DIGEST, SIZE),
            lambda: client.put_blob(Blob.of(DATA)),
            lambda: client.put_manifest(samples.manifest(), tag=V1),
            client.tags,
        ):
            registry.requests.clear()
            assert refusal(action) is SealRefusal.UNAUTHORIZED
            assert len(registry.requests) <= 2
    assert time.slept == []


def test_credentials_do_not_follow_a_blob_elsewhere(
    registry: FakeRegistry, settings: RegistrySettings
) -> None:
    """Plain HTTP between two ports of loopback is refused, as is every host that is no https."""
    registry.wants_basic("alice", "secret")
    with fake_registry() as other:
        registry.redirects("GET", "/blobs/", f"http://{other.host}/blob")
        alice = BasicCredentials("alice", "secret")
        with RegistryClient(registry.reference(), settings=settings, authenticator=alice) as client:
            code = refusal(client.get_blob, DIGEST, SIZE)
        assert code is SealRefusal.REDIRECT_REFUSED
        assert other.requests == []


class TestManifests:
    def test_tag_that_moves_while_a_pull_is_on_its_way(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        push(client, sealed(), V1)
        wanted = pull(client, registry.reference())

        def moves(request: Request) -> None:
            if request.path.endswith("/v1"):
                return
            registry.manifests[V1] = samples.manifest(note="moved")

        registry.on("GET", "/", moves)
        assert pull(client, registry.reference()) == wanted
        assert registry.manifests[V1] != wanted.manifest

    @pytest.mark.parametrize("place", [*range(0, 120, 7), 400, 700])
    def test_broken_in_between_arrive(
        self, client: RegistryClient, registry: FakeRegistry, place: int
    ) -> None:
        samples.publish(client, samples.manifest(), tag=V1)
        registry.drops_answer_after(place, part="/manifests/")
        assert client.get_manifest(V1) == samples.manifest()
        registry.drops_request_after(place, part="/manifests/")
        assert client.put_manifest(samples.manifest(), tag="v2") == digest_of(samples.manifest())
        assert registry.manifests["v2"] == samples.manifest()


class TestReferrersApi:
    @pytest.fixture
    def registry(self) -> Iterator[FakeRegistry]:
        with fake_registry(referrers_api=True) as registry:
            yield registry

    @pytest.mark.parametrize("ask", ["subject", "type", "digest"])
    def test_list_that_names_strangers(
        self, client: RegistryClient, registry: FakeRegistry, ask: str
    ) -> None:
        """What a list says is compared with the manifests before anything of them is used."""
        push(client, sealed(), V1)
        wanted = pull(client, registry.reference())
        stranger = {
            "subject": samples.referrer(samples.manifest(), kind=samples.NOTE_TYPE),
            "type": samples.referrer(sealed().manifest, kind=samples.NOTE_TYPE),
            "digest": b"{}",
        }[ask]
        registry.lists_as_referrer(stranger)
        assert pull(client, registry.reference()) == wanted

    def test_filter_that_is_not_applied(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        digest = samples.publish(client, samples.manifest(), tag=V1)
        ours = samples.referrer(samples.manifest())
        for data in (ours, samples.referrer(samples.manifest(), kind="application/x")):
            client.put_manifest(data)
        registry.filters = False
        (found,) = client.referrers(digest, artifact_type=samples.NOTE_TYPE)
        assert found.digest == digest_of(ours)
