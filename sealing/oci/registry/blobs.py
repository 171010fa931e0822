"""Blobs of one repository of a registry: fetched, stored and mounted, over lines that break.

Steps are those of docs/specs/oci-artifact.md, section 6.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from sealing.errors import SealError, SealRefusal
from sealing.oci.blob import Blob, Receiver, Sink
from sealing.oci.fields import require_rest
from sealing.oci.reference import check_digest
from sealing.oci.registry.answers import body_of
from sealing.oci.registry.http import Call, RegistryHttp
from sealing.oci.registry.upload import Upload, Uploads

_OK: Final = frozenset({200})
_PARTIAL: Final = 206
_REST: Final = frozenset({200, _PARTIAL})
_MOUNTED: Final = 201
# Refused for whatever reason of the source, a mount is only a longer way: the upload will tell.
_NO_MOUNT: Final = (
    SealRefusal.FORBIDDEN,
    SealRefusal.NOT_FOUND,
    SealRefusal.REGISTRY_REFUSED,
    SealRefusal.UNAUTHORIZED,
)


class RegistryBlobs:
    """Blobs in repository `name`. Methods raise `SealError` only; threads may share them."""

    def __init__(self, http: RegistryHttp, name: str) -> None:
        self._http = http
        self._name = name
        self._pull = f"repository:{name}:pull"
        self._push = f"repository:{name}:pull,push"
        self._uploads = Uploads(http, f"/v2/{name}/blobs/uploads/", self._push)

    def fetch(self, digest: str, size: int, sink: Sink) -> None:
        """Write a blob to `sink`; after a break it goes on behind what has come (6.1)."""
        receiver = Receiver(digest, size, sink)
        call = Call("GET", self._path(digest), self._pull, _OK)
        self._http.retrying(
            lambda: self._fetch_rest(call, receiver), moved=lambda: receiver.received
        )
        receiver.finish()

    def has(self, digest: str, size: int) -> bool:
        """Return whether the registry says that it has the blob, with this size."""
        call = Call("HEAD", self._path(digest), self._pull, frozenset({200, 404}))
        answer = self._http.call(call)
        return answer.status in _OK and answer.headers.get("content-length") in (None, str(size))

    def put(self, blob: Blob) -> None:
        """Store a blob unless it is there; it goes on where a break left it (6.2, 6.3)."""
        if not self.has(blob.digest, blob.size):
            upload = Upload(self._uploads, blob, lambda: self.has(blob.digest, blob.size))
            self._http.retrying(upload.go_on, moved=lambda: upload.received)

    def mount(self, digest: str, size: int, source: RegistryBlobs) -> bool:
        """Take a blob over from another repository; False where it has to be uploaded (6.4)."""
        if self.has(digest, size):
            return True
        if not self._http.is_same_registry(source._http):
            return False
        query = f"?mount={quote(digest, safe='')}&from={quote(source._name, safe='')}"
        scope = f"{self._push} {source._pull}"
        path = f"/v2/{self._name}/blobs/uploads/{query}"
        try:
            answer = self._http.call(Call("POST", path, scope, frozenset({_MOUNTED, 202})))
        except SealError as error:
            if error.code in _NO_MOUNT:
                return False
            raise
        return answer.status == _MOUNTED and self.has(digest, size)

    def _fetch_rest(self, call: Call, receiver: Receiver) -> None:
        start = receiver.received
        if start:
            if start == receiver.size:
                # Only the end of the answer was missing.
                return
            call = replace(call, expect=_REST, headers={"Range": f"bytes={start}-"})
        with self._http.exchange(call, receiver.size) as response:
            # A registry that knows no ranges sends all of it again.
            known = start
            if response.status_code == _PARTIAL:
                content_range = response.headers.get("content-range", "")
                require_rest(content_range, start=start, size=receiver.size)
                known = 0
            receiver.require_size(response.headers.get("content-length"), start=start - known)
            for chunk in body_of(response):
                passed = min(known, len(chunk))
                known -= passed
                receiver.feed(memoryview(chunk)[passed:])

    def _path(self, digest: str) -> str:
        check_digest(digest)
        return f"/v2/{self._name}/blobs/{digest}"
