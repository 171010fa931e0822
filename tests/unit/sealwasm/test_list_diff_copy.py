"""`list`, `diff` and `copy`: what is published, what changed, and the same elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sealwasm.artifacts.policy_words import in_words
from tests.fakes.desk import Desk, open_desk
from tests.fakes.registry import fake_registry
from tests.unit.sealing.wasm_maker import SMALL


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Iterator[Desk]:
    with open_desk(tmp_path, capsys, monkeypatch) as desk:
        desk.settle()
        yield desk


def publish_two(desk: Desk) -> tuple[str, str]:
    """Publish a module, then another build of it under a wider policy; return both references."""
    first = desk.document("publish", desk.path("app.wasm"))["reference"]
    grant = (desk.folder / "grant.yaml").read_text()
    wider = grant.replace("fd_write", "fd_write, wasi_snapshot_preview1.fd_read")
    desk.write("grant.yaml", wider + "  limits: {memory: 1MiB}\n")
    desk.write("app.wasm", SMALL + b"\0\2\1x")
    return first, desk.document("publish", desk.path("app.wasm"))["reference"]


class TestList:
    def test_of_the_context(self, desk):
        publish_two(desk)
        told = desk.document("list")
        assert told["place"] == f"oci:{desk.path('shop/app')}"
        assert [one["version"] for one in told["artifacts"]] == [1, 2]
        assert all(one["verified"] for one in told["artifacts"])
        assert told["artifacts"][0]["signer"] == desk.world.owner.public.key_id
        assert told["artifacts"][0]["created"] == "2026-11-22T12:00:00Z"

    def test_of_a_registry(self, desk):
        with fake_registry() as registry:
            place = f"{registry.host}/acme/app"
            desk.document("publish", desk.path("app.wasm"), f"{place}:v1")
            (one,) = desk.document("list", place)["artifacts"]
            assert (one["tag"], one["version"], one["verified"]) == ("v1", 1, True)

    def test_of_a_stranger_is_not_verified(self, desk):
        reference, _ = publish_two(desk)
        desk.document("key", "generate", "--out", desk.path("stranger.key"))
        place = reference.partition("@")[0]
        told = desk.document("list", place, "--owner", desk.path("stranger.key.pub"))
        assert {one["refused"] for one in told["artifacts"]} == {"seal-signer-unknown"}
        assert not any(one["verified"] for one in told["artifacts"])
        shown = desk.run("list", place, "--owner", desk.path("stranger.key.pub"))[1]
        assert "key not trusted" in shown

    def test_without_a_key_says_so(self, desk):
        reference, _ = publish_two(desk)
        desk.config.unlink()
        code, out, err = desk.run("list", reference.partition("@")[0])
        assert code == 0
        assert "nothing was verified" in err
        assert out.count("unverified") == 2

    def test_what_is_broken_is_a_line_of_its_own(self, desk):
        reference, _ = publish_two(desk)
        digest = reference.partition("@sha256:")[2]
        (desk.folder / "shop/app/blobs/sha256" / digest).write_bytes(b"{}")
        told = desk.document("list")
        assert [one["tag"] for one in told["artifacts"]] == ["1", "2"]
        assert told["artifacts"][0]["refused"] == "seal-size-mismatch"
        code, out, _ = desk.run("list")
        assert code == 0
        assert "seal-size-mismatch" in out

    def test_where_nothing_is(self, desk):
        assert desk.refused("list")["code"] == "seal-not-found"

    def test_where_is_not_said(self, desk):
        desk.config.unlink()
        assert "PLACE" in desk.refused("list")["what"]


def what(told) -> dict[str, dict]:
    return {one["what"]: one for one in told["differences"]}


class TestDiff:
    def run_json(self, desk, *arguments):
        import json

        code, out, err = desk.run("diff", *arguments, "-o", "json")
        return code, json.loads(out) if out else err

    def test_of_two_versions(self, desk):
        first, second = publish_two(desk)
        code, told = self.run_json(desk, first, second)
        assert code == 8
        assert not told["same"]
        found = what(told)
        assert (found["version"]["from"], found["version"]["to"]) == (1, 2)
        assert {"code", "bytes", "capability spec.limits.memory"} <= found.keys()
        text = desk.run("diff", first, second)[1]
        assert "capability spec.limits.memory: 64MiB (the default) -> " in text
        assert found["capability spec.imports"]["added"] == ["wasi_snapshot_preview1.fd_read"]

    def test_of_one_with_itself(self, desk):
        first, _ = publish_two(desk)
        assert self.run_json(desk, first, first)[0] == 0
        code, out, _ = desk.run("diff", first, first)
        assert (code, out) == (0, "no difference\n")

    def test_another_ciphertext_alone_is_no_difference(self, desk):
        (desk.folder / "shop").mkdir()
        for tag in ("a", "b"):
            desk.document(
                "seal", desk.path("app.wasm"), "--version", "1",
                "--to", f"oci:{desk.path('shop/app')}:{tag}",
            )  # fmt: skip
        code, told = self.run_json(desk, *(f"oci:{desk.path('shop/app')}:{tag}" for tag in "ab"))
        assert (code, told["same"]) == (0, True)
        assert told["before"]["manifest"] != told["after"]["manifest"]

    def test_for_people(self, desk):
        first, second = publish_two(desk)
        code, out, _ = desk.run("diff", first, second)
        assert code == 8
        assert "version: 1 -> 2\n" in out
        assert "  + wasi_snapshot_preview1.fd_read\n" in out

    def test_a_stranger_signed(self, desk):
        first, second = publish_two(desk)
        desk.document("key", "generate", "--out", desk.path("stranger.key"))
        error = desk.refused("diff", first, second, "--owner", desk.path("stranger.key.pub"))
        assert error["code"] == "seal-signer-unknown"

    def test_without_a_key(self, desk):
        first, second = publish_two(desk)
        desk.config.unlink()
        code, _, err = desk.run("diff", first, second)
        assert code == 8
        assert "nothing was verified" in err


class TestCopy:
    def test_carries_the_signature_along(self, desk):
        first, _ = publish_two(desk)
        with fake_registry() as registry:
            there = f"{registry.host}/acme/app:1"
            told = desk.document("copy", first, there)
            assert desk.document("verify", told["reference"])["verified"]
            back = desk.document("copy", there, f"oci:{desk.path('back')}:1")
            assert back["manifest"] == told["manifest"]
            assert desk.document("verify", back["reference"])["verified"]

    def test_dry(self, desk):
        first, _ = publish_two(desk)
        before = desk.snapshot()
        told = desk.document("copy", first, f"oci:{desk.path('back')}:1", "--dry-run")
        assert told["signatures"] == 1
        assert desk.snapshot() == before


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("spec.limits.wall-clock", 10_000, "10s"),
        ("spec.limits.wall-clock", 1_500, "1500ms"),
        ("spec.limits.wall-clock", 7_200_000, "2h"),
        ("spec.limits.wall-clock", None, "30s (the default)"),
        ("spec.limits.memory", 1 << 20, "1MiB"),
        ("spec.limits.memory", (1 << 20) + 1, "1048577B"),
        ("spec.stdout.max-bytes", 0, "0B"),
        ("spec.stdout.max-bytes", None, "0B (the default)"),
        ("spec.limits.fuel", 1_000, "1000"),
        ("spec.clock.kind", None, "deny (the default)"),
        ("spec.args.allow", True, "true"),
        ("spec.files", [{"path": "/a"}], '[{"path": "/a"}]'),
        ("spec.files", None, "the default"),
        ("spec.env.A", {"value": "x"}, '{"value": "x"}'),
        ("spec.env.A.value", "x", "x"),
        ("what.is.this", 1, "1"),
    ],
)
def test_values_of_a_policy_read_as_they_are_written(path, value, words):
    assert in_words(path, value) == words
