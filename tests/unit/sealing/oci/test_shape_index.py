"""One module in two shapes: written together, found by shape, carried together, never confused."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sealing.envelope import open_envelope
from sealing.errors import SealRefusal
from sealing.holders.recipients import Recipients
from sealing.oci.copying import copy
from sealing.oci.descriptor import INDEX_TYPE
from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference
from sealing.oci.shape_index import is_index, pick, write_index
from sealing.oci.transfer import describe, fetch_layer, push, push_shapes
from sealing.seal import SealedModule, seal
from sealing.shapes import COMPAT, SHAPES, WASM, Shape
from sealing.unseal import unseal_to_memory, verify_artifact
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import refusal
from tests.unit.sealing.wasm_maker import FULL

BY_TAG = LayoutReference(folder="any", tag="v1")


@cache
def sealed(shape: Shape) -> SealedModule:
    return seal(
        FULL,
        name="acme/scoring",
        version=7,
        policy_name="acme/prod",
        capabilities=makers.CAPABILITIES,
        recipients=Recipients.one(makers.IDENTITY.key_id, makers.BROKER.public),
        owner=makers.OWNER,
        now=makers.NOW,
        shape=shape,
    )


@cache
def index() -> bytes:
    return write_index([sealed(shape).manifest for shape in SHAPES.values()])


def bent(change: Callable[[Any], Any]) -> bytes:
    document = json.loads(index())
    change(document)
    return json.dumps(document).encode()


def layout(folder: Path) -> OciLayout:
    made = OciLayout.create(folder)
    push_shapes(made, [(sealed(WASM), None), (sealed(COMPAT), None)], "v1")
    return made


@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
def test_each_shape_is_found_verified_and_unsealed(tmp_path: Path, shape: Shape) -> None:
    store = layout(tmp_path / "one")
    target = OciLayout.create(tmp_path / "other")
    digest = copy(store, BY_TAG, target, "v1")
    by_digest = LayoutReference(folder="any", digest=digest)
    for place, reference in ((store, BY_TAG), (target, BY_TAG), (target, by_digest)):
        found = describe(place, reference, shape=shape)
        artifact = verify_artifact(
            found.manifest.raw, found.config, found.bundles, owners=[makers.OWNER.public]
        )
        assert artifact.manifest.shape is shape
        key = open_envelope(found.manifest.envelopes[0], makers.BROKER)
        opened = unseal_to_memory(artifact, fetch_layer(place, found.manifest), key)
        with opened.memory:
            assert opened.module == FULL


def test_shapes_have_no_key_in_common() -> None:
    keys = [
        open_envelope(describe_envelope(sealed(shape)), makers.BROKER) for shape in SHAPES.values()
    ]
    assert keys[0].symkey != keys[1].symkey


def describe_envelope(module: SealedModule) -> Any:
    from sealing.manifest import SealedManifest

    return SealedManifest.parse(module.manifest).envelopes[0]


def test_one_shape_alone_needs_no_index(tmp_path: Path) -> None:
    store = OciLayout.create(tmp_path / "one")
    push(store, sealed(COMPAT), "v1")
    assert describe(store, BY_TAG).manifest.shape is COMPAT


def test_entries_of_other_platforms_are_passed_over() -> None:
    def add(document: Any) -> None:
        other = dict(document["manifests"][0], digest="sha256:" + "1" * 64)
        document["manifests"].insert(0, other | {"platform": {"architecture": "s390x", "os": "z"}})

    assert pick(bent(add), WASM) == pick(index(), WASM)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda one: one["manifests"].pop(0), SealRefusal.PLATFORM),
        (lambda one: one["manifests"].append(one["manifests"][0]), SealRefusal.LAYER_COUNT),
        (lambda one: one["manifests"][0].update(mediaType=INDEX_TYPE), SealRefusal.MEDIA_TYPE),
        (lambda one: one["manifests"][0].pop("platform"), SealRefusal.MALFORMED),
        (lambda one: one["manifests"][0]["platform"].pop("os"), SealRefusal.MALFORMED),
        (lambda one: one["manifests"][0]["platform"].update(os=1), SealRefusal.MALFORMED),
        (lambda one: one["manifests"][0].update(urls=["x:"]), SealRefusal.UNKNOWN_MEMBER),
        (lambda one: one["manifests"][0].update(digest="sha256:1"), SealRefusal.MALFORMED),
        (lambda one: one.update(schemaVersion=True), SealRefusal.MALFORMED),
        (lambda one: one.update(mediaType="x"), SealRefusal.MEDIA_TYPE),
        (lambda one: one.update(subject={}), SealRefusal.UNKNOWN_MEMBER),
        (lambda one: one.update(manifests={}), SealRefusal.MALFORMED),
        (lambda one: one.update(manifests=[{}] * 5000), SealRefusal.TOO_LARGE),
    ],
)
def test_is_refused(change: Callable[[Any], Any], code: SealRefusal) -> None:
    assert refusal(pick, bent(change), WASM) is code


def test_two_modules_of_one_shape_make_no_index() -> None:
    manifest = sealed(WASM).manifest
    assert refusal(write_index, [manifest, manifest]) is SealRefusal.LAYER_COUNT


def test_an_index_in_an_index_is_not_followed(tmp_path: Path) -> None:
    store = layout(tmp_path / "one")

    def nest(document: Any) -> None:
        inner = document["manifests"][0]
        inner["digest"] = store.resolve("v1").digest
        inner["size"] = store.resolve("v1").size

    store.put_manifest(bent(nest), tag="v1")
    assert refusal(describe, store, BY_TAG) is SealRefusal.UNKNOWN_MEMBER


def test_an_entry_of_another_size_is_refused(tmp_path: Path) -> None:
    store = layout(tmp_path / "one")
    store.put_manifest(bent(lambda one: one["manifests"][0].update(size=9)), tag="v1")
    assert refusal(describe, store, BY_TAG) is SealRefusal.SIZE_MISMATCH


def test_more_artifacts_than_shapes_are_not_carried(tmp_path: Path) -> None:
    store, target = layout(tmp_path / "one"), OciLayout.create(tmp_path / "other")
    store.put_manifest(bent(lambda one: one["manifests"].append(one["manifests"][0])), tag="v1")
    assert refusal(copy, store, BY_TAG, target, "v1") is SealRefusal.TOO_LARGE
    assert target.entries() == ()


def test_a_manifest_is_no_index() -> None:
    assert not is_index(sealed(WASM).manifest)
    assert not is_index(b'{"note":"%s"}' % INDEX_TYPE.encode())
    assert is_index(index())
