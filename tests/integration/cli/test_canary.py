"""A canary in the module's data and in the content key is found nowhere after a whole run."""

from __future__ import annotations

import base64
import os
import resource
import secrets
import signal
import subprocess
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import wasmtime

from keybroker.protocol import unverified_identity, verify_descriptor
from sealing.hpke import HYBRID
from sealing.keys import SigningKey
from sealwasm.artifacts.transfers import push_artifact
from sealwasm.broker_api import exchange
from sealwasm.demo.stage import entry_point
from sealwasm.owner.chosen_brokers import sealing_key_of
from sealwasm.owner.sealing import load_capabilities_file
from tests.fakes.sealing import seal_for

# All on one worker of the test runner: they share a world, and guides use the default port.
pytestmark = pytest.mark.xdist_group("command-line")

MODULE_CANARY = secrets.token_bytes(32)
KEY_CANARY = secrets.token_bytes(32)

GRANT = """\
apiVersion: sealwasm/v1
kind: CapabilityPolicy
metadata: {name: canary}
spec:
  stdout: {max-bytes: 64}
  limits: {memory: 64KiB, fuel: 100000000000, wall-clock: 20s}
  imports: [wasi_snapshot_preview1.fd_write]
"""

# Writes "done" and, with `loop`, never ends. The canary lies in its data and is touched by nobody.
SOURCE = """
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\05\\00\\00\\00")
  (data (i32.const 16) "done\\n")
  (data (i32.const 1024) "{canary}")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    {end}))
"""


def forms(secret: bytes) -> list[bytes]:
    """The secret as it is, in hex, and in every alignment of both base64 alphabets."""
    found = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The first and last characters depend on the neighbours.
            found.append(encode(bytes(shift) + secret)[4 : -4 or None])
    return found


NEEDLES = [*forms(MODULE_CANARY), *forms(KEY_CANARY)]


def holds_canary(data: bytes) -> bool:
    return any(needle in data for needle in NEEDLES)


def publish(world, name: str, end: str) -> str:
    escaped = "".join(f"\\{byte:02x}" for byte in MODULE_CANARY)
    module = bytes(wasmtime.wat2wasm(SOURCE.format(canary=escaped, end=end)))
    assert holds_canary(module)
    grant = world.folder / "canary.yaml"
    grant.write_text(GRANT)
    data = exchange("GET", world.facts["broker"], "/v1/broker")
    descriptor = verify_descriptor(data, identity=unverified_identity(data))
    sealed = seal_for(
        module,
        name=f"acme/{name}",
        version=1,
        policy_name="acme/prod",
        capabilities=load_capabilities_file(str(grant)).to_document(),
        broker_identity=descriptor.identity_key().key_id,
        broker_key=sealing_key_of(descriptor, HYBRID),
        owner=SigningKey.from_pem((world.folder / "owner.key").read_bytes()),
        now=datetime.now(UTC),
        entropy=lambda size: KEY_CANARY if size == 32 else secrets.token_bytes(size),
    )
    return push_artifact(sealed, f"oci:{world.folder / 'registry'}:{name}")


def command(world, reference: str, *more: str) -> list[str]:
    return [
        *entry_point(world.packages), "run", reference, "--owner", "owner.key.pub",
        "--broker", world.facts["broker"], "--simulated-platform", "tee", *more,
    ]  # fmt: skip


class ProcessWatch(threading.Thread):
    """Reads the arguments and environment of every process, again and again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self.seen: set[bytes] = set()

    def run(self):
        while not self.stop.wait(0.005):
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        self.seen.add((process / name).read_bytes())
                    except OSError:
                        continue


def everything_written(world, since: float):
    """Every file of the run, and whatever appeared in the temporary folders meanwhile."""
    places = [world.folder, Path("/dev/shm"), Path("/var/tmp")]
    for place in places:
        for path in place.rglob("*"):
            try:
                if path.is_file() and (place == world.folder or path.stat().st_mtime >= since):
                    yield path, path.read_bytes()
            except OSError:
                continue


@pytest.fixture(scope="module")
def ran(world):
    started = time.time()
    watch = ProcessWatch()
    watch.start()
    reference = publish(world, "canary", "")
    done = subprocess.run(
        command(world, reference, "--receipt", "canary.receipt.json"),
        cwd=world.folder,
        env=world.environment(),
        capture_output=True,
        check=False,
    )
    watch.stop.set()
    watch.join()
    return done, started, watch.seen


def test_the_search_would_find_it(world, tmp_path):
    for secret in (MODULE_CANARY, KEY_CANARY):
        for text in (secret, secret.hex().encode(), base64.b64encode(b"xy" + secret + b"z")):
            (tmp_path / "leak").write_bytes(b"prefix" + text + b"suffix")
            assert holds_canary((tmp_path / "leak").read_bytes())


def test_the_module_ran(ran):
    done, _, _ = ran
    assert (done.returncode, done.stdout) == (0, b"done\n"), done.stderr


def test_no_file_log_database_or_receipt_holds_a_canary(world, ran):
    _, started, _ = ran
    read = 0
    for path, data in everything_written(world, started):
        read += 1
        assert not holds_canary(data), path
    names = {path.name for path, _ in everything_written(world, started)}
    assert {"broker.db", "broker.log", "canary.receipt.json"} <= names
    assert read > 20


def test_no_output_argument_or_environment_holds_a_canary(ran):
    done, _, seen = ran
    assert not holds_canary(done.stdout + done.stderr)
    assert any(b"canary.receipt.json" in text for text in seen), "the run was watched"
    assert not any(holds_canary(text) for text in seen)


def test_error_answers_hold_no_canary(world):
    """The broker refuses the module on another machine: its answer and log say a code."""
    reference = f"oci:{world.folder / 'registry'}:canary"
    arguments = command(world, reference)
    arguments[arguments.index("tee")] = "tee-debug"
    done = subprocess.run(
        arguments, cwd=world.folder, env=world.environment(), capture_output=True, check=False
    )
    assert done.returncode == 138
    assert not holds_canary(done.stdout + done.stderr)
    assert not holds_canary((world.folder / "broker.log").read_bytes())


def is_gone(pid: int) -> bool:
    """Whether a process has ended within some seconds; nobody here reaps an orphan."""
    status = Path(f"/proc/{pid}/stat")
    for _ in range(200):
        try:
            if status.read_text().rpartition(") ")[2].startswith(("Z", "X")):
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


@pytest.mark.parametrize("victim", ["worker", "supervisor"])
def test_a_crash_leaves_no_core_file(world, victim):
    """Both are killed by a signal that dumps core, while the guest runs and core files are on."""
    reference = publish(world, f"canary-{victim}", "(loop $l (br $l))")
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    process = subprocess.Popen(
        command(world, reference),
        cwd=world.folder,
        env=world.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert process.stdout.readline() == b"done\n"
    (worker,) = children(process.pid)
    os.kill(worker if victim == "worker" else process.pid, signal.SIGSEGV)
    out, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert not holds_canary(out + err)
    assert not [path for path in world.folder.rglob("core*") if path.is_file()]
    assert is_gone(worker), "the worker is gone with its supervisor"
    for path, data in everything_written(world, time.time() - 60):
        assert not holds_canary(data), path
