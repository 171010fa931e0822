"""Contexts: where the file is, what it may say, and which of option and context counts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sealwasm.cli import run_command
from sealwasm.contexts.stored import config_path
from sealwasm.session import Session
from tests.unit.sealing import makers

IDENTITY = "ab" * 32
FILE = """\
apiVersion: sealwasm/v1
kind: Config
current: work
contexts:
  work:
    module: acme/scoring
    key: keys/owner.key
    brokers:
      - {url: "http://127.0.0.1:9", identity: IDENTITY}
    publish-to: oci:shop
    capabilities: grant.yaml
    policy: acme/prod
  token:
    key: "pkcs11:object=owner"
""".replace("IDENTITY", IDENTITY)


class Line:
    """Runs command lines with a config file of their own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.config = folder / "config.yaml"
        self.capsys = capsys

    def write(self, text: str, *, mode: int = 0o600) -> None:
        self.config.write_text(text)
        self.config.chmod(mode)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        session = Session(environment={"SEALWASM_CONFIG": str(self.config)})
        code = run_command(arguments, session)
        shown = self.capsys.readouterr()
        return code, shown.out, shown.err

    def document(self, *arguments: str) -> Any:
        code, out, err = self.run(*arguments, "-o", "json")
        assert code == 0, err
        return json.loads(out)

    def refused(self, *arguments: str) -> dict[str, Any]:
        code, _, err = self.run(*arguments, "-o", "json")
        assert code != 0
        error: dict[str, Any] = json.loads(err.splitlines()[-1])["error"]
        return error


@pytest.fixture
def line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(tmp_path, capsys)


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        ("a.yaml", {"SEALWASM_CONFIG": "/b.yaml"}, "a.yaml"),
        (None, {"SEALWASM_CONFIG": "/b.yaml", "HOME": "/h"}, "/b.yaml"),
        (None, {"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/sealwasm/config.yaml"),
        (None, {"XDG_CONFIG_HOME": "x", "HOME": "/h"}, "/h/.config/sealwasm/config.yaml"),
        (None, {"HOME": "/h"}, "/h/.config/sealwasm/config.yaml"),
        (None, {"HOME": "h"}, "/.config/sealwasm/config.yaml"),
        (None, {"HOME": ""}, "/.config/sealwasm/config.yaml"),
        (None, {"XDG_CONFIG_HOME": "."}, "/.config/sealwasm/config.yaml"),
    ],
)
def test_where_the_file_is(given, environment, expected):
    assert config_path(given, environment) == Path(expected)


class TestTheFile:
    def test_paths_start_at_its_folder(self, line):
        line.write(FILE)
        shown = line.document("context", "show")
        assert shown["key"] == str(line.folder / "keys/owner.key")
        assert shown["publish-to"] == f"oci:{line.folder / 'shop'}"
        assert shown["broker-identity"] == IDENTITY

    def test_a_uri_is_no_path(self, line):
        line.write(FILE)
        assert line.document("context", "show", "token")["key"] == "pkcs11:object=owner"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("key: keys", "keyy: keys"),
            ("kind: Config", "kind: Configuration"),
            ("current: work", "current: Work!"),
            ("module: acme/scoring", "module: 7"),
            ("    policy: acme/prod", "    policy: a\n    policy: b"),
            ("    policy: acme/prod", "    threshold: 2"),
            ("key: keys/owner.key", 'key: "-----BEGIN PRIVATE KEY-----"'),
            (IDENTITY, "AB" * 32),
        ],
    )
    def test_is_read_strictly(self, line, before, after):
        assert before in FILE
        line.write(FILE.replace(before, after, 1))
        error = line.refused("context", "list")
        assert (error["code"], error["exit_code"]) == ("config-invalid", 2)
        assert str(line.config) in error["where"]

    def test_that_others_may_write_is_refused(self, line):
        line.write(FILE, mode=0o666)
        error = line.refused("verify", "oci:none:1")
        assert error["code"] == "config-writable"

    def test_that_belongs_to_another_user_is_refused(self, line, monkeypatch):
        line.write(FILE)
        if os.geteuid() == 0:
            os.chown(line.config, 12345, -1)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        assert line.refused("context", "list")["code"] == "config-writable"

    def test_without_one_there_are_no_contexts(self, line):
        assert line.document("context", "list") == []
        assert line.refused("context", "show")["code"] == "context-none"


