"""What every command has: `-o`, a dry run where something is written or sent, no fault of ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from sealwasm.cli import cli, run_command
from sealwasm.demo.documents import SPINNER_GRANT, SPINNER_MODULE
from sealwasm.demo.stage import entry_point
from sealwasm.exit_codes import ExitCode
from sealwasm.guard import require_own_packages
from sealwasm.session import Session
from tests.fakes.desk import Desk, open_desk

# Prints code for a shell, which has one form.
NO_OUTPUT = {"completion"}
# Neither writes a file nor sends anything that changes something.
READS_ONLY = {
    "completion", "context list", "context show", "diff", "doctor", "endorsements list",
    "evidence collect", "evidence show", "evidence token", "evidence vectors", "evidence verify",
    "inspect", "key list", "key show", "list", "policy check", "policy draft", "policy explain",
    "receipt show", "receipt verify", "reference list", "reference measure", "verify",
    "broker describe",
}  # fmt: skip
# Is itself the act: a demonstration, a service, a run of a guest, credentials kept or forgotten.
IS_THE_ACT = {"demo", "broker serve", "run", "registry login", "registry logout"}


def every_command(command: click.Command = cli, path: str = "") -> Iterator[tuple[str, set[str]]]:
    context = click.Context(command)
    if not isinstance(command, click.Group):
        yield path, {option for one in command.params for option in one.opts}
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from every_command(below, f"{path} {name}".strip())


ALL = dict(every_command())


@pytest.mark.parametrize("name", sorted(ALL.keys() - NO_OUTPUT))
def test_has_output_option(name):
    assert "--output" in ALL[name]


@pytest.mark.parametrize("name", sorted(ALL.keys() - READS_ONLY - IS_THE_ACT))
def test_has_a_dry_run(name):
    assert "--dry-run" in ALL[name]


@pytest.fixture
def desk(tmp_path, capsys, monkeypatch) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    with open_desk(tmp_path, capsys, monkeypatch) as desk:
        desk.settle()
        yield desk


@pytest.mark.parametrize(
    "line",
    [
        "key generate --out new.key",
        "key export owner.key --out new.key --unsafe-unencrypted",
        "policy publish release.yaml",
        "owner enrol --name acme --operator-key operator.key",
        "broker init new-broker",
        "simulate platform new-tee",
        "reference add new.json --tee snp --measurement " + "ab" * 48 + " --name one",
        "endorsements fetch --snp-product genoa --store new-store",
        "context use work",
        "context remove work",
        "seal app.wasm --version 1 --to oci:new:1",
    ],
)
def test_a_dry_run_changes_nothing(desk, line):
    desk.document("key", "generate", "--out", "operator.key")
    before = desk.snapshot()
    desk.document(*line.split(), "--dry-run")
    assert desk.snapshot() == before
    assert not [one for one in desk.asked if one.startswith("POST")]
    assert not list(desk.folder.glob("new*"))


def test_a_dry_run_still_refuses(desk):
    error = desk.refused("key", "generate", "--out", "owner.key", "--dry-run")
    assert error["code"] == "file-exists"
    error = desk.refused("key", "generate", "--out", "none/new.key", "--dry-run")
    assert error["code"] == "folder-not-found"


class TestForms:
    def test_yaml(self, desk):
        code, out, _ = desk.run("context", "list", "-o", "yaml")
        assert code == 0
        assert yaml.safe_load(out)[0]["name"] == "work"

    def test_errors_as_yaml(self, desk):
        code, _, err = desk.run("key", "show", "none", "-o", "yaml")
        assert yaml.safe_load(err)["error"]["exit_code"] == code == 5

    @pytest.mark.parametrize("place", ["first", "last"])
    def test_even_of_a_wrong_option(self, desk, place):
        wrong = ("--nonsense", "-o", "json") if place == "first" else ("-o", "json", "--nonsense")
        assert desk.refused("key", "generate", *wrong)["code"] == "usage"

    def test_a_draft_without_its_comments(self, desk):
        told = desk.document("policy", "draft", desk.path("app.wasm"))
        assert told["kind"] == "CapabilityPolicy"
        code, out, _ = desk.run("policy", "draft", desk.path("app.wasm"), "-o", "yaml")
        assert code == 0
        assert out.startswith("#")

    def test_a_descriptor(self, desk):
        told = desk.document("broker", "describe")
        assert {"sealing_keys", "log", "tees"} <= told.keys()


class TestRunsNumbers:
    @pytest.mark.parametrize(
        "arguments",
        [["--nonsense"], ["app.wasm", "--context", "none"], ["--threshold", "x", "oci:none:1"]],
    )
    def test_are_never_a_guests(self, desk, arguments):
        assert desk.refused("run", *arguments)["exit_code"] == 142


def test_interrupted(monkeypatch, capsys):
    def interrupt(_session):
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "config_path", interrupt)
    assert run_command(["context", "list"], Session()) == ExitCode.INTERRUPTED
    assert "error[interrupted]: stopped by Ctrl-C" in capsys.readouterr().err
    assert run_command(["run", "oci:none:1"], Session()) == 143


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full: run on Linux")
@pytest.mark.parametrize("line", ["doctor", "completion bash", "context list -o json"])
def test_a_full_disk_is_no_fault(line, tmp_path):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*entry_point(require_own_packages()), *line.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            env={"PATH": os.defpath, "HOME": str(tmp_path)},
            check=False,
        )
    assert done.returncode == 2
    assert b"output-failed" in done.stderr
    assert b"Exception ignored" not in done.stderr


def complete(words: str, folder: Path, shell: str = "bash") -> list[str]:
    """Return what the shell is offered after `words`, the last of which is incomplete."""
    parts = words.split(" ")
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "SEALWASM_CONFIG": str(folder / "config.yaml"),
        "_SEALWASM_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(parts) - 1) if shell != "fish" else parts[-1],
    }
    program = "import sys; sys.path.insert(0, sys.argv[1]); sys.argv = ['sealwasm'];"
    program += "from sealwasm.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, str(require_own_packages())],
        capture_output=True,
        env=environment,
        cwd=folder,
        text=True,
        check=False,
    )
    assert not done.stderr
    return [line.partition(",")[2].partition("\t")[0] for line in done.stdout.splitlines() if line]


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_has_code_for(self, desk, shell):
        code, out, _ = desk.run("completion", shell)
        assert code == 0
        assert "_SEALWASM_COMPLETE" in out

    def test_of_commands_and_choices(self, desk):
        assert "publish" in complete("sealwasm pub", desk.folder)
        assert complete("sealwasm key generate --kind ed", desk.folder) == ["ed25519"]

    def test_of_contexts(self, desk):
        assert complete("sealwasm context use w", desk.folder) == ["work"]
        assert complete("sealwasm verify --context w", desk.folder) == ["work"]

    def test_of_tags_in_a_folder(self, desk):
        desk.document("publish", "app.wasm", "oci:shop:first")
        assert complete("sealwasm inspect oci:sh", desk.folder) == ["oci:shop:"]
        assert complete("sealwasm inspect oci:shop:f", desk.folder) == ["oci:shop:first"]

    def test_what_is_broken_completes_nothing(self, desk):
        desk.config.write_text("[")
        assert complete("sealwasm context use w", desk.folder) == []
        assert complete("sealwasm inspect oci:none:", desk.folder) == []


def test_a_run_that_is_interrupted_has_a_number_of_its_own(tmp_path):
    (tmp_path / "spin.wasm").write_bytes(SPINNER_MODULE)
    endless = SPINNER_GRANT.replace("wall-clock: 2s", "wall-clock: 10m")
    (tmp_path / "spin.yaml").write_text(endless.replace("2000000000", "2000000000000"))
    line = ["run", "--unsealed", "spin.wasm", "--capabilities", "spin.yaml"]
    with subprocess.Popen(
        [*entry_point(require_own_packages()), *line],
        cwd=tmp_path,
        env={"PATH": os.defpath, "HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stderr is not None
        # From its first words on, whatever it is doing.
        assert process.stderr.readline().startswith("UNSEALED")
        # As a terminal does: everybody in its group is told.
        os.killpg(process.pid, signal.SIGINT)
        told = process.stderr.read()
    assert process.returncode == 143
    assert "error[interrupted]: stopped by Ctrl-C" in told
    assert "Traceback" not in told
