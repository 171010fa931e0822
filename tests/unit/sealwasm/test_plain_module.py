"""`plain:REFERENCE` for `seal` and `publish`: a module that another tool published in clear."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sealing.canonical import digest_of
from sealing.oci.blob import Blob
from sealing.oci.layout import OciLayout
from tests.fakes.desk import Desk, open_desk
from tests.fakes.registry import fake_registry
from tests.unit.sealing.wasm_maker import SMALL
from tests.vectors.generate_plain import CNCF, descriptor, manifest

MANIFEST = json.dumps(manifest(descriptor(CNCF, SMALL))).encode()


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Iterator[Desk]:
    with open_desk(tmp_path, capsys, monkeypatch) as desk:
        desk.settle()
        (desk.folder / "app.wasm").unlink()
        yield desk


def in_clear(desk: Desk, module: bytes = SMALL) -> str:
    """Publish a module as other tools do, in a folder; return its reference."""
    store = OciLayout.create(desk.folder / "plain")
    for blob in (b"{}", module):
        store.put_blob(Blob.of(blob))
    document = json.dumps(manifest(descriptor(CNCF, module))).encode()
    store.put_manifest(document, tag="v1")
    return f"oci:{desk.path('plain')}:v1"


def test_publish_from_a_folder(desk):
    place = in_clear(desk)
    code, _, err = desk.run("publish", f"plain:{place}")
    assert code == 0
    assert f"@{digest_of(MANIFEST)}, {len(SMALL)} bytes, {digest_of(SMALL)}" in err
    assert "warning: whoever could read it there may have it" in err
    listed = desk.document("list")["artifacts"]
    assert [(one["version"], one["verified"]) for one in listed] == [(1, True)]
    assert "unchanged" in desk.run("publish", f"plain:{place}")[2]


def test_seal_from_a_registry(desk):
    with fake_registry() as registry:
        repository = registry.repository("acme/plain")
        repository.blobs[digest_of(SMALL)] = SMALL
        repository.manifests["v1"] = MANIFEST
        place = f"plain:{registry.host}/acme/plain:v1"
        goal = f"oci:{desk.path('sealed')}:v1"
        desk.document("seal", place, "--version", "3", "--to", goal)
        repository.blobs[digest_of(SMALL)] = SMALL[:-1] + b"\1"
        error = desk.refused("seal", place, "--version", "4", "--to", goal)
    assert error["code"] == "seal-digest-mismatch"
    assert desk.document("inspect", goal)["signatures"][0]["version"] == 3


def test_what_is_sealed_is_not_sealed_again(desk):
    sealed = desk.document("publish", f"plain:{in_clear(desk)}")["reference"]
    error = desk.refused("publish", f"plain:{sealed}")
    assert (error["code"], error["exit_code"]) == ("seal-encrypted", 4)
    assert "sealwasm rewrap" in error["next"]
    assert "sealwasm adopt" in error["next"]


def test_without_the_word_it_is_not_read(desk):
    """A registry that gives a module in clear in place of a sealed one is not believed."""
    place = in_clear(desk)
    goal = f"oci:{desk.path('copy')}:v1"
    for command in (
        ["publish", place, goal],
        ["copy", place, goal, "--dry-run"],
        ["pull", place, goal],
        ["inspect", place],
        ["diff", place, place],
    ):
        error = desk.refused(*command)
        assert error["code"] == "seal-not-sealed"
        assert error["next"] == f"to seal it: sealwasm publish plain:{place}"
    error = desk.refused("seal", place, "--version", "1", "--to", f"oci:{desk.path('s')}:1")
    assert (error["code"], error["next"]) == ("module-in-clear", f"plain:{place}")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("plain:", "seal-reference-invalid"),
        ("plain:app.wasm", "seal-reference-invalid"),
        ("plain:oci:nowhere:v1", "seal-not-found"),
        ("plain:plain:oci:plain:v1", "seal-reference-invalid"),
        ("./plain:app.wasm", "file-not-found"),
    ],
)
def test_wrong_ones(desk, monkeypatch, text, code):
    monkeypatch.chdir(desk.folder)
    before = desk.snapshot()
    assert desk.refused("publish", text)["code"] == code
    assert desk.snapshot() == before


def test_what_is_no_module(desk):
    error = desk.refused("publish", f"plain:{in_clear(desk, b'#!/bin/sh')}")
    assert error["code"] == "seal-not-wasm"


def test_a_dry_run_leaves_nothing(desk):
    place = in_clear(desk)
    before = desk.snapshot()
    assert desk.document("publish", f"plain:{place}", "--dry-run")["published"] is False
    assert desk.snapshot() == before


def test_a_file_whose_name_begins_so(desk, monkeypatch):
    monkeypatch.chdir(desk.folder)
    desk.write("plain:app.wasm", SMALL)
    assert desk.document("publish", "./plain:app.wasm")["version"] == 1
