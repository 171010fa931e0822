"""A registry in a thread on loopback that does everything right until told not to.

    with fake_registry() as registry:
        RegistryClient(registry.reference("acme/app", tag="v1"))

Distribution spec 1.1: blobs with ranges, resumable uploads, mount, manifests, tags in pages, and
the referrers API if wanted. Verbs (`registry_faults.py`) make it misbehave. `requests` is what it
saw; `behaviours` speak before it does.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from sealing.canonical import digest_of
from sealing.errors import SealError
from sealing.oci.descriptor import (
    INDEX_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    ManifestFacts,
    parse_manifest,
)
from sealing.oci.reference import RegistryReference, is_digest
from sealing.signatures.bundle import BUNDLE_TYPE
from tests.fakes.registry_faults import Faults
from tests.fakes.registry_wire import Request, Response, serving

HOME = "acme/scoring"
_RANGE = re.compile(r"bytes=([0-9]+)-")
_ROUTES = re.compile(r"/v2/(.+?)/(blobs/uploads|blobs|manifests|referrers|tags)/(.*)")


@dataclass
class Repository:
    blobs: dict[str, bytes] = field(default_factory=dict)
    # By digest and by tag.
    manifests: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)


class FakeRegistry(Faults):
    def __init__(
        self, *, referrers_api: bool = False, mounts: bool = True, ranges: bool = True
    ) -> None:
        super().__init__()
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.referrers_api = referrers_api
        self.mounts = mounts
        self.ranges = ranges
        # Whether lists of referrers hold only what was asked for.
        self.filters = True
        # Entries in one answer, of referrers and of tags.
        self.page_size = 100
        self.also_listed: list[Descriptor] = []
        self.port = 0
        self._sessions = 0
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def reference(self, repository: str = HOME, tag: str | None = "v1") -> RegistryReference:
        return RegistryReference(registry=self.host, repository=repository, tag=tag)

    def repository(self, name: str = HOME) -> Repository:
        return self.repositories.setdefault(name, Repository())

    @property
    def blobs(self) -> dict[str, bytes]:
        return self.repository().blobs

    @property
    def manifests(self) -> dict[str, bytes]:
        return self.repository().manifests

    def lists_as_referrer(self, data: bytes) -> None:
        """Name `data` as a signature of whatever is asked for."""
        stranger = Descriptor.of(data, MANIFEST_TYPE)
        self.manifests[stranger.digest] = data
        self.also_listed.append(replace(stranger, artifact_type=BUNDLE_TYPE))

    def seen(self, method: str) -> list[str]:
        return [request.path for request in self.requests if request.method == method]

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    def handle(self, request: Request) -> Response:
        with self._lock:
            self.requests.append(request)
        for behaviour in self.behaviours:
            response = behaviour(request)
            if response is not None:
                return response
        return self.work(request)

    def work(self, request: Request) -> Response:
        if request.path == "/v2/":
            return Response(200)
        route = _ROUTES.fullmatch(request.path)
        if route is None:
            return _missing()
        name, kind, target = route.groups()
        handlers: dict[str, Callable[[Request, str, str], Response]] = {
            "blobs/uploads": self._upload,
            "blobs": self._blob,
            "manifests": self._manifest,
            "referrers": self._referrers,
            "tags": self._tags,
        }
        with self._lock:
            return handlers[kind](request, name, target)

    def _blob(self, request: Request, name: str, digest: str) -> Response:
        body = self.repository(name).blobs.get(digest)
        if body is None:
            return _error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        wanted = _RANGE.fullmatch(request.headers.get("range", ""))
        if wanted is None or not self.ranges:
            return Response(200, body)
        start = int(wanted[1])
        if start >= len(body):
            return Response(416, headers={"Content-Range": f"bytes */{len(body)}"})
        said = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return Response(206, body[start:], {"Content-Range": said})

    def _upload(self, request: Request, name: str, session: str) -> Response:
        repository = self.repository(name)
        if request.method == "POST":
            return self._begin(request, name)
        received = repository.uploads.get(session)
        if received is None:
            return _error(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown to registry")
        if request.method == "GET":
            return _state(204, request.path, received)
        said = request.headers.get("content-range")
        if said is not None and int(said.partition("-")[0]) != len(received):
            return _state(416, request.path, received)
        received += request.body
        if request.method == "PATCH" or not request.whole:
            return _state(202, request.path, received)
        del repository.uploads[session]
        digest = request.query["digest"][0]
        if digest_of(received) != digest:
            return _error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        repository.blobs[digest] = bytes(received)
        return _stored(name, digest)

    def _begin(self, request: Request, name: str) -> Response:
        (digest,) = request.query.get("mount", [""])
        (source,) = request.query.get("from", [""])
        known = self.repository(source).blobs if source else {}
        if self.mounts and digest in known:
            self.repository(name).blobs[digest] = known[digest]
            return _stored(name, digest)
        self._sessions += 1
        session = f"session{self._sessions}"
        self.repository(name).uploads[session] = bytearray()
        return _state(202, f"/v2/{name}/blobs/uploads/{session}", b"")

    def _manifest(self, request: Request, name: str, target: str) -> Response:
        repository = self.repository(name)
        if request.method != "PUT":
            data = repository.manifests.get(target)
            if data is None:
                return _missing()
            return Response(200, data, {"Docker-Content-Digest": digest_of(data)})
        facts = parse_manifest(request.body)
        if any(blob.digest not in repository.blobs for blob in facts.blobs):
            return _error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
        for key in (target, facts.descriptor.digest):
            repository.manifests[key] = request.body
        headers = {"Docker-Content-Digest": facts.descriptor.digest}
        if facts.subject is not None and self.referrers_api:
            headers["OCI-Subject"] = facts.subject.digest
        return Response(201, headers=headers)

    def _referrers(self, request: Request, name: str, digest: str) -> Response:
        if not self.referrers_api:
            return _missing()
        every = dict.fromkeys(self.repository(name).manifests.values())
        about = [
            facts.descriptor
            for facts in map(_facts_or_none, every)
            if facts is not None and facts.subject is not None and facts.subject.digest == digest
        ]
        about += self.also_listed
        kind = request.query.get("artifactType", [None])[0] if self.filters else None
        found = [entry for entry in about if kind in (None, entry.artifact_type)]
        first = int(request.query.get("from", ["0"])[0])
        last = first + self.page_size
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [entry.to_document() for entry in found[first:last]],
        }
        headers = {"Content-Type": INDEX_TYPE}
        if kind is not None:
            headers["OCI-Filters-Applied"] = "artifactType"
        if found[last:]:
            same = "" if kind is None else f"&artifactType={quote(kind, safe='')}"
            headers["Link"] = f'<{request.path}?from={last}{same}>; rel="next"'
        return Response(200, json.dumps(index).encode(), headers)

    def _tags(self, request: Request, name: str, _: str) -> Response:
        if name not in self.repositories:
            return _error(404, "NAME_UNKNOWN", "repository name not known to registry")
        after = request.query.get("last", [""])[0]
        wanted = min(self.page_size, int(request.query.get("n", [str(self.page_size)])[0]))
        known = self.repository(name).manifests
        tags = sorted(tag for tag in known if not is_digest(tag) and tag > after)
        page = tags[:wanted]
        headers = {}
        if tags[wanted:]:
            headers["Link"] = f'<{request.path}?n={wanted}&last={page[-1]}>; rel="next"'
        return Response(200, json.dumps({"name": name, "tags": page}).encode(), headers)


def _state(status: int, path: str, received: bytes | bytearray) -> Response:
    """Describe an upload session; its URL changes with every byte, as that of real ones."""
    last = max(len(received) - 1, 0)
    place = f"{path}?state={len(received)}"
    return Response(status, headers={"Location": place, "Range": f"0-{last}"})


def _stored(name: str, digest: str) -> Response:
    place = f"/v2/{name}/blobs/{digest}"
    return Response(201, headers={"Location": place, "Docker-Content-Digest": digest})


def _facts_or_none(data: bytes) -> ManifestFacts | None:
    try:
        return parse_manifest(data)
    except SealError:
        return None


def _error(status: int, code: str, message: str) -> Response:
    document = {"errors": [{"code": code, "message": message}]}
    return Response(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def _missing() -> Response:
    return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")


@contextmanager
def running(registry: FakeRegistry, **wrap: Callable[..., object]) -> Iterator[FakeRegistry]:
    """Serve `registry` until the block ends; `wrap` may put TLS around the socket."""
    with serving(registry, **wrap):
        yield registry


@contextmanager
def fake_registry(
    *, referrers_api: bool = True, mounts: bool = True, ranges: bool = True
) -> Iterator[FakeRegistry]:
    """Serve a new registry until the block ends."""
    registry = FakeRegistry(referrers_api=referrers_api, mounts=mounts, ranges=ranges)
    with running(registry):
        yield registry
