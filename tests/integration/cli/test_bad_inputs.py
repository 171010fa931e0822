"""Bad input of every kind to every command: one clear error, a next step, nothing half-written."""

from __future__ import annotations

import ctypes
import stat
import subprocess
from pathlib import Path

import pytest

from sealwasm.demo.stage import entry_point

# All on one worker of the test runner: they share a world, and guides use the default port.
pytestmark = pytest.mark.xdist_group("command-line")

# (command line, exit code, code of the error). {x} stand for files that `files` makes.
CASES = {
    # No such file, for every command that reads one.
    "key-show-missing": ("key show none.pub", 5, "file-not-found"),
    "seal-missing": ("seal none.wasm {seal}", 5, "file-not-found"),
    "inspect-missing": ("inspect none.wasm", 5, "file-not-found"),
    "inspect-missing-layout": ("inspect oci:none:tag", 5, "seal-not-found"),
    "inspect-missing-tag": ("inspect oci:registry:none", 5, "seal-not-found"),
    "verify-missing-owner": ("verify oci:registry:solver --owner none", 5, "file-not-found"),
    "pull-missing": ("pull oci:none:tag oci:{new}:tag", 5, "seal-not-found"),
    "publish-missing": ("publish oci:none:tag oci:{new}:tag", 5, "seal-not-found"),
    "policy-check-missing": ("policy check none.yaml", 5, "file-not-found"),
    "policy-draft-missing": ("policy draft none.wasm", 5, "file-not-found"),
    "policy-explain-missing": ("policy explain none.yaml --claims {claims}", 5, "file-not-found"),
    "receipt-show-missing": ("receipt show none.json", 5, "file-not-found"),
    "evidence-verify-missing": (
        "evidence verify none.json --unsafe-any-report-data", 5, "file-not-found"),
    "endorsements-import-missing": (
        "endorsements import none --unsafe-unsigned", 5, "file-not-found"),
    "endorsements-fetch-missing": ("endorsements fetch none.json", 5, "file-not-found"),
    "evidence-vectors-missing": ("evidence vectors none", 5, "file-not-found"),
    "broker-serve-missing": ("broker serve none", 2, "broker-config-invalid"),
    "reference-missing": ("reference measure --path none", 5, None),
    "run-missing": ("run --unsealed none.wasm --capabilities {caps}", 142, "file-not-found"),
    # Not what it should be.
    "seal-not-wasm": ("seal {text} {seal}", 2, "seal-not-wasm"),
    "seal-empty": ("seal {empty} {seal}", 2, "seal-not-wasm"),
    "seal-truncated": ("seal {truncated} {seal}", 2, "seal-module-malformed"),
    "inspect-truncated": ("inspect {truncated}", 2, "seal-module-malformed"),
    "draft-not-wasm": ("policy draft {text}", 2, "seal-not-wasm"),
    "key-show-text": ("key show {text}", 2, "seal-key-invalid"),
    "key-show-with-pin": ("key show pkcs11:object=a?pin-value=1234", 2, "seal-key-uri"),
    "key-show-elsewhere": ("key show gcpkms:projects/a", 2, "seal-key-uri"),
    "key-list-missing": ("key list none", 5, "folder-not-found"),
    "key-export-open": ("key export owner.key --out new.key", 2, "passphrase-needed"),
    "key-cosign-open": ("key generate --out new.key --format cosign", 2, "passphrase-needed"),
    "verify-private": ("verify oci:registry:solver --owner owner.key", 2, "private-key-given"),
    "verify-other-owner": (
        "verify oci:registry:solver --owner {stranger}", 4, "seal-signer-unknown"),
    "reference-grammar": ("inspect oci:", 2, None),
    "receipt-text": ("receipt show {text}", 4, None),
    "receipt-no-broker": ("receipt verify {text}", 2, "broker-not-named"),
    "endorsements-text": ("endorsements import {text} --unsafe-unsigned", 4, "malformed"),
    "endorsements-nobody": ("endorsements import {text}", 2, "bundle-key"),
    "endorsements-nothing": ("endorsements fetch", 2, "nothing-wanted"),
    "evidence-text": ("evidence verify {text} --unsafe-any-report-data", 2, "evidence-file"),
    "evidence-empty-object": (
        "evidence verify {claims} --unsafe-any-report-data", 4, "malformed"),
    "evidence-unbound": ("evidence verify {evidence}", 2, "report-data"),
    "claims-text": ("policy explain release.yaml --claims {text}", 2, "claims-file"),
    "run-text": ("run --unsealed {text} --capabilities {caps}", 134, None),
    "run-truncated": ("run --unsealed {truncated} --capabilities {caps}", 134, None),
    "run-bad-policy": ("run --unsealed solver.wasm --capabilities {text}", 135, None),
    "run-wrong-kind": ("run --unsealed solver.wasm --capabilities release.yaml", 135, None),
    "run-unnamed-owner": ("run oci:registry:solver --simulated-platform tee", 142, "usage"),
    "run-unknown-lockdown": (
        "run --unsealed solver.wasm --capabilities solver.yaml --require magic", 142, "usage"),
    "run-dir-not-granted": (
        "run --unsealed solver.wasm --capabilities solver.yaml --dir /etc=problems", 133, None),
    # YAML.
    "policy-duplicate": ("policy check {duplicate}", 2, "policy-duplicate-key"),
    "policy-unknown-key": ("policy check {unknownkey}", 2, "policy-unknown-key"),
    "policy-wrong-type": ("policy check {wrongtype}", 2, "policy-wrong-type"),
    "policy-anchor": ("policy check {anchor}", 2, "policy-yaml-feature"),
    "seal-duplicate-caps": (
        "seal solver.wasm {sealwith} --capabilities {duplicate}", 2, "policy-duplicate-key"),
    "seal-import-missing": (
        "seal solver.wasm {sealwith} --capabilities {caps}", 2, "import-not-granted"),
    # Keys.
    "seal-wrong-key": ("seal solver.wasm {sealbut} --key {text}", 2, None),
    "seal-public-key": ("seal solver.wasm {sealbut} --key owner.key.pub", 2, None),
    "publish-policy-wrong-key": (
        "policy publish release.yaml --key {strangerkey} --broker {broker}", 5, "owner-unknown"),
    "enrol-wrong-operator": (
        "owner enrol --name x --key owner.key --operator-key {strangerkey} --broker {broker}",
        4, None),
    "publish-policy-again": (
        "policy publish release.yaml --key owner.key --broker {broker}", 6, "policy-not-newer"),
    # Out of reach.
    "broker-unreachable": (
        "policy publish release.yaml --key owner.key --broker http://127.0.0.1:9",
        7, "broker-unreachable"),
    "broker-unknown-host": (
        "policy publish release.yaml --key owner.key --broker https://no-such-host.invalid "
        "--broker-identity " + "0" * 64, 7, "broker-unreachable"),
    "broker-plain-http": (
        "policy publish release.yaml --key owner.key --broker http://192.0.2.1", 2,
        "broker-url-plain"),
    "broker-no-url": ("broker describe --broker nonsense", 2, "broker-url"),
    "registry-unreachable": ("inspect 127.0.0.1:9/acme/app:1", 7, "seal-unreachable"),
    "run-broker-unreachable": (
        ("run oci:registry:solver --owner owner.key.pub --simulated-platform tee "
        "--broker http://127.0.0.1:9 --dir /problems=problems"), 139, None),
    # In the way, or not allowed.
    "key-exists": ("key generate --out owner.key", 6, "file-exists"),
    "simulate-exists": ("simulate platform tee", 6, "file-exists"),
    "simulate-fault": ("simulate platform {new} --fault nonsense", 2, "fault-unknown"),
    "broker-exists": ("broker init broker", 6, "file-exists"),
    "broker-no-platform": ("broker init {new} --trust-simulated none", 5, "platform-not-found"),
    "run-no-platform": (
        ("run oci:registry:solver --owner owner.key.pub --simulated-platform none "
        "--broker {broker} --dir /problems=problems"), 138, None),
    "key-folder": ("key show problems", 2, "is-a-folder"),
    "seal-version-zero": (
        ("seal solver.wasm --version 0 --name a --policy p --capabilities {caps} --key owner.key "
        "--to oci:{new}:a"), 2, "usage"),
    "no-command": ("nonsense", 2, "usage"),
    "no-option": ("key generate", 2, "usage"),
}  # fmt: skip

