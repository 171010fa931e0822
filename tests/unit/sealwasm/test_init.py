"""`sealwasm init`: a folder with which the next command is `publish`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.load import load_capabilities, load_release
from sealing.keys import SigningKey
from tests.fakes.desk import Desk, open_desk
from tests.unit.sealing.wasm_maker import SMALL

MEASUREMENT = "ab" * 48


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Iterator[Desk]:
    with open_desk(tmp_path, capsys, monkeypatch) as desk:
        yield desk


def begin(desk: Desk, *more: str):
    desk.write("app.wasm", SMALL)
    return desk.document(
        "init", desk.path("shop"), "--module", desk.path("app.wasm"), "--owner", "acme", *more
    )


class TestANewProject:
    def test_has_what_an_owner_needs(self, desk):
        told = begin(desk)
        home = desk.folder / "shop"
        assert sorted(told["files"]) == sorted(path.name for path in home.iterdir())
        assert (home / "owner.key").stat().st_mode & 0o777 == 0o600
        key = SigningKey.from_pem((home / "owner.key").read_bytes())
        assert told["key_id"] == key.public.key_id
        assert "owner.key" in (home / ".gitignore").read_text().splitlines()
        grant = load_capabilities((home / "grant.yaml").read_bytes(), name="grant")
        assert "wasi_snapshot_preview1.fd_write" in grant.spec.imports
        release = load_release((home / "release.yaml").read_bytes(), name="release")
        assert release.name == "acme/prod"

    def test_its_context_is_in_use_and_pins_the_broker(self, desk):
        told = begin(desk)
        shown = desk.document("context", "show")
        assert shown["name"] == told["context"] == "shop"
        assert shown["module"] == "acme/app"
        assert shown["broker-identity"] == desk.world.identity
        assert desk.config.stat().st_mode & 0o777 == 0o600

    def test_then_publish_is_one_short_command(self, desk):
        begin(desk)
        key = SigningKey.from_pem((desk.folder / "shop/owner.key").read_bytes())
        desk.world.enrol_owner(key, name="newcomer")
        told = desk.document("publish", desk.path("app.wasm"))
        assert (told["module"], told["version"], told["policy"]) == ("acme/app", 1, "acme/prod")
        assert told["reference"].startswith(f"oci:{desk.path('shop/published/app')}@")

    def test_says_what_it_took_for_granted(self, desk):
        code, _, err = desk.run("init", desk.path("shop"))
        assert code == 0
        assert f"pinned {desk.world.identity}" in err
        assert "owner.key is not encrypted" in err
        assert "next:" in err

    def test_simulated_hardware_is_allowed_only_where_the_broker_trusts_it(self, desk):
        begin(desk)
        assert "simulated-tee: allow" in (desk.folder / "shop/release.yaml").read_text()
        desk.broker_is_down = True
        desk.document("init", desk.path("other"))
        assert (
            "simulated" not in (desk.folder / "other/release.yaml").read_text().split("any-of")[0]
        )

    @pytest.mark.parametrize("tee", ["snp", "tdx", "nitro", "azure-snp", "tpm"])
    def test_on_every_tee_the_policy_loads(self, desk, tee):
        begin(desk, "--tee", tee, "--measurement", MEASUREMENT)
        text = (desk.folder / "shop/release.yaml").read_bytes()
        assert MEASUREMENT in text.decode()
        load_release(text, name="release")

    def test_a_passphrase_encrypts_the_key(self, desk):
        secret = desk.write("secret", "hunter2\n")
        Path(secret).chmod(0o600)
        begin(desk, "--passphrase-file", secret)
        assert b"ENCRYPTED" in (desk.folder / "shop/owner.key").read_bytes()

    def test_a_key_of_ones_own(self, desk):
        desk.document("key", "generate", "--out", desk.path("mine.key"))
        told = begin(desk, "--key", desk.path("mine.key"))
        assert "owner.key" not in told["files"]
        assert desk.document("context", "show")["key"] == desk.path("mine.key")


class TestWhatIsThere:
    @pytest.mark.parametrize("name", ["owner.key", "owner.key.pub", "grant.yaml", "release.yaml"])
    def test_stays(self, desk, name):
        (desk.folder / "shop").mkdir()
        desk.write(f"shop/{name}", "mine")
        before = desk.snapshot()
        assert desk.refused("init", desk.path("shop"))["code"] == "file-exists"
        assert desk.snapshot() == before

    def test_a_gitignore_is_left_alone(self, desk):
        (desk.folder / "shop").mkdir()
        desk.write("shop/.gitignore", "build\n")
        code, _, err = desk.run("init", desk.path("shop"))
        assert code == 0
        assert "see that it names owner.key" in err
        assert (desk.folder / "shop/.gitignore").read_text() == "build\n"

    def test_a_context_of_that_name(self, desk):
        begin(desk)
        again = ("init", desk.path("elsewhere/shop"), "--owner", "acme")
        assert desk.refused(*again)["code"] == "context-exists"
        assert not (desk.folder / "elsewhere").exists()
        assert desk.document(*again, "--context", "second")["context"] == "second"


def test_a_dry_run_names_the_files_and_writes_none(desk):
    desk.write("app.wasm", SMALL)
    before = desk.snapshot()
    told = desk.document("init", desk.path("shop"), "--module", desk.path("app.wasm"), "--dry-run")
    assert "owner.key" in told["files"]
    assert told["dry_run"]
    assert desk.snapshot() == before
    assert not (desk.folder / "shop").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--broker", "https://broker.example"], "broker-identity-needed"),
        (["--module", "none.wasm"], "file-not-found"),
        (["--name", "Not A Name"], "module-name"),
        (["--measurement", "not hex"], "policy-bad-value"),
        (["--broker-identity", "00" * 32], "broker-identity-differs"),
    ],
)
def test_wrong_ones(desk, arguments, code):
    before = desk.snapshot()
    assert desk.refused("init", desk.path("shop"), *arguments)["code"] == code
    assert desk.snapshot() == before
