"""Wherever lines break, and as often as they do: the exact bytes or our error, nothing else."""

from __future__ import annotations

import ssl
from contextlib import suppress
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from sealing.canonical import digest_of
from sealing.errors import SealError
from sealing.oci import limits
from sealing.oci.blob import Blob
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.settings import RegistrySettings
from tests.fakes.registry import FakeRegistry, fake_registry

DATA = bytes(range(256)) * 2
DIGEST = digest_of(DATA)
TLS = ssl.create_default_context()
PLACES = st.integers(0, len(DATA) + 400)
CUTS = st.lists(st.tuples(st.booleans(), PLACES), max_size=4)
METHODS = st.sampled_from(["HEAD", "POST", "PATCH", "GET", "PUT"])


def broken(registry: FakeRegistry, method: str, cuts: list[tuple[bool, int]]) -> None:
    for asking, place in cuts:
        (registry.drops_request_after if asking else registry.drops_answer_after)(place, on=method)


def client_of(registry: FakeRegistry) -> RegistryClient:
    quick = RegistrySettings(tls=TLS, sleep=lambda _: None, silence_seconds=5)
    return RegistryClient(registry.reference(), settings=quick)


@settings(deadline=None)
@given(cuts=CUTS, ranges=st.booleans())
def test_download(cuts: list[tuple[bool, int]], ranges: bool) -> None:
    with fake_registry(ranges=ranges) as registry, client_of(registry) as client:
        registry.blobs[DIGEST] = DATA
        broken(registry, "GET", cuts)
        seen = bytearray()
        try:
            client.fetch_blob(DIGEST, len(DATA), seen.extend)
        except SealError:
            # As many breaks as tries, and the last of them got nothing.
            assert len(cuts) == len(limits.RETRY_SECONDS) + 1
            assert DATA.startswith(seen)
        else:
            assert seen == DATA


@settings(deadline=None)
@given(cuts=st.lists(st.tuples(METHODS, st.booleans(), PLACES), max_size=4), large=st.booleans())
def test_upload(cuts: list[tuple[str, bool, int]], large: bool) -> None:
    smallest = 2 if large else limits.SESSION_BYTES
    with (
        patch.object(limits, "SESSION_BYTES", smallest),
        fake_registry() as registry,
        client_of(registry) as client,
    ):
        for method, asking, place in cuts:
            broken(registry, method, [(asking, place)])
        with suppress(SealError):
            client.put_blob(Blob.of(DATA))
            assert registry.blobs == {DIGEST: DATA}
        assert registry.blobs in ({}, {DIGEST: DATA})
