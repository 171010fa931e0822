"""Keys besides the brokers': recovery, public tools, CoCo; sealing anew, adopting, both shapes."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealing.holders.outside import WARNINGS
from sealing.oci.layout import OciLayout
from tests.fakes.desk import Desk, open_desk
from tests.fakes.registry import fake_registry
from tests.unit.sealing.jwe_maker import seal_by_hand
from tests.unit.sealing.wasm_maker import SMALL


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Iterator[Desk]:
    with open_desk(tmp_path, capsys, monkeypatch) as desk:
        desk.settle()
        Path(desk.write("passphrase", "correct horse\n")).chmod(0o600)
        yield desk


def recovery(desk: Desk, name: str = "backup") -> tuple[str, ...]:
    """Make a recovery key; return the options that open with it."""
    path = desk.path(f"{name}.key")
    made = desk.document(
        "key", "generate", "--recovery", f"acme/{name}", "--out", path,
        "--passphrase-file", desk.path("passphrase"),
    )  # fmt: skip
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert (made["private"], made["public"]) == (path, f"{path}.pub")
    return ("--recovery-key", path)


def jwe_pair(desk: Desk, name: str = "ours") -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    private = desk.write(
        f"{name}.pem",
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    Path(private).chmod(0o600)
    desk.write(
        f"{name}.pub",
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )
    return private


def coco_key(desk: Desk) -> str:
    path = desk.write("kek", bytes(range(32)))
    Path(path).chmod(0o600)
    return f"kbs:///default/key/m1={path}"


def publish(desk: Desk, *more: str) -> dict:
    return desk.document("publish", desk.path("app.wasm"), *more)


def recover(desk: Desk, reference: str, *key: str, name: str = "back.wasm") -> bytes:
    desk.document("recover", reference, *key, "--to", desk.path(name))
    assert stat.S_IMODE((desk.folder / name).stat().st_mode) == 0o600
    return (desk.folder / name).read_bytes()


class TestRecovery:
    def test_gives_the_module_back_without_a_broker(self, desk):
        key = recovery(desk)
        told = publish(desk, "--recovery-key", f"{key[1]}.pub")
        desk.broker_is_down = True
        passphrase = ("--passphrase-file", desk.path("passphrase"))
        assert recover(desk, told["reference"], *key, *passphrase) == SMALL
        found = desk.document("verify", told["reference"])
        assert found["recipients"] == ["broker", "recovery"]
        assert found["warnings"] == []

    def test_is_refused_without_the_owner_the_key_or_the_passphrase(self, desk):
        key, other = recovery(desk), recovery(desk, "other")
        told = publish(desk, "--recovery-key", f"{key[1]}.pub")
        Path(desk.write("wrong", "battery staple\n")).chmod(0o600)
        to = ("--to", desk.path("back.wasm"))
        for arguments, code in (
            ((*other, "--passphrase-file", desk.path("passphrase")), "seal-envelope-not-opened"),
            ((*key, "--passphrase-file", desk.path("wrong")), "seal-key-passphrase"),
            ((), "usage"),
        ):
            assert desk.refused("recover", told["reference"], *arguments, *to)["code"] == code
        assert not Path(desk.path("back.wasm")).exists()

    def test_a_new_passphrase_is_typed_twice(self, desk, monkeypatch):
        typed = ["correct", "corect", "correct", "correct"]
        monkeypatch.setattr("os.isatty", lambda _: True)
        monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: typed.pop(0))
        path = desk.path("backup.key")
        desk.document("key", "generate", "--recovery", "acme/backup", "--out", path)
        assert not typed
        typed.append("correct")
        told = publish(desk, "--recovery-key", f"{path}.pub")
        assert recover(desk, told["reference"], "--recovery-key", path) == SMALL

    def test_nobody_is_asked_before_a_key_is_named(self, desk):
        nowhere = ("recover", "localhost:1/acme/app:1", "--to", desk.path("back.wasm"))
        assert desk.refused(*nowhere)["code"] == "usage"

    def test_dry_run_writes_no_plaintext(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        before = desk.snapshot()
        to = ("--to", desk.path("back.wasm"), "--dry-run")
        desk.document("recover", told["reference"], "--jwe-key", private, *to)
        assert desk.snapshot() == before

    def test_a_module_that_was_not_sealed_for_it_stays_shut(self, desk):
        key = recovery(desk)
        told = publish(desk)
        error = desk.refused(
            "recover", told["reference"], *key, "--passphrase-file", desk.path("passphrase"),
            "--to", desk.path("back.wasm"),
        )  # fmt: skip
        assert error["code"] == "seal-envelope-not-opened"

    def test_another_key_is_another_version(self, desk):
        for name in ("old", "new"):
            recovery(desk, name)
        first = publish(desk, "--recovery-key", desk.path("old.key.pub"))
        again = publish(desk, "--recovery-key", desk.path("old.key.pub"))
        changed = publish(desk, "--recovery-key", desk.path("new.key.pub"))
        assert again["manifest"] == first["manifest"]
        assert (first["version"], changed["version"]) == (1, 2)

    def test_a_private_key_is_not_sealed_to(self, desk):
        key = recovery(desk)
        error = desk.refused("publish", desk.path("app.wasm"), *key)
        assert error["code"] == "seal-unknown-member"


class TestPastTheBrokers:
    def test_another_key_is_another_version(self, desk):
        for name in ("old", "new"):
            jwe_pair(desk, name)
        told = [publish(desk, "--also", f"jwe:{desk.path(name)}.pub") for name in ("old", "new")]
        assert [one["version"] for one in told] == [1, 2]

    def test_each_kind_is_listed_and_warned_of(self, desk):
        jwe_pair(desk)
        also = ("--also", f"jwe:{desk.path('ours.pub')}", "--also", f"coco:{coco_key(desk)}")
        code, out, err = desk.run("publish", desk.path("app.wasm"), *also, "-o", "json")
        assert code == 0
        told = json.loads(out)
        for text in WARNINGS.values():
            assert text in err
        for command in ("verify", "inspect"):
            shown = desk.document(command, told["reference"])
            assert shown["recipients"] == ["broker", "coco", "jwe"]
            assert [line.partition(":")[0] for line in shown["warnings"]] == ["coco", "jwe"]
            assert "warning" in desk.run(command, told["reference"])[1]

    def test_a_dry_run_says_what_each_would_see(self, desk):
        jwe_pair(desk)
        also = ("--also", f"jwe:{desk.path('ours.pub')}", "--also", f"coco:{coco_key(desk)}")
        sees = publish(desk, *also, "--dry-run")["sees"]
        who = {"who has the private key of --also jwe", "guests that the KBS of --also coco admits"}
        assert who <= set(sees)

    def test_the_private_key_opens_it(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        assert recover(desk, told["reference"], "--jwe-key", private) == SMALL

    @pytest.mark.parametrize(
        "also",
        ["jwe:", "pgp:x", "coco:kbs:///a/b/c", "jwe:/nowhere", "coco:kbs://host/a/b/c=KEY", "x"],
    )
    def test_what_is_no_such_key_is_refused(self, desk, also):
        also = also.replace("KEY", coco_key(desk).partition("=")[2])
        before = desk.snapshot()
        assert desk.refused("publish", desk.path("app.wasm"), "--also", also)["exit_code"] in (2, 5)
        assert desk.snapshot() == before

    def test_a_wrapping_key_that_others_can_read_is_refused(self, desk):
        key = coco_key(desk)
        Path(key.partition("=")[2]).chmod(0o644)
        error = desk.refused("publish", desk.path("app.wasm"), "--also", f"coco:{key}")
        assert error["code"] == "key-file-readable"


class TestRewrap:
    def test_moves_no_blob(self, desk):
        key = recovery(desk)
        jwe_pair(desk)
        with fake_registry() as registry:
            place = f"{registry.host}/acme/app"
            told = publish(desk, place, "--recovery-key", f"{key[1]}.pub")
            before = dict(registry.repository("acme/app").blobs)
            again = desk.document(
                "rewrap", told["reference"], *key,
                "--opening-passphrase-file", desk.path("passphrase"),
                "--recovery-key-for", f"{key[1]}.pub", "--also", f"jwe:{desk.path('ours.pub')}",
                "--version", "2", "--to", f"{place}:2b",
            )  # fmt: skip
            assert again["layer"] == told["layer"]
            assert again["manifest"] != told["manifest"]
            assert again["version"] == 2
            # New are the signatures; layer and config were there.
            manifests = registry.repository("acme/app").manifests
            old, new = (json.loads(manifests[one["manifest"]]) for one in (told, again))
            assert old["config"] == new["config"]
            layer = told["layer"]
            assert before[layer] == registry.repository("acme/app").blobs[layer]
            sent = [path for path in registry.seen("PUT") if "blobs/uploads" in path]
            assert len(sent) == len(registry.repository("acme/app").blobs)
            shown = desk.document("verify", again["reference"])
            assert shown["recipients"] == ["broker", "jwe", "recovery"]
            passphrase = ("--passphrase-file", desk.path("passphrase"))
            assert recover(desk, again["reference"], *key, *passphrase) == SMALL

    def test_to_another_repository_of_one_registry_mounts(self, desk):
        private = jwe_pair(desk)
        with fake_registry() as registry:
            place = f"{registry.host}/acme/app"
            told = publish(desk, place, "--also", f"jwe:{desk.path('ours.pub')}")
            gets = len([path for path in registry.seen("GET") if told["layer"] in path])
            desk.document(
                "rewrap", told["reference"], "--jwe-key", private,
                "--to", f"{registry.host}/acme/other:1",
            )  # fmt: skip
            after = len([path for path in registry.seen("GET") if told["layer"] in path])
            assert gets == after
            assert told["layer"] in registry.repository("acme/other").blobs

    def test_between_folders(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        goal = f"oci:{desk.path('goal')}:1"
        said = desk.run("rewrap", told["reference"], "--jwe-key", private, "--to", goal)[2]
        assert "not sealed any more for: jwe" in said
        assert desk.document("verify", goal)["recipients"] == ["broker"]

    def test_folders_above_the_goal_are_made(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        goal = f"oci:{desk.path('new/goal')}:1"
        said = desk.run("rewrap", told["reference"], "--jwe-key", private, "--to", goal)[2]
        assert f"stays, for whom it was sealed then: {told['reference']}" in said
        desk.document("seal", desk.path("app.wasm"), "--version", "1", "--to", goal + "b")

    @pytest.mark.parametrize("end", ["@sha256:" + "0" * 64, ""])
    def test_a_goal_has_a_tag(self, desk, end):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        to = ("--to", f"localhost:1/acme/app{end}", "--dry-run")
        error = desk.refused("rewrap", told["reference"], "--jwe-key", private, *to)
        assert error["code"] == ("seal-reference-invalid" if end else "seal-reference-incomplete")

    def test_dry_run_writes_nothing(self, desk):
        private = jwe_pair(desk)
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        before = desk.snapshot()
        goal = f"oci:{desk.path('goal')}:1"
        desk.document("rewrap", told["reference"], "--jwe-key", private, "--to", goal, "--dry-run")
        assert desk.snapshot() == before

    def test_takes_the_owner_and_a_key_that_opens(self, desk):
        jwe_pair(desk)
        private = jwe_pair(desk, "another")
        told = publish(desk, "--also", f"jwe:{desk.path('ours.pub')}")
        goal = ("--to", f"oci:{desk.path('goal')}:1")
        error = desk.refused("rewrap", told["reference"], "--jwe-key", private, *goal)
        assert error["code"] == "seal-envelope-not-opened"
        desk.document("key", "generate", "--out", desk.path("stranger.key"))
        error = desk.refused(
            "rewrap", told["reference"], "--jwe-key", private, *goal,
            "--key", desk.path("stranger.key"),
        )  # fmt: skip
        assert error["code"] == "seal-signer-unknown"


class TestAdopt:
    def adopt(self, desk: Desk, *more: str) -> tuple[str, ...]:
        return (
            "adopt", f"oci:{desk.path('theirs')}:enc", *more,
            "--version", "1", "--to", f"oci:{desk.path('goal')}:1",
        )  # fmt: skip

    def test_what_another_tool_encrypted(self, desk):
        private = jwe_pair(desk)
        seal_by_hand(OciLayout.create(desk.folder / "theirs"), "enc", SMALL, desk.path("ours.pub"))
        told = desk.document(*self.adopt(desk, "--jwe-key", private))
        shown = desk.document("verify", told["reference"])
        assert (shown["module"], shown["version"]) == ("acme/app", 1)
        assert (
            "the content key is the same"
            in desk.run(*self.adopt(desk, "--jwe-key", private, "--dry-run"))[2]
        )

    def test_an_import_that_is_not_granted(self, desk):
        private = jwe_pair(desk)
        from tests.unit.sealing.wasm_maker import FULL

        seal_by_hand(OciLayout.create(desk.folder / "theirs"), "enc", FULL, desk.path("ours.pub"))
        error = desk.refused(*self.adopt(desk, "--jwe-key", private))
        assert error["code"] == "import-not-granted"

    def test_one_key_is_needed(self, desk):
        assert desk.refused(*self.adopt(desk))["code"] == "usage"
        both = ("--jwe-key", jwe_pair(desk), "--coco-key", coco_key(desk))
        assert desk.refused(*self.adopt(desk, *both))["code"] == "usage"


class TestShapes:
    @pytest.mark.parametrize("shape", ["compat", "both"])
    def test_are_published_verified_and_recovered(self, desk, shape):
        private = jwe_pair(desk)
        told = publish(desk, "--shape", shape, "--also", f"jwe:{desk.path('ours.pub')}")
        shown = desk.document("verify", told["reference"])
        assert shown["verified"]
        inspected = desk.document("inspect", told["reference"])
        assert inspected["shape"] == ("compat" if shape == "compat" else "wasm")
        assert recover(desk, told["reference"], "--jwe-key", private) == SMALL
        copied = desk.document("copy", told["reference"], f"oci:{desk.path('goal')}:1")
        assert copied["reference"].rpartition("@")[2] == told["reference"].rpartition("@")[2]
        assert desk.document("verify", copied["reference"])["verified"]
        if shape == "both":
            for digest in told["shapes"].values():
                found = desk.document("verify", f"oci:{desk.path('goal')}@{digest}")
                assert found["manifest"] == digest
