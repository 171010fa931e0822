"""What an owner tells of her module and what she keeps, from the command line."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from tests.fakes.desk import Desk, open_desk
from tests.unit.sealing import makers
from tests.unit.sealing.component_maker import WORLD
from tests.unit.sealing.wasm_maker import SMALL


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Iterator[Desk]:
    with open_desk(tmp_path, capsys, monkeypatch) as desk:
        desk.settle()
        yield desk


def published(desk: Desk, *options: str, module: bytes = SMALL) -> str:
    desk.write("app.wasm", module)
    told = desk.document("publish", desk.path("app.wasm"), *options)
    return str(told["reference"])


def test_hidden_details_are_not_shown_to_anybody(desk):
    reference = published(desk, "--hide-details")
    shown = desk.document("inspect", reference)
    assert (shown["bill"], shown["verified"]) == ({}, False)
    assert shown["hidden"]
    assert makers.digest(SMALL) not in str(shown)
    assert desk.document("verify", reference)["verified"]


def test_a_dry_run_says_what_stays_hidden(desk):
    options = ("publish", desk.path("app.wasm"), "--dry-run")
    _, told, _ = desk.run(*options)
    _, hidden, _ = desk.run(*options, "--hide-details")
    assert "bill of materials" in told
    assert "neither its imports nor its digest" in hidden


def test_what_is_hidden_is_sealed_again_each_time(desk):
    """Whether it is the same module nobody can see, not even who published it."""
    assert published(desk, "--hide-details") != published(desk, "--hide-details")


def test_what_is_public_is_hidden_when_asked(desk):
    public = published(desk)
    assert published(desk) == public
    assert desk.document("inspect", published(desk, "--hide-details"))["hidden"]


@pytest.mark.parametrize("shape", ["compat", "both"])
def test_container_images_hide_nothing(desk, shape):
    before = desk.snapshot()
    told = desk.refused("publish", desk.path("app.wasm"), "--hide-details", "--shape", shape)
    assert (told["code"], told["exit_code"]) == ("details-not-hidable", 2)
    assert desk.snapshot() == before


def test_a_component_and_its_world(desk):
    reference = published(desk, module=WORLD)
    bill = desk.document("inspect", reference)["bill"]
    (item,) = bill["imports"]
    assert (bill["kind"], item["name"]) == ("component", "acme:clock/timers@0.2.0")
    _, out, _ = desk.run("inspect", reference)
    assert "component (WIT world below)" in out
    assert "acme:clock/timers@0.2.0 (1 functions)" in out


def test_inspecting_with_an_owner(desk):
    reference = published(desk)
    key = desk.path("owner.key.pub")
    assert desk.document("inspect", reference, "--owner", key)["verified"]
    desk.document("key", "generate", "--out", desk.path("other.key"))
    told = desk.refused("inspect", reference, "--owner", desk.path("other.key.pub"))
    assert told["code"] == "seal-signer-unknown"


def test_verifying_without_the_ciphertext(desk):
    reference = published(desk)
    layer = desk.document("inspect", reference)["layer"]["digest"].partition(":")[2]
    (blob,) = desk.folder.rglob(layer)
    blob.unlink()
    told = desk.document("verify", reference, "--no-layer")
    assert told["verified"]
    assert not [one for one in told["checks"] if "ciphertext" in one]
    assert desk.refused("verify", reference)["code"] == "seal-not-found"


def test_inspecting_a_file_in_clear(desk):
    told = desk.document("inspect", desk.path("app.wasm"))
    assert (told["sealed"], told["digest"]) == (False, makers.digest(SMALL))


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("empty.wasm", b"", "seal-not-wasm"),
        ("text.wasm", b"(module)", "seal-not-wasm"),
        ("folder", None, "is-a-folder"),
        ("absent.wasm", None, "file-not-found"),
    ],
)
def test_what_is_no_module(desk, name, data, code):
    if name == "folder":
        (desk.folder / name).mkdir()
    elif data is not None:
        desk.write(name, data)
    assert desk.refused("inspect", desk.path(name))["code"] == code


def test_a_module_above_the_limit_is_not_read(desk, monkeypatch):
    monkeypatch.setattr("sealwasm.artifacts.modules.MODULE_FILE_BYTES", len(SMALL) - 1)
    assert desk.refused("inspect", desk.path("app.wasm"))["code"] == "file-too-large"


@pytest.mark.parametrize("size", [len(SMALL), len(SMALL) - 1])
def test_a_pipe_is_read_into_memory(desk, monkeypatch, size):
    monkeypatch.setattr("sealwasm.artifacts.modules.MODULE_FILE_BYTES", size)
    pipe = desk.folder / "pipe.wasm"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(SMALL))
    writer.start()
    if size < len(SMALL):
        assert desk.refused("inspect", str(pipe))["code"] == "file-too-large"
    else:
        assert desk.document("inspect", str(pipe))["digest"] == makers.digest(SMALL)
    writer.join()
