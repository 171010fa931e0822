"""`sealwasm publish`: one step from a module to a reference, and the same step again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sealing.oci.layout import OciLayout
from sealwasm.options import DEFAULT_BROKER, SUITES
from tests.fakes.desk import Desk, open_desk
from tests.fakes.registry import fake_registry
from tests.fakes.world import POLICY
from tests.unit.sealing.wasm_maker import SMALL


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Iterator[Desk]:
    with open_desk(tmp_path, capsys, monkeypatch) as desk:
        desk.settle()
        yield desk


def tags(desk: Desk) -> list[str]:
    return sorted(OciLayout.open(desk.folder / "shop" / "app").tags())


class TestTheFirstTime:
    def test_seals_pushes_and_enrols(self, desk):
        told = desk.document("publish", desk.path("app.wasm"))
        assert (told["module"], told["version"], told["policy"]) == ("acme/app", 1, POLICY)
        assert told["reference"] == f"oci:{desk.path('shop/app')}@{told['manifest']}"
        assert "POST /v1/policies" in desk.asked
        assert tags(desk) == ["1"]
        verified = desk.document("verify", told["reference"])
        assert verified["verified"]

    def test_says_what_comes_next(self, desk):
        code, out, err = desk.run("publish", desk.path("app.wasm"))
        assert code == 0
        assert "version 1: the first one" in err
        assert "next: sealwasm run oci:" in err
        assert "--owner" not in err, "the context knows the owner"
        assert "reference" in out

    def test_with_a_key_that_the_context_does_not_trust(self, desk):
        new = desk.path("new.key")
        desk.document("key", "generate", "--out", new)
        desk.document("rotate", "--new-key", new, "--statement", desk.path("next.json"))
        err = desk.run("publish", desk.path("app.wasm"), "--key", new)[2]
        assert "--owner OWNER.pub" in err

    def test_a_place_and_a_tag_of_ones_own(self, desk):
        goal = f"oci:{desk.path('other')}:latest"
        desk.document("publish", desk.path("app.wasm"), goal)
        assert OciLayout.open(desk.folder / "other").tags() == ("latest",)

    def test_to_a_registry(self, desk):
        with fake_registry() as registry:
            place = f"{registry.host}/acme/app"
            told = desk.document("publish", desk.path("app.wasm"), place)
            again = desk.document("publish", desk.path("app.wasm"), place)
            assert told["reference"] == again["reference"] == f"{place}@{told['manifest']}"
            desk.write("app.wasm", SMALL + b"\0\2\1x")
            assert desk.document("publish", desk.path("app.wasm"), place)["version"] == 2


class TestAgain:
    def test_an_unchanged_module_is_not_sealed_again(self, desk):
        first = desk.document("publish", desk.path("app.wasm"))
        before = desk.snapshot()
        again = desk.document("publish", desk.path("app.wasm"))
        assert again["reference"] == first["reference"]
        assert desk.snapshot() == before

    def test_an_unchanged_module_gets_another_tag(self, desk):
        first = desk.document("publish", desk.path("app.wasm"))
        command = ("publish", desk.path("app.wasm"), f"oci:{desk.path('shop/app')}:stable")
        desk.document(*command, "--dry-run")
        assert tags(desk) == ["1"]
        assert desk.document(*command)["reference"] == first["reference"]
        assert tags(desk) == ["1", "stable"]

    def test_a_file_that_is_not_there(self, desk):
        desk.document("publish", desk.path("app.wasm"))
        assert desk.refused("publish", desk.path("none.wasm"))["code"] == "file-not-found"

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("app.wasm", lambda data: data + b"\0\2\1x"),
            ("grant.yaml", lambda data: data.replace(b"version: 1", b"version: 2")),
        ],
    )
    def test_a_changed_one_is_the_next_version(self, desk, name, change):
        desk.document("publish", desk.path("app.wasm"))
        desk.write(name, change((desk.folder / name).read_bytes()))
        told = desk.document("publish", desk.path("app.wasm"))
        assert told["version"] == 2
        assert tags(desk) == ["1", "2"]

    def test_another_suite_is_the_next_version(self, desk):
        desk.document("publish", desk.path("app.wasm"), "--suite", SUITES[1])
        assert desk.document("publish", desk.path("app.wasm"))["version"] == 2

    def test_never_back(self, desk):
        desk.document("publish", desk.path("app.wasm"), "--version", "7")
        desk.write("app.wasm", SMALL + b"\0\2\1x")
        error = desk.refused("publish", desk.path("app.wasm"), "--version", "7")
        assert (error["code"], error["exit_code"]) == ("version-not-newer", 6)
        assert "--version 8" in error["next"]

    def test_versions_of_strangers_do_not_count(self, desk):
        desk.document("key", "generate", "--out", desk.path("stranger.key"))
        place = f"oci:{desk.path('shop/app')}"
        (desk.folder / "shop").mkdir()
        desk.document(
            "seal", desk.path("app.wasm"), "--version", "900",
            "--key", desk.path("stranger.key"), "--to", f"{place}:stranger",
        )  # fmt: skip
        assert desk.document("publish", desk.path("app.wasm"))["version"] == 1

    def test_a_new_key_goes_on_where_the_old_one_was(self, desk):
        desk.document("publish", desk.path("app.wasm"))
        new = desk.path("owner-2.key")
        desk.document("key", "generate", "--out", new)
        desk.document("rotate", "--new-key", new, "--statement", desk.path("owner-2.json"))
        told = desk.document("publish", desk.path("app.wasm"), "--key", new)
        assert told["version"] == 2, "the same module, but not signed by this key before"
        assert tags(desk) == ["1", "2"]

    def test_a_tag_of_strangers_stays(self, desk):
        desk.document("key", "generate", "--out", desk.path("stranger.key"))
        (desk.folder / "shop").mkdir()
        desk.document(
            "seal", desk.path("app.wasm"), "--version", "900",
            "--key", desk.path("stranger.key"), "--to", f"oci:{desk.path('shop/app')}:1",
        )  # fmt: skip
        for more in ((), ("--dry-run",)):
            assert desk.refused("publish", desk.path("app.wasm"), *more)["code"] == "tag-exists"
        assert "POST /v1/policies" not in desk.asked, "nobody was told of what cannot be published"

    def test_a_revoked_key_is_said_to_its_holder(self, desk):
        desk.document("publish", desk.path("app.wasm"))
        desk.document("revoke", "--whole-key", "--reason", "lost")
        error = desk.refused("publish", desk.path("app.wasm"))
        assert (error["code"], error["exit_code"]) == ("owner-revoked", 3)
        assert "no runner gets a key for it" in error["what"]
        assert error["where"] == f"{DEFAULT_BROKER}, POST /v1/policies"
        assert "--key KEY" in error["next"]

    def test_the_same_can_be_sealed_anew(self, desk):
        desk.document("publish", desk.path("app.wasm"))
        said = desk.run("publish", desk.path("app.wasm"))[2]
        assert "unchanged: version 1" in said
        assert "--version 2 seals it anew" in said
        told = desk.document("publish", desk.path("app.wasm"), "--version", "2")
        assert told["version"] == 2


class TestWhenItFails:
    def test_it_says_what_was_done_and_goes_on(self, desk):
        desk.document("key", "generate", "--out", desk.path("new.key"))
        code, _, err = desk.run("publish", desk.path("app.wasm"), "--key", desk.path("new.key"))
        assert code == 5
        assert "done: sealed and signed\nnot done: release policy at the broker, pushed" in err
        assert "owner-unknown" in err
        assert not (desk.folder / "shop").exists(), "nothing is public that no broker releases"
        assert desk.document("publish", desk.path("app.wasm"))["version"] == 1

    def test_a_broker_that_is_down(self, desk):
        desk.broker_is_down = True
        before = desk.snapshot()
        assert desk.refused("publish", desk.path("app.wasm"))["code"] == "broker-unreachable"
        assert desk.snapshot() == before

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (["none.wasm"], "file-not-found"),
            (["app.wasm", "--policy", "other"], "policy-name-differs"),
            (["app.wasm", "--key", "none.key"], "file-not-found"),
            (["app.wasm", "--name", "Not A Name"], "module-name"),
            (["app.wasm", "oci:"], "seal-reference-invalid"),
            (["app.wasm", f"oci:shop@sha256:{'0' * 64}"], "seal-reference-invalid"),
            (["app.wasm", "--broker-identity", "00" * 32], "broker-identity-differs"),
        ],
    )
    def test_wrong_ones(self, desk, monkeypatch, arguments, code):
        monkeypatch.chdir(desk.folder)
        before = desk.snapshot()
        assert desk.refused("publish", *arguments)["code"] == code
        assert desk.snapshot() == before

    @pytest.mark.parametrize(
        ("member", "told"),
        [
            ("module", "--name"),
            ("key", "--key"),
            ("publish-to", "PLACE"),
            ("capabilities", "--cap"),
        ],
    )
    def test_what_is_missing_is_named(self, desk, member, told):
        config = yaml.safe_load(desk.config.read_text())
        del config["contexts"]["work"][member]
        desk.config.write_text(yaml.safe_dump(config))
        error = desk.refused("publish", desk.path("app.wasm"))
        assert told in error["what"]
        assert f"`{member}` to a context" in error["next"]


class TestTheReleasePolicy:
    def test_one_that_the_broker_has_is_no_harm(self, desk):
        desk.document("policy", "publish", desk.path("release.yaml"))
        code, _, err = desk.run("publish", desk.path("app.wasm"))
        assert code == 0
        assert "raise metadata.version" in err

    def test_without_one_the_broker_must_have_it(self, desk):
        config = yaml.safe_load(desk.config.read_text())
        del config["contexts"]["work"]["release-policy"]
        desk.config.write_text(yaml.safe_dump(config))
        code, _, err = desk.run("publish", desk.path("app.wasm"))
        assert code == 0
        assert f"the broker must have {POLICY} already" in err
        assert "POST /v1/policies" not in desk.asked


class TestDryRun:
    def test_shows_everything_and_does_nothing(self, desk):
        before = desk.snapshot()
        told = desk.document("publish", desk.path("app.wasm"), "--dry-run")
        assert desk.snapshot() == before
        assert desk.asked == ["GET /v1/broker"] * len(desk.asked)
        assert told["would_be"].endswith("shop/app:1")
        assert not told["published"]
        assert told["release_policy"]["metadata"] == {"name": POLICY, "version": 2}
        assert "the module, while it runs" in told["sees"]["runner in its TEE"]

    def test_for_people(self, desk):
        code, out, _ = desk.run("publish", desk.path("app.wasm"), "--dry-run")
        assert code == 0
        assert "seen by registry and network:" in out
        assert "release policy that would be sent:" in out


class TestOfASealedOne:
    def test_copies_it(self, desk):
        first = desk.document("publish", desk.path("app.wasm"))
        goal = f"oci:{desk.path('copy')}:1"
        told = desk.document("publish", first["reference"], goal)
        assert told["manifest"] == first["manifest"]
        assert Path(desk.path("copy")).exists()

    def test_dry(self, desk):
        first = desk.document("publish", desk.path("app.wasm"))
        before = desk.snapshot()
        goal = f"oci:{desk.path('copy')}:1"
        told = desk.document("publish", first["reference"], goal, "--dry-run")
        assert (told["manifest"], told["signatures"]) == (first["manifest"], 1)
        assert desk.snapshot() == before

    def test_without_a_place(self, desk):
        first = desk.document("publish", desk.path("app.wasm"))
        assert desk.refused("publish", first["reference"])["code"] == "usage"


def test_many_versions_cost_one_request_each(desk):
    with fake_registry() as registry:
        place = f"{registry.host}/acme/app"
        for number in range(4):
            desk.write("app.wasm", SMALL + b"\0\2\1" + bytes([97 + number]))
            desk.document("publish", desk.path("app.wasm"), place)
        registry.requests.clear()
        desk.document("publish", desk.path("app.wasm"), place)
        read = [one for one in registry.requests if "/manifests/" in one.path]
        assert len(read) <= 4 + 4, "one for each tag, and those of the newest artifact"


def test_a_context_with_several_brokers_is_not_one_with_none(desk):
    config = yaml.safe_load(desk.config.read_text())
    config["contexts"]["work"]["brokers"] = [
        {"url": f"https://{name}.example", "identity": "ab" * 32} for name in ("a", "b")
    ]
    desk.config.write_text(yaml.safe_dump(config))
    error = desk.refused("policy", "publish", desk.path("release.yaml"))
    assert error["code"] == "broker-not-chosen"
    assert "--broker https://a.example" in error["next"]


@pytest.mark.parametrize("shape", ["wasm", "both"])
def test_a_dry_run_names_no_digest_that_would_be_another(desk, shape):
    app = desk.path("app.wasm")
    told = desk.document("publish", app, "--shape", shape, "--dry-run")
    assert not {"manifest", "layer"} & told.keys()
    assert told.get("shapes") == (["wasm", "compat"] if shape == "both" else None)
    goal = ("--to", f"oci:{desk.path('sealed')}:1")
    told = desk.document("seal", app, "--version", "1", *goal, "--dry-run")
    assert not {"manifest", "layer"} & told.keys()
    done = desk.document("seal", app, "--version", "1", *goal)
    assert told.keys() == done.keys() - {"manifest", "layer", "reference"}