class TestWhichValueCounts:
    def test_the_contexts_where_no_option_is_given(self, line):
        line.write(FILE)
        error = line.refused("policy", "publish", "release.yaml")
        assert str(line.folder / "keys/owner.key") in error["what"] or "release" in error["what"]

    def test_the_options_own(self, line):
        line.write(FILE)
        (line.folder / "owner.pub").write_bytes(makers.OWNER.public.to_pem())
        error = line.refused("verify", "oci:none:1", "--owner", str(line.folder / "owner.pub"))
        assert error["code"] == "seal-not-found"

    def test_a_pin_is_not_for_another_broker(self, line):
        line.write(FILE)
        told = line.refused("broker", "describe", "--broker", "https://192.0.2.1")
        assert told["code"] == "broker-identity-needed"

    def test_neither_is_an_error_that_names_both(self, line):
        line.write(FILE)
        error = line.refused("verify", "oci:none:1")
        assert "--owner is not given, and context work says none" in error["what"]
        assert "context add" in error["next"]

    def test_no_context_at_all(self, line):
        assert "no context is in use" in line.refused("verify", "oci:none:1")["what"]

    def test_an_unknown_one(self, line):
        line.write(FILE)
        error = line.refused("verify", "oci:none:1", "--context", "other")
        assert (error["code"], error["exit_code"]) == ("context-unknown", 5)
        assert "token" in error["why"]


class TestCommands:
    def test_the_first_is_the_current_one(self, line):
        line.document("context", "add", "one", "--module", "acme/one")
        line.document("context", "add", "two", "--module", "acme/two")
        assert [one["current"] for one in line.document("context", "list")] == [True, False]
        line.document("context", "use", "two")
        assert line.document("context", "show")["module"] == "acme/two"
        line.document("context", "remove", "two")
        assert line.refused("context", "show")["code"] == "context-none"
        assert line.config.stat().st_mode & 0o777 == 0o600

    def test_a_dry_run_writes_nothing(self, line):
        line.document("context", "add", "one", "--module", "acme/one", "--dry-run")
        assert not line.config.exists()

    @pytest.mark.parametrize("command", ["use", "remove", "show"])
    def test_an_unknown_name(self, line, command):
        line.write(FILE)
        assert line.refused("context", command, "none")["code"] == "context-unknown"

    def test_a_name_is_not_taken_twice(self, line):
        line.write(FILE)
        assert line.refused("context", "add", "work")["code"] == "context-exists"
        line.document("context", "add", "work", "--replace", "--module", "acme/new")
        assert line.document("context", "show")["module"] == "acme/new"

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (["Work!"], "context-name"),
            (["a", "--broker", "https://broker.example"], "broker-identity-needed"),
            (["a", "--broker", "http://broker.example"], "broker-url-plain"),
            (["a", "--broker-identity", IDENTITY], "usage"),
            (["a", "--broker", "https://b.example", "--broker-identity", "x"], "context-invalid"),
            (["a", "--threshold", "2"], "context-invalid"),
        ],
    )
    def test_wrong_ones(self, line, arguments, code):
        assert line.refused("context", "add", *arguments)["code"] == code
        assert not line.config.exists()

    def test_several_brokers(self, line):
        told = line.document(
            "context", "add", "split", "--threshold", "2",
            "--broker", "https://a.example", "--broker-identity", "aa" * 32,
            "--broker", "https://b.example", "--broker-identity", "bb" * 32,
        )  # fmt: skip
        assert [one["identity"] for one in told["brokers"]] == ["aa" * 32, "bb" * 32]
        assert "broker" not in line.document("context", "show")

    def test_a_broker_here_that_does_not_run_yet(self, line):
        code, _, err = line.run("context", "add", "a", "--broker", "http://127.0.0.1:9")
        assert code == 0
        assert "not pinned" in err

    def test_a_table(self, line):
        line.write(FILE)
        code, out, _ = line.run("context", "list")
        assert code == 0
        assert out.splitlines()[1].startswith("*  work")
        assert line.run("context", "show")[0] == 0


def test_one_thing_is_changed_and_the_rest_stays(line: Line) -> None:
    line.write(FILE)
    before = line.document("context", "show", "work")
    told = line.document("context", "set", "--key", "/keys/next.key", "--threshold", "1")
    assert told["key"] == "/keys/next.key"
    after = line.document("context", "show", "work")
    assert {name for name in after if after[name] != before[name]} == {"key"}
    assert line.document("context", "show", "token") is not None
    line.document("context", "set", "token", "--policy", "acme/test", "--dry-run")
    assert "policy" not in line.document("context", "show", "token")


def test_what_cannot_be_set(line: Line) -> None:
    line.write(FILE)
    assert line.refused("context", "set", "nowhere", "--key", "k")["code"] == "context-unknown"
    assert line.refused("context", "set", "--threshold", "9")["code"] == "context-invalid"
    line.write(FILE.replace("current: work\n", ""))
    assert line.refused("context", "set", "--key", "k")["code"] == "usage"
