"""Several blobs at once: all or an error, one report at a time, nobody kept waiting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.attachments import bundle_manifest
from sealing.oci.blob import Blob
from sealing.oci.layout import OciLayout
from sealing.oci.parallel import put_all, together
from sealing.oci.registry.client import RegistryClient
from sealing.oci.stopping import wakeable
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import Attachment, attach, pull, push
from sealing.signatures.bundle import BUNDLE_TYPE, sign_bundle
from tests.fakes.registry import FakeRegistry
from tests.fakes.registry_wire import Request
from tests.unit.sealing import makers
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.samples import refusal, sealed

BLOBS = [bytes([number]) * 1000 for number in range(10)]


@pytest.fixture(params=["layout", "registry"])
def store(request: pytest.FixtureRequest, tmp_path: Path, client: RegistryClient) -> ArtifactStore:
    layout = OciLayout.create(tmp_path / "layout")
    return {"layout": layout, "registry": client}[request.param]


def named(blobs: list[bytes]) -> list[tuple[str | None, Blob]]:
    return [(str(number), Blob.of(blob)) for number, blob in enumerate(blobs)]


def test_all_arrive_and_are_reported(store: ArtifactStore) -> None:
    told: list[tuple[str, int, int]] = []
    put_all(store, named(BLOBS), lambda *what: told.append(what))
    for blob in BLOBS:
        assert store.get_blob(Blob.of(blob).digest, len(blob)) == blob
    assert {what for what, done, size in told if done == size} == set(map(str, range(10)))


def test_the_same_blob_twice(store: ArtifactStore) -> None:
    put_all(store, named([BLOBS[0]] * 4))
    assert store.has_blob(Blob.of(BLOBS[0]).digest, len(BLOBS[0]))


def test_without_a_name_nothing_is_reported(store: ArtifactStore) -> None:
    told: list[str] = []
    put_all(store, [(None, Blob.of(b"x"))], lambda what, *_: told.append(what))
    assert told == []


def test_reports_wait_for_each_other(store: ArtifactStore) -> None:
    inside = threading.Lock()

    def report(*_: object) -> None:
        assert inside.acquire(blocking=False)
        inside.release()

    put_all(store, named(BLOBS), report)


def test_never_more_at_once_than_allowed(client: RegistryClient, registry: FakeRegistry) -> None:
    together = threading.Barrier(limits.TRANSFERS)
    count = [0]

    def meets(_: Request) -> None:
        count[0] += 1
        if count[0] <= limits.TRANSFERS:
            together.wait(30)

    registry.on("POST", "/blobs/uploads/", meets)
    put_all(client, named(BLOBS[: 2 * limits.TRANSFERS]))
    assert len(registry.blobs) == 2 * limits.TRANSFERS


def test_the_first_that_fails_ends_the_others(store: ArtifactStore) -> None:
    begun, failed = threading.Event(), threading.Event()

    def broken() -> Iterator[bytes]:
        begun.wait(30)
        failed.set()
        raise SealError(SealRefusal.SIZE_MISMATCH, "broken")
        yield b""

    def endless() -> Iterator[bytes]:
        begun.set()
        failed.wait(30)
        while True:
            yield b""

    size = len(samples.LAYER)
    blobs = [
        (None, Blob(samples.ABSENT, size, endless)),
        (None, Blob(samples.ABSENT, size, broken)),
    ]
    assert refusal(put_all, store, blobs) is SealRefusal.SIZE_MISMATCH
    assert not store.has_blob(samples.ABSENT, size)


class TestTogether:
    @pytest.mark.parametrize("count", [0, 1, 2, 20])
    def test_gives_every_result_in_order(self, count: int) -> None:
        assert together([partial(int, number) for number in range(count)]) == list(range(count))

    @pytest.mark.parametrize("count", [1, 3])
    def test_gives_the_error(self, count: int) -> None:
        with pytest.raises(ValueError, match="nothing"):
            together([partial(int, "nothing")] * count)

    def test_begins_no_more_after_an_error(self) -> None:
        begun: list[int] = []

        def fail() -> None:
            raise ValueError("first")

        def wait(number: int) -> None:
            begun.append(number)
            with wakeable(over.set):
                over.wait(30)

        over = threading.Event()
        waiting = [partial(wait, number) for number in range(50)]
        with pytest.raises(ValueError, match="first"):
            together([fail, *waiting])
        assert len(begun) < len(waiting)


def test_signatures_are_fetched_at_once(client: RegistryClient, registry: FakeRegistry) -> None:
    push(client, sealed(), "v1")
    for number in range(limits.TRANSFERS - 1):
        bundle = sign_bundle(b"{}" + b" " * number, makers.STRANGER)
        manifest = bundle_manifest(
            sealed().manifest, bundle, predicate_type="https://example.com/x", created=makers.NOW
        )
        attach(client, Attachment(manifest, bundle))
    listed = {entry.digest for entry in client.referrers(
        sealed().manifest_digest, artifact_type=BUNDLE_TYPE
    )}  # fmt: skip
    together_there = threading.Barrier(limits.TRANSFERS)

    def meets(request: Request) -> None:
        if request.path.rpartition("/")[2] in listed:
            together_there.wait(30)

    registry.on("GET", "/manifests/", meets)
    assert len(pull(client, registry.reference()).bundles) == limits.TRANSFERS