SEAL = "--name acme/x --version 1 --policy acme/prod --broker {broker} --to oci:{new}:x "


@pytest.fixture(scope="session")
def names(world):
    """The files that the cases name."""
    module = (world.folder / "solver.wasm").read_bytes()
    (world.folder / "text.txt").write_text("this is no module\n")
    (world.folder / "empty").write_bytes(b"")
    (world.folder / "truncated.wasm").write_bytes(module[: len(module) // 2])
    (world.folder / "claims.json").write_text('{"tee": "snp"}')
    grant = (world.folder / "solver.yaml").read_text()
    (world.folder / "evidence.json").write_text('{"tee": "snp", "report": "AAAA"}')
    head = grant.split("  imports:")[0]
    (world.folder / "caps.yaml").write_text(head + "  imports: []\n")
    (world.folder / "duplicate.yaml").write_text(grant + "  mode: enforce\n")
    (world.folder / "unknownkey.yaml").write_text(grant + "  fille: []\n")
    (world.folder / "wrongtype.yaml").write_text(grant.replace("allow: true", "allow: 'yes'"))
    (world.folder / "anchor.yaml").write_text(grant.replace("mode: enforce", "mode: &m enforce"))
    world.call("key", "generate", "--out", "stranger.key")
    made = {
        "text": "text.txt", "empty": "empty", "truncated": "truncated.wasm",
        "claims": "claims.json", "evidence": "evidence.json", "caps": "caps.yaml",
        "duplicate": "duplicate.yaml",
        "unknownkey": "unknownkey.yaml", "wrongtype": "wrongtype.yaml", "anchor": "anchor.yaml",
        "stranger": "stranger.key.pub", "strangerkey": "stranger.key", "new": "new-folder",
        "broker": world.facts["broker"],
    }  # fmt: skip
    but = SEAL.format(**made)
    made["sealbut"] = but + "--capabilities solver.yaml"
    made["sealwith"] = but + "--key owner.key"
    made["seal"] = but + "--key owner.key --capabilities solver.yaml"
    return made


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with size and time, without what the broker itself writes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.relative_to(folder).parts[0] not in {"broker", "broker.log"}:
            status = path.lstat()
            found[str(path)] = (status.st_size, status.st_mtime_ns)
    return found


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case, world, names):
    line, exit_code, code = CASES[case]
    before = snapshot(world.folder)
    done = world.call(*line.format(**names).split(), expect=None)
    assert done.code == exit_code, done.err
    assert len([line for line in done.err.splitlines() if line.startswith("error[")]) == 1, done.err
    assert "Traceback" not in done.err + done.out
    assert "internal-fault" not in done.err
    if code is not None:
        assert done.error_code() == code
    assert "next:" in done.err, "an error names the next step"
    assert snapshot(world.folder) == before, "nothing is half-written"


# linux/prctl.h
PR_CAPBSET_DROP = 24


def without_override() -> None:
    """Take from root what lets it read files of any mode (CAP_DAC_OVERRIDE, _READ_SEARCH)."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def test_permission_denied_as_it_is(world, names):
    secret = world.folder / "secret.yaml"
    secret.write_text("x")
    secret.chmod(0)
    done = subprocess.run(
        [*entry_point(world.packages), "policy", "check", "secret.yaml"],
        cwd=world.folder,
        env=world.environment(),
        capture_output=True,
        text=True,
        preexec_fn=without_override,
        check=False,
    )
    secret.unlink()
    assert done.returncode == 2
    assert "error[permission-denied]" in done.stderr


def test_private_key_that_others_can_read_is_refused(world, names):
    loose = world.folder / "loose.key"
    loose.write_bytes((world.folder / "stranger.key").read_bytes())
    loose.chmod(0o644)
    line = f"policy publish release.yaml --key loose.key --broker {names['broker']}"
    done = world.call(*line.split(), expect=2)
    assert done.error_code() == "key-file-readable"
    assert "chmod 600" in done.err
    loose.unlink()


def test_generated_private_files_are_private(world):
    for name in ("owner.key", "broker/operator.key", "broker/master.key", "broker/broker.db"):
        mode = stat.S_IMODE((world.folder / name).stat().st_mode)
        assert mode & 0o077 == 0, f"{name} has mode {mode:04o}"


def test_errors_as_json_have_the_same_members_everywhere(world):
    import json

    for line in ("policy check none.yaml", "inspect oci:none:tag", "receipt show none"):
        done = world.call(*line.split(), "-o", "json", expect=5)
        error = json.loads(done.err)["error"]
        assert {"code", "kind", "what", "exit_code"} <= error.keys()
