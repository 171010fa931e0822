"""One repository of an OCI registry (distribution spec 1.1) as an `ArtifactStore`.

What a registry says about itself is used for one thing only: to refuse it when it contradicts
what arrived. Digests and sizes are computed here.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from sealing import limits as format_limits
from sealing.canonical import digest_of
from sealing.errors import SealError, SealRefusal
from sealing.oci.blob import Blob, Sink, collect
from sealing.oci.descriptor import INDEX_TYPE, MANIFEST_TYPE, Descriptor, parse_manifest
from sealing.oci.reference import RegistryReference, check_digest, check_tag, is_digest
from sealing.oci.registry.answers import require_digest
from sealing.oci.registry.auth import RegistryAuthenticator
from sealing.oci.registry.blobs import RegistryBlobs
from sealing.oci.registry.http import Call, RegistryHttp
from sealing.oci.registry.lists import tags
from sealing.oci.registry.referrers import Referrers
from sealing.oci.registry.settings import Authenticator, RegistrySettings
from sealing.oci.store import ArtifactStore

_OK: Final = frozenset({200})
_MANIFESTS: Final = {"Accept": f"{MANIFEST_TYPE}, {INDEX_TYPE}"}


class RegistryClient:
    """An `ArtifactStore` in a registry. Close it, or use it as a context manager.

    Threads may share it: each transfer has a connection of its own.
    """

    def __init__(
        self,
        reference: RegistryReference,
        *,
        settings: RegistrySettings | None = None,
        authenticator: Authenticator | None = None,
    ) -> None:
        """Name the repository; tag and digest of `reference` are not used. Connects to nothing.

        Without an authenticator we are nobody in particular, for which some registries want a
        token too.
        """
        self._name = reference.repository
        settings = settings or RegistrySettings()
        self._http = RegistryHttp(
            reference, settings, authenticator or RegistryAuthenticator(settings)
        )
        self.blobs = RegistryBlobs(self._http, self._name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ping(self) -> None:
        """Return if there is a registry that lets us in, or raise `SealError`."""
        self._http.call(Call("GET", "/v2/", scope="", expect=_OK))

    def resolve(self, target: str) -> Descriptor:
        """See `ArtifactStore`.

        Gets the manifest instead of asking for its headers: the digest is then of bytes that we
        saw, and a tag that moves between two requests can not be caught in the middle.
        """
        return parse_manifest(self.get_manifest(target)).descriptor

    def get_manifest(self, target: str) -> bytes:
        """See `ArtifactStore`."""
        answer = self._http.call(
            Call("GET", self._manifest_path(target), self._pull, _OK, headers=_MANIFESTS),
            limit_bytes=format_limits.MANIFEST_BYTES,
        )
        digest = digest_of(answer.body)
        if is_digest(target) and digest != target:
            raise SealError(SealRefusal.DIGEST_MISMATCH, f"manifest is {digest}, expected {target}")
        require_digest(answer, digest)
        return answer.body

    def get_blob(self, digest: str, size: int) -> bytes:
        """See `ArtifactStore`."""
        return collect(self.fetch_blob, digest, size)

    def fetch_blob(self, digest: str, size: int, sink: Sink) -> None:
        """See `ArtifactStore`."""
        self.blobs.fetch(digest, size, sink)

    def has_blob(self, digest: str, size: int) -> bool:
        """See `ArtifactStore`. Believes the registry: what it lies about, a puller will refuse."""
        return self.blobs.has(digest, size)

    def put_blob(self, blob: Blob) -> None:
        """See `ArtifactStore`."""
        self.blobs.put(blob)

    def mount_blob(self, digest: str, size: int, source: ArtifactStore) -> bool:
        """See `ArtifactStore`. Possible from another repository of the same registry."""
        if isinstance(source, RegistryClient):
            return self.blobs.mount(digest, size, source.blobs)
        return self.has_blob(digest, size)

    def tags(self) -> tuple[str, ...]:
        """See `ArtifactStore`. A repository that nobody ever pushed to is `seal-not-found`."""
        return tags(self._http, self._name, self._pull)

    def put_manifest(self, data: bytes, *, tag: str | None = None) -> str:
        """See `ArtifactStore`."""
        facts = parse_manifest(data)
        digest = facts.descriptor.digest
        call = Call(
            "PUT",
            self._manifest_path(digest if tag is None else tag),
            self._push,
            frozenset({201}),
            headers={"Content-Type": facts.descriptor.media_type},
            body=Blob.of(data),
        )
        answer = self._http.call(call)
        require_digest(answer, digest)
        subject = None if facts.subject is None else facts.subject.digest
        # Distribution spec, "Pushing manifests with subject": silence means it does not know it.
        if subject is not None and answer.headers.get("oci-subject") != subject:
            self._referrers.record(subject, facts.descriptor)
        return digest

    def referrers(self, digest: str, *, artifact_type: str) -> tuple[Descriptor, ...]:
        """See `ArtifactStore`."""
        check_digest(digest)
        return self._referrers.of(digest, artifact_type)

    @property
    def _referrers(self) -> Referrers:
        return Referrers(self._http, self._name, self._pull, self)

    @property
    def _pull(self) -> str:
        return f"repository:{self._name}:pull"

    @property
    def _push(self) -> str:
        return f"repository:{self._name}:pull,push"

    def _manifest_path(self, target: str) -> str:
        if not is_digest(target):
            check_tag(target)
        return f"/v2/{self._name}/manifests/{target}"
