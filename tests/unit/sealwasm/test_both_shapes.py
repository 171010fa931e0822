"""An index of both shapes, in the hands of its owner: every entry counts, none hides another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealing.oci.layout import OciLayout
from sealing.signatures.bundle import BUNDLE_TYPE
from sealwasm.artifacts import listing
from tests.fakes.desk import Desk, open_desk
from tests.fakes.registry import FakeRegistry, fake_registry
from tests.fakes.registry_wire import Request, Response
from tests.unit.sealing.wasm_maker import SMALL
from tests.unit.sealwasm.test_other_holders import jwe_pair

NO_LAYER = "--no-layer"


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Iterator[Desk]:
    with open_desk(tmp_path, capsys, monkeypatch) as desk:
        desk.settle()
        yield desk


def publish(desk: Desk, *more: str) -> Any:
    return desk.document("publish", desk.path("app.wasm"), "--shape", "both", *more)


def shop(desk: Desk) -> OciLayout:
    return OciLayout.open(desk.folder / "shop" / "app")


def place(desk: Desk, target: str) -> str:
    separator = "@" if ":" in target else ":"
    return f"oci:{desk.path('shop/app')}{separator}{target}"


def mixed(desk: Desk) -> str:
    """Publish two versions; return an index of the newer wasm entry and the older compat one."""
    old = publish(desk)
    desk.write("app.wasm", SMALL + b"\0\2\1x")
    new = publish(desk)
    store = shop(desk)
    documents = [
        json.loads(store.get_manifest(one["reference"].rpartition("@")[2])) for one in (old, new)
    ]
    documents[1]["manifests"][1] = documents[0]["manifests"][1]
    data = json.dumps(documents[1], sort_keys=True, separators=(",", ":")).encode()
    store.put_manifest(data, tag="mixed")
    return place(desk, "mixed")


def unsign(desk: Desk, digest: str) -> None:
    """Take away the signature of one entry, as whoever may write to a registry can."""
    store = shop(desk)
    for entry in store.referrers(digest, artifact_type=BUNDLE_TYPE):
        path = desk.folder / "shop/app/blobs/sha256" / entry.digest.removeprefix("sha256:")
        path.unlink()


class TestVerify:
    def test_every_entry_is_told(self, desk):
        told = publish(desk)
        shown = desk.document("verify", told["reference"])
        assert shown["index"] == told["reference"].rpartition("@")[2]
        assert shown["manifest"] == told["manifest"]
        assert {one["shape"]: one["manifest"] for one in shown["entries"]} == told["shapes"]
        assert len({one["layer"] for one in shown["entries"]}) == 2
        assert "every entry of the index" in shown["checks"][-1]
        out = desk.run("verify", told["reference"])[1]
        for shape, digest in told["shapes"].items():
            assert f"{shape}: {digest}" in out

    def test_one_entry_by_its_digest_is_an_artifact(self, desk):
        told = publish(desk)
        for digest in told["shapes"].values():
            shown = desk.document("verify", place(desk, digest))
            assert shown["manifest"] == digest
            assert not {"index", "entries"} & set(shown)

    def test_an_unsigned_entry_hides_behind_none(self, desk):
        told = publish(desk)
        unsign(desk, told["shapes"]["compat"])
        error = desk.refused("verify", told["reference"])
        assert error["code"] == "seal-signature-missing"
        assert told["shapes"]["compat"] in error["what"]
        assert desk.document("verify", place(desk, told["shapes"]["wasm"]))["verified"]

    def test_a_damaged_ciphertext_of_any_entry(self, desk):
        told = publish(desk)
        layer = desk.document("verify", told["reference"])["entries"][1]["layer"]
        path = desk.folder / "shop/app/blobs/sha256" / layer.removeprefix("sha256:")
        path.write_bytes(b"x" * path.stat().st_size)
        assert desk.refused("verify", told["reference"])["code"] == "seal-digest-mismatch"
        assert desk.document("verify", told["reference"], NO_LAYER)["verified"]


@pytest.mark.parametrize(
    "command",
    [
        ("verify",),
        ("sign", "--key", "KEY"),
        ("attach", "--generate"),
        ("recover", "--jwe-key", "JWE", "--to", "BACK"),
        ("rewrap", "--jwe-key", "JWE", "--to", "GOAL"),
    ],
    ids=lambda command: command[0],
)
def test_entries_of_two_versions_are_not_one_module(desk, command):
    files = {
        "KEY": desk.path("owner.key"),
        "JWE": jwe_pair(desk),
        "BACK": desk.path("back.wasm"),
        "GOAL": f"oci:{desk.path('goal')}:1",
    }
    reference = mixed(desk)
    before = desk.snapshot()
    name, *rest = command
    error = desk.refused(name, reference, *(files.get(word, word) for word in rest))
    assert error["code"] == "seal-statement-mismatch"
    assert "differ in: version (2 and 1)" in error["what"]
    assert desk.snapshot() == before


class TestSignAndAttach:
    def test_every_entry_is_signed(self, desk):
        told = publish(desk)
        bob = desk.path("bob.key")
        desk.document("key", "generate", "--out", bob)
        two = ("--owner", desk.path("owner.key.pub"), "--owner", f"{bob}.pub", "--threshold", "2")
        assert desk.refused("verify", told["reference"], *two)["code"] == "seal-signature-missing"
        signed = desk.document("sign", told["reference"], "--key", bob)
        assert len(set(signed["bundles"])) == 2
        assert (signed["reference"], signed["shapes"]) == (told["reference"], told["shapes"])
        shown = desk.document("verify", told["reference"], *two)
        assert len(shown["signed_by"]) == 2
        for digest in told["shapes"].values():
            assert desk.document("verify", place(desk, digest), *two)["verified"]

    def test_one_entry_by_its_digest_alone(self, desk):
        told = publish(desk)
        bob = desk.path("bob.key")
        desk.document("key", "generate", "--out", bob)
        desk.document("sign", place(desk, told["shapes"]["compat"]), "--key", bob)
        owners = ("--owner", desk.path("owner.key.pub"), "--owner", f"{bob}.pub")
        shown = desk.document("verify", told["reference"], *owners)
        assert len(shown["signed_by"]) == 1
        assert [len(one["signed_by"]) for one in shown["entries"]] == [1, 2]
        assert "compat alone: " in desk.run("verify", told["reference"], *owners)[1]
        two = (*owners, "--threshold", "2")
        error = desk.refused("verify", told["reference"], *two)
        assert told["shapes"]["wasm"] in error["what"]

    def test_documents_are_attached_to_every_entry(self, desk):
        told = publish(desk)
        tried = desk.document("attach", told["reference"], "--generate", "--dry-run")
        made = desk.document("attach", told["reference"], "--generate")
        for found in (tried, made):
            assert [one["manifest"] for one in found["attached"]] == [
                digest for digest in told["shapes"].values() for _ in range(2)
            ]
        shown = desk.document("verify", told["reference"])["statements"]
        assert {one["manifest"] for one in shown} == set(told["shapes"].values())
        assert all(one["verified"] for one in shown)
        out = desk.run("verify", told["reference"])[1]
        assert "compat: by " in out
        for digest in told["shapes"].values():
            assert len(desk.document("verify", place(desk, digest))["statements"]) == 2


class TestRecover:
    def test_says_that_the_entries_agree(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        key = ("--jwe-key", private, "--to", desk.path("back.wasm"))
        assert "entries of the index agree" in desk.run("recover", told["reference"], *key)[2]
        assert Path(desk.path("back.wasm")).read_bytes() == SMALL

    def test_one_entry_by_its_digest_where_another_is_broken(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        unsign(desk, told["shapes"]["wasm"])
        key = ("--jwe-key", private, "--to", desk.path("back.wasm"))
        assert desk.refused("recover", told["reference"], *key)["code"] == "seal-signature-missing"
        desk.document("recover", place(desk, told["shapes"]["compat"]), *key)
        assert Path(desk.path("back.wasm")).read_bytes() == SMALL

    def test_a_dry_run_does_not_say_that_it_wrote(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        to = ("--jwe-key", private, "--to", desk.path("back.wasm"))
        said = desk.run("recover", told["reference"], *to, "--dry-run")[2]
        assert "delete it" not in said
        assert "delete it" in desk.run("recover", told["reference"], *to)[2]


class TestRewrap:
    def test_nothing_under_the_tag_is_for_the_old_holders(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        said = desk.run(
            "rewrap", told["reference"], "--jwe-key", private, "--to", place(desk, "1")
        )[2]
        for digest in told["shapes"].values():
            assert f"{place(desk, digest)}" in said
        shown = desk.document("verify", place(desk, "1"))
        assert shown["recipients"] == ["broker"]
        assert [one["shape"] for one in shown["entries"]] == ["wasm", "compat"]
        new = [one["manifest"] for one in shown["entries"]]
        assert not set(new) & set(told["shapes"].values())
        for digest in new:
            inspected = desk.document("inspect", place(desk, digest))
            assert [one["kind"] for one in inspected["holders"]] == ["broker"]

    def test_every_entry_opens_with_a_key_that_was_added(self, desk):
        private, other = jwe_pair(desk), jwe_pair(desk, "other")
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        goal = f"oci:{desk.path('goal')}:2"
        again = desk.document(
            "rewrap", told["reference"], "--jwe-key", private, "--version", "2",
            "--also", f"jwe:{desk.path('other.pub')}", "--to", goal,
        )  # fmt: skip
        assert again["version"] == 2
        for shape, digest in again["shapes"].items():
            back = desk.path(f"{shape}.wasm")
            reference = f"oci:{desk.path('goal')}@{digest}"
            desk.document("recover", reference, "--jwe-key", other, "--to", back)
            assert Path(back).read_bytes() == SMALL

    def test_no_byte_of_a_layer_moves_within_a_registry(self, desk):
        private = jwe_pair(desk)
        with fake_registry() as registry:
            there = f"{registry.host}/acme/app"
            command = ("publish", desk.path("app.wasm"), there, "--shape", "both")
            told = desk.document(*command, "--also", f"jwe:{desk.path('ours.pub')}")
            layers = {one["layer"] for one in desk.document("verify", told["reference"])["entries"]}
            before = len(registry.seen("GET"))
            again = desk.document(
                "rewrap", told["reference"], "--jwe-key", private, "--to", f"{there}:1b"
            )
            assert not [
                path for path in registry.seen("GET")[before:] if path.split("/")[-1] in layers
            ]
            shown = desk.document("verify", again["reference"])
            assert {one["layer"] for one in shown["entries"]} == layers

    def test_one_entry_by_its_digest_becomes_one_artifact(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        one = place(desk, told["shapes"]["compat"])
        goal = f"oci:{desk.path('goal')}:1"
        again = desk.document("rewrap", one, "--jwe-key", private, "--to", goal)
        assert "shapes" not in again
        assert desk.document("inspect", goal)["shape"] == "compat"

    def test_one_entry_in_the_place_of_the_index_is_said(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        one = place(desk, told["shapes"]["wasm"])
        said = desk.run("rewrap", one, "--jwe-key", private, "--to", place(desk, "1"))[2]
        assert "was an index of several shapes; now it names this one alone" in said
        said = desk.run("rewrap", one, "--jwe-key", private, "--to", place(desk, "1"))[2]
        assert "was an index" not in said

    def test_a_dry_run_writes_nothing(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        before = desk.snapshot()
        goal = ("--to", f"oci:{desk.path('goal')}:1", "--dry-run")
        foreseen = desk.document("rewrap", told["reference"], "--jwe-key", private, *goal)
        assert set(foreseen["shapes"]) == {"wasm", "compat"}
        assert desk.snapshot() == before


class TestUnchanged:
    @pytest.mark.parametrize("shape", ["wasm", "compat", "both"])
    def test_nothing_is_pushed_again(self, desk, shape):
        command = ("publish", desk.path("app.wasm"), "--shape", shape)
        first = desk.document(*command)
        before = desk.snapshot()
        assert "unchanged: version 1" in desk.run(*command)[2]
        assert desk.document(*command) == first
        assert desk.snapshot() == before

    @pytest.mark.parametrize("shape", ["compat", "both"])
    def test_another_module_is_the_next_version(self, desk, shape):
        command = ("publish", desk.path("app.wasm"), "--shape", shape)
        desk.document(*command)
        desk.write("app.wasm", SMALL + b"\0\2\1x")
        assert desk.document(*command)["version"] == 2

    def test_other_shapes_are_the_next_version(self, desk):
        versions = [
            desk.document("publish", desk.path("app.wasm"), "--shape", shape)["version"]
            for shape in ("both", "compat", "both", "wasm")
        ]
        assert versions == [1, 2, 3, 4]

    def test_a_named_tag_is_set_on_the_whole_index(self, desk):
        told = publish(desk)
        desk.document("publish", desk.path("app.wasm"), place(desk, "stable"), "--shape", "both")
        assert shop(desk).resolve("stable").digest == told["reference"].rpartition("@")[2]

    def test_a_broken_entry_is_said_and_all_is_sealed_anew(self, desk):
        told = publish(desk)
        unsign(desk, told["shapes"]["compat"])
        code, _, said = desk.run("publish", desk.path("app.wasm"), "--shape", "both")
        assert code == 0
        assert (
            "version 1 there is not whole (seal-signature-missing): entry of shape compat" in said
        )
        assert "version 2: the highest published one is 1" in said

    def test_a_tag_that_goes_back_to_an_older_version_is_not_the_newest(self, desk, monkeypatch):
        old = publish(desk)["reference"].rpartition("@")[2]
        publish(desk, "--version", "2")
        honest = listing.newest

        def newest(store: OciLayout, *given: Any) -> Any:
            found = honest(store, *given)
            store.put_manifest(store.get_manifest(old), tag="2")
            return found

        monkeypatch.setattr(listing, "newest", newest)
        assert publish(desk)["version"] == 3

    def test_hidden_details_hide_whether_it_is_the_same(self, desk):
        command = ("publish", desk.path("app.wasm"), "--hide-details")
        desk.document(*command)
        said = desk.run(*command)[2]
        assert "version 1 there may be this very module: --hide-details keeps its digest" in said
        assert "version 2: the highest published one is 1" in said
        desk.write("app.wasm", SMALL + b"\0\2\1x")
        assert "may be this very module" not in desk.run(*command)[2], "its size tells"

    def test_what_is_hidden_is_not_what_is_in_clear(self, desk):
        desk.document("publish", desk.path("app.wasm"), "--hide-details")
        code, _, said = desk.run("publish", desk.path("app.wasm"))
        assert (code, "may be this very module" in said) == (0, False)
        assert "version 2" in said

    def test_keys_of_other_tools_cannot_be_compared(self, desk):
        jwe_pair(desk)
        also = ("--also", f"jwe:{desk.path('ours.pub')}")
        publish(desk, *also)
        said = desk.run("publish", desk.path("app.wasm"), "--shape", "both", *also)[2]
        assert "may be this very module: for which keys of other tools" in said
        assert "version 2" in said


def test_a_copy_is_foreseen_whole(desk):
    told = publish(desk)
    goal = f"oci:{desk.path('goal')}:1"
    foreseen = desk.document("copy", told["reference"], goal, "--dry-run")
    assert foreseen["reference"] == desk.document("copy", told["reference"], goal)["reference"]
    assert foreseen["signatures"] == 2


def test_an_index_is_not_adopted(desk):
    told = publish(desk)
    error = desk.refused(
        "adopt", told["reference"], "--jwe-key", jwe_pair(desk), "--version", "1",
        "--to", f"oci:{desk.path('goal')}:1",
    )  # fmt: skip
    assert error["code"] == "several-artifacts"
    assert error["next"].count("sha256:") == 2


@pytest.mark.parametrize("shape", ["wasm", "both"])
def test_the_tag_comes_last_and_a_second_run_ends_what_broke(desk, shape):
    with fake_registry() as registry:
        there = f"{registry.host}/acme/app"
        command = ("publish", desk.path("app.wasm"), there, "--shape", shape)
        for stored in range(20):
            refuse_after(registry, stored)
            code, _, said = desk.run(*command)
            if code == 0:
                break
            assert "not done: pushed" in said
            assert "1" not in registry.repository("acme/app").manifests
        assert stored >= 3, "artifact, signature, tag"
        assert "version 1: the first one" in said
        assert desk.document("verify", f"{there}:1")["version"] == 1
        assert "unchanged: version 1" in desk.run(*command)[2]


def refuse_after(registry: FakeRegistry, stored: int) -> None:
    """Let a registry take so many manifests more, and then no other."""
    left = [stored]

    def answer(_: Request) -> Response | None:
        left[0] -= 1
        return None if left[0] >= 0 else Response(403)

    registry.behaviours.clear()
    registry.on("PUT", "/manifests/", answer)
