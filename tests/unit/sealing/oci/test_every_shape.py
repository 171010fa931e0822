"""Every entry of an index, for whoever answers for the whole of it: all good, or one is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.oci.every_shape import describe_every, entry_named
from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference
from sealing.oci.shape_index import every_entry
from sealing.oci.transfer import push
from sealing.shapes import COMPAT, SHAPES, WASM
from tests.unit.sealing.oci.samples import refusal
from tests.unit.sealing.oci.test_shape_index import BY_TAG, bent, index, layout, sealed


def test_an_index_is_described_in_every_shape(tmp_path: Path) -> None:
    store = layout(tmp_path)
    found = describe_every(store, BY_TAG)
    assert (found.is_index, found.digest) == (True, store.resolve("v1").digest)
    assert [one.manifest.shape for one in found.shapes] == [WASM, COMPAT]
    assert all(one.bundles for one in found.shapes)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
def test_one_artifact_is_itself(tmp_path: Path, shape: Any) -> None:
    store = layout(tmp_path)
    one = sealed(shape)
    found = describe_every(store, LayoutReference(folder="any", digest=one.manifest_digest))
    assert (found.is_index, found.digest) == (False, one.manifest_digest)
    assert [each.manifest.raw for each in found.shapes] == [one.manifest]


def foreign(document: Any) -> None:
    entry = dict(document["manifests"][0], platform={"architecture": "amd64", "os": "linux"})
    document["manifests"].append(entry)


def swapped(document: Any) -> None:
    one, other = document["manifests"]
    for member in ("digest", "size"):
        one[member], other[member] = other[member], one[member]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda one: one.update(manifests=[]), SealRefusal.PLATFORM),
        (foreign, SealRefusal.PLATFORM),
        (lambda one: one["manifests"].append(one["manifests"][1]), SealRefusal.LAYER_COUNT),
    ],
)
def test_what_one_reader_passes_over_is_refused(
    change: Callable[[Any], Any], code: SealRefusal
) -> None:
    assert refusal(every_entry, bent(change)) is code


def test_each_is_listed_as_the_shape_that_it_has() -> None:
    assert [shape for shape, _ in every_entry(index())] == [WASM, COMPAT]


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        (swapped, SealRefusal.PLATFORM, "shape wasm"),
        (
            lambda one: one["manifests"][1].update(digest="sha256:" + "0" * 64),
            SealRefusal.NOT_FOUND,
            "shape compat",
        ),
        (
            lambda one: one["manifests"][1].update(size=9),
            SealRefusal.SIZE_MISMATCH,
            "shape compat",
        ),
    ],
)
def test_a_bad_entry_is_named(
    tmp_path: Path, change: Callable[[Any], Any], code: SealRefusal, named: str
) -> None:
    store = layout(tmp_path)
    store.put_manifest(bent(change), tag="v1")
    with pytest.raises(SealError) as caught:
        describe_every(store, BY_TAG)
    assert caught.value.code is code
    assert named in caught.value.detail


def test_a_broken_line_is_about_no_entry() -> None:
    with pytest.raises(SealError) as caught, entry_named(WASM, "sha256:x"):
        raise SealError(SealRefusal.UNREACHABLE, "the line broke")
    assert caught.value.detail == "the line broke"


def test_one_shape_in_an_index_is_enough(tmp_path: Path) -> None:
    store = OciLayout.create(tmp_path)
    push(store, sealed(COMPAT), "alone")
    store.put_manifest(bent(lambda one: one["manifests"].pop(0)), tag="v1")
    found = describe_every(store, BY_TAG)
    assert [one.manifest.shape for one in found.shapes] == [COMPAT]
