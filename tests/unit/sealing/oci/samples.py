"""Small artifacts for store tests: stores look at digests and sizes, not at what is sealed."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.oci.blob import Blob
from sealing.oci.descriptor import EMPTY_TYPE, MANIFEST_TYPE, Descriptor
from sealing.oci.store import ArtifactStore
from sealing.seal import SealedModule
from tests.fakes.sealing import seal_for
from tests.unit.sealing import makers
from tests.unit.sealing.wasm_maker import SMALL

CONFIG = b'{"architecture":"wasm","os":"wasip1"}'
LAYER = bytes(range(256)) * 5
NOTE_TYPE = "application/vnd.example.note"
ABSENT = "sha256:" + "0" * 64


def to_json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def manifest(*, note: str = "", **members: Any) -> bytes:
    """Return a manifest of config and layer; `note` makes it another one, `members` replace."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": Descriptor.of(CONFIG, "application/vnd.example.config").to_document(),
        "layers": [Descriptor.of(LAYER, "application/octet-stream").to_document()],
    }
    if note:
        document["annotations"] = {"note": note}
    return to_json(document | members)


def referrer(subject: bytes, *, kind: str | None = NOTE_TYPE, note: str = "") -> bytes:
    """Return a manifest that refers to `subject` and holds the sample layer."""
    members: dict[str, Any] = {"subject": Descriptor.of(subject, MANIFEST_TYPE).to_document()}
    if kind is not None:
        members["artifactType"] = kind
    members["config"] = Descriptor.of(CONFIG, EMPTY_TYPE).to_document()
    return manifest(note=note, **members)


def refusal(action: Callable[..., object], *args: Any, **named: Any) -> SealRefusal:
    """Return the code with which `action` refuses; a refusal always has a detail for our log."""
    with pytest.raises(SealError) as caught:
        action(*args, **named)
    assert caught.value.detail
    return caught.value.code


def publish(store: ArtifactStore, data: bytes, *, tag: str | None = None) -> str:
    """Store the sample blobs and the manifest `data`."""
    for blob in (CONFIG, LAYER):
        store.put_blob(Blob.of(blob))
    return store.put_manifest(data, tag=tag)


@cache
def sealed() -> SealedModule:
    """Return one real sealed module, the same in all tests of a process."""
    return seal_for(
        SMALL,
        name="acme/scoring",
        version=7,
        policy_name="acme/prod",
        capabilities=makers.CAPABILITIES,
        broker_identity=makers.IDENTITY.key_id,
        broker_key=makers.BROKER.public,
        owner=makers.OWNER,
        now=makers.NOW,
    )
