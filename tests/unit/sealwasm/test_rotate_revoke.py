"""`sealwasm rotate` and `sealwasm revoke`: what brokers are told after publishing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from keybroker.audit.leaf import OwnerRotatedLeaf, RevocationLeaf, parse_leaf
from sealing.keys import SigningKey
from tests.fakes.desk import Desk, open_desk

WHY = ("--reason", "leaks its input")


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Iterator[Desk]:
    with open_desk(tmp_path, capsys, monkeypatch) as desk:
        desk.settle()
        yield desk


def leaf(desk: Desk, index: int):
    return parse_leaf(desk.world.broker.store.leaf(index))


class TestRotate:
    def rotate(self, desk: Desk, *more: str) -> tuple[str, ...]:
        return (
            "rotate", "--new-key", desk.path("new.key"), "--statement", desk.path("next.json"),
            *more,
        )  # fmt: skip

    @pytest.fixture
    def new(self, desk) -> str:
        return desk.document("key", "generate", "--out", desk.path("new.key"))["key_id"]

    def test_modules_of_the_next_key_are_published_and_trusted(self, desk, new):
        told = desk.document(*self.rotate(desk))
        assert (told["old"], told["new"]) == (desk.world.owner.key_id, new)
        assert desk.world.broker.store.owner(new).name == "acme"
        published = desk.document("publish", desk.path("app.wasm"), "--key", desk.path("new.key"))
        verified = desk.document(
            "verify", published["reference"], "--owner", desk.path("owner.key.pub"),
            "--key-statement", desk.path("next.json"),
        )  # fmt: skip
        assert verified["verified"]
        shown = desk.run(
            "verify", published["reference"], "--owner", desk.path("owner.key.pub"),
            "--key-statement", desk.path("next.json"),
        )[1]  # fmt: skip
        assert f"{new}, a key of owner {desk.world.owner.key_id[:16]}" in shown

    def test_what_it_says_next_signs_with_the_new_key_and_trusts_both(self, desk, new):
        said = desk.run(*self.rotate(desk))[2]
        told = said.partition("next: sealwasm ")[2].splitlines()[0]
        desk.document(*shlex.split(told))
        published = desk.document("publish", desk.path("app.wasm"))
        assert published["owner"] == new
        assert desk.document("verify", published["reference"])["verified"]

    def test_it_is_in_the_log(self, desk, new):
        desk.document(*self.rotate(desk))
        last = leaf(desk, desk.world.broker.store.tree_size() - 1)
        assert isinstance(last, OwnerRotatedLeaf)
        assert (last.owner, last.previous) == (new, desk.world.owner.key_id)

    def test_the_same_again_after_a_failure(self, desk, new):
        assert "had the new key already" not in desk.run(*self.rotate(desk))[2]
        Path(desk.path("next.json")).unlink()
        assert "had the new key already" in desk.run(*self.rotate(desk))[2]
        assert Path(desk.path("next.json")).exists()

    def test_a_dry_run_changes_nothing(self, desk, new):
        before = desk.snapshot()
        desk.document(*self.rotate(desk, "--dry-run"))
        assert desk.snapshot() == before
        assert desk.world.broker.store.owner(new) is None

    def test_a_broker_that_is_down_leaves_nothing_half_done(self, desk, new):
        desk.broker_is_down = True
        before = desk.snapshot()
        assert desk.refused(*self.rotate(desk))["code"] == "broker-unreachable"
        assert desk.snapshot() == before

    def test_a_key_the_broker_does_not_know(self, desk, new):
        desk.document("key", "generate", "--out", desk.path("stranger.key"))
        error = desk.refused(*self.rotate(desk, "--key", desk.path("stranger.key")))
        assert error["code"] == "owner-unknown"
        assert not Path(desk.path("next.json")).exists()


class TestRevoke:
    def test_a_published_version(self, desk):
        reference = desk.document("publish", desk.path("app.wasm"))["reference"]
        told = desk.document("revoke", reference, *WHY)
        said = leaf(desk, told["answers"][0]["leaf_index"])
        assert isinstance(said, RevocationLeaf)
        assert (said.revokes, said.subject) == ("manifest", reference.rpartition("@")[2])
        assert said.reason == "leaks its input"

    def test_by_tag_means_what_the_tag_names_now(self, desk):
        published = desk.document("publish", desk.path("app.wasm"))
        told = desk.document("revoke", f"oci:{desk.path('shop/app')}:1", *WHY)
        assert told["revokes"] == {"manifest": published["manifest"]}

    def test_an_index_is_no_artifact(self, desk):
        published = desk.document("publish", desk.path("app.wasm"), "--shape", "both")
        size = desk.world.broker.store.tree_size()
        for place in (published["reference"], f"oci:{desk.path('shop/app')}:1"):
            error = desk.refused("revoke", place, *WHY)
            assert error["code"] == "several-artifacts"
            assert error["next"].count("sha256:") == 2
        assert desk.world.broker.store.tree_size() == size

    def test_a_digest_is_enough_where_the_artifact_is_gone(self, desk):
        digest = "sha256:" + "ab" * 32
        told = desk.document("revoke", f"oci:{desk.path('gone')}@{digest}", *WHY)
        assert told["revokes"] == {"manifest": digest}
        said = desk.run("revoke", f"oci:{desk.path('gone')}@{digest}", *WHY)[2]
        assert "cannot be looked at: its digest is revoked as it stands" in said
        assert (
            desk.refused("revoke", f"oci:{desk.path('gone')}:1", *WHY)["code"] == "seal-not-found"
        )

    def test_what_another_key_sealed_is_said(self, desk):
        reference = desk.document("publish", desk.path("app.wasm"))["reference"]
        desk.document("key", "generate", "--out", desk.path("next.key"))
        _, _, said = desk.run(
            "revoke", reference, *WHY, "--key", desk.path("next.key"), "--dry-run"
        )
        assert f"{desk.world.owner.key_id} sealed this" in said

    def test_versions_of_the_module_of_the_context(self, desk):
        told = desk.document("revoke", "--through", "3", *WHY)
        assert told["revokes"] == {"module": "acme/app", "through": 3}

    def test_by_the_operator(self, desk):
        path = Path(desk.write("operator.key", desk.world.operator.to_pem(None)))
        path.chmod(0o600)
        desk.document(
            "revoke", "--whole-key", "--key", str(path), "--of", desk.path("owner.key.pub"), *WHY
        )
        assert desk.world.broker.store.owner(desk.world.owner.key_id).revoked

    @pytest.mark.parametrize(
        "given", [[], ["--through", "1", "--whole-key"], ["oci:shop:1", "--through", "1"]]
    )
    def test_exactly_one_thing_is_meant(self, desk, given):
        assert desk.refused("revoke", *given, *WHY)["code"] == "usage"

    def test_a_stranger_revokes_nothing(self, desk):
        key = SigningKey.generate("ed25519")
        path = Path(desk.write("stranger.key", key.to_pem(None)))
        path.chmod(0o600)
        refused = desk.refused(
            "revoke", "--whole-key", "--key", str(path), "--of", desk.path("owner.key.pub"), *WHY
        )
        assert refused["code"] == "seal-signer-unknown"

    def test_a_dry_run_tells_nobody(self, desk):
        size = desk.world.broker.store.tree_size()
        told = desk.document("revoke", "--whole-key", *WHY, "--dry-run")
        assert told["revokes"] == {"key": True}
        assert desk.world.broker.store.tree_size() == size


@pytest.mark.parametrize(
    "command",
    [
        ("rotate", "--new-key", "owner.key", "--statement", "next.json"),
        ("key", "rotate", "owner.key", "--new", "owner.key.pub", "--out", "next.json"),
    ],
)
def test_a_key_does_not_follow_itself(desk, monkeypatch, command):
    monkeypatch.chdir(desk.folder)
    error = desk.refused(*command)
    assert (error["code"], error["exit_code"]) == ("key-follows-itself", 2)
    assert not (desk.folder / "next.json").exists()
