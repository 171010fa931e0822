"""Who refers to a manifest: the referrers API, or the tag `sha256-<hex>` where there is none.

Distribution spec 1.1, "Listing referrers" and "Referrers tag schema".
"""

from __future__ import annotations

from typing import Final, Protocol
from urllib.parse import quote

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.descriptor import INDEX_TYPE, Descriptor
from sealing.oci.index import Index
from sealing.oci.reference import tag_of
from sealing.oci.registry.http import Call, RegistryHttp
from sealing.oci.registry.lists import pages

# 405 is what registries answer that know the path pattern but not the method on it.
_FOUND: Final = 200
_EXPECT: Final = frozenset({_FOUND, 404, 405})
_WHAT: Final = "referrers"


class Manifests(Protocol):
    """The part of a store that the tag schema is kept in."""

    def get_manifest(self, target: str) -> bytes:
        """See `ArtifactStore`."""

    def put_manifest(self, data: bytes, *, tag: str | None = None) -> str:
        """See `ArtifactStore`."""


class Referrers:
    """Referrers in one repository. Methods raise `SealError` only."""

    def __init__(self, http: RegistryHttp, name: str, scope: str, manifests: Manifests) -> None:
        self._http = http
        self._name = name
        self._scope = scope
        self._manifests = manifests

    def of(self, digest: str, artifact_type: str) -> tuple[Descriptor, ...]:
        """Return the referrers of that type; the registry's own filter is not relied on."""
        found = self._from_api(digest, artifact_type)
        if found is None:
            found = self._from_tag(digest).entries
        return tuple(entry for entry in found if entry.artifact_type == artifact_type)

    def record(self, digest: str, referrer: Descriptor) -> None:
        """Add a referrer to the tag's list, and look whether it stayed there.

        Nothing locks the tag: when another writer put back an older list, it is added once more.
        """
        for _ in range(limits.REFERRER_WRITE_TRIES):
            self._add(digest, referrer)
            if self._from_tag(digest).lists(referrer):
                return
        raise SealError(
            SealRefusal.REGISTRY_FAILED, f"others keep replacing the list at tag {tag_of(digest)}"
        )

    def _add(self, digest: str, referrer: Descriptor) -> None:
        index = self._from_tag(digest)
        if not index.lists(referrer):
            index.add(referrer)
            self._manifests.put_manifest(index.to_bytes(), tag=tag_of(digest))

    def _from_api(self, digest: str, artifact_type: str) -> tuple[Descriptor, ...] | None:
        """Return what the API lists, or None if the registry has none."""
        found: tuple[Descriptor, ...] = ()
        kind = quote(artifact_type, safe="")
        path = f"/v2/{self._name}/referrers/{digest}?artifactType={kind}"
        call = Call("GET", path, self._scope, _EXPECT, headers={"Accept": INDEX_TYPE})
        for answer in pages(
            self._http, call, limit_bytes=limits.INDEX_BYTES, most=limits.REFERRER_PAGES
        ):
            if answer.status != _FOUND:
                return None
            found += Index.parse(answer.body, _WHAT).entries
        return found

    def _from_tag(self, digest: str) -> Index:
        """Return the list at the tag, an empty one if there is none."""
        try:
            data = self._manifests.get_manifest(tag_of(digest))
        except SealError as error:
            if error.code is not SealRefusal.NOT_FOUND:
                raise
            return Index.empty(_WHAT)
        return Index.parse(data, _WHAT)
