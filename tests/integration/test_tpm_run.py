"""`sealwasm run --tpm`, as processes: broker, runner and a TPM in software."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import wasmtime
import yaml

from runner.measure import runner_measurement
from runner.tpm import measured_value
from sealwasm.artifacts.transfers import push_artifact
from sealwasm.demo.stage import entry_point
from sealwasm.guard import require_own_packages
from tests.fakes.sealing import seal_for
from tests.fakes.swtpm import Maker, Swtpm, swtpm
from tests.fakes.world import capabilities, make_world, release_policy
from tests.integration.test_serve import served

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SOURCE = """
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\05\\00\\00\\00")
  (data (i32.const 16) "done\\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""


@dataclass
class Machine:
    """A machine with a TPM, and a published module that is for this very runner on it."""

    folder: Path
    tpm: Swtpm
    broker: str
    reference: str

    def run(self) -> subprocess.CompletedProcess[str]:
        command = [
            *entry_point(require_own_packages()), "run", self.reference,
            "--owner", "owner.pub", "--broker", self.broker,
            "--tpm", str(self.tpm.path), "--tpm-state", "state",
        ]  # fmt: skip
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120
        )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("tpm-run")
    maker = Maker("Acme TPM Root CA", datetime.now(UTC))
    measured = measured_value(runner_measurement()).hex()
    policy = release_policy(
        version=2, **{"any-of": [{"name": "here", "tee": "tpm", "measurement": {"in": [measured]}}]}
    )
    grant = {"stdout": {"max-bytes": 64}, "limits": {"memory": "64KiB"}}
    with make_world(folder) as world:
        world.enrol_policy(policy)
        sealed = seal_for(
            bytes(wasmtime.wat2wasm(SOURCE)),
            name="acme/app",
            version=1,
            policy_name="prod",
            capabilities=capabilities(**grant),
            broker_identity=world.identity,
            broker_key=world.broker.releases.keys.sealing[0].public,
            owner=world.owner,
            now=world.clock.now,
        )
    reference = push_artifact(sealed, f"oci:{folder / 'registry'}:app")
    (folder / "owner.pub").write_bytes(world.owner.public.to_pem())
    broker = folder / "broker"
    (broker / "maker.pem").write_bytes(maker.root_pem)
    config = yaml.safe_load((broker / "broker.yaml").read_text())
    config["evidence"] = {"references": "references.json", "tpm-roots": ["maker.pem"]}
    (broker / "broker.yaml").write_text(yaml.safe_dump(config))
    with swtpm(folder / "tpm") as tpm, served(broker, folder / "log") as (_, ready):
        maker.provision(tpm)
        yield Machine(folder, tpm, ready["address"], reference)


def test_module_runs_again_and_again_until_something_else_was_measured(machine: Machine) -> None:
    first = machine.run()
    assert (first.returncode, first.stdout) == (0, "done\n"), first.stderr
    assert "SIMULATED" not in first.stderr
    (kept,) = (machine.folder / "state").glob("*.pem")
    certificate = kept.read_bytes()

    again = machine.run()
    assert (again.returncode, again.stdout) == (0, "done\n"), again.stderr
    assert kept.read_bytes() == certificate

    with machine.tpm.open() as tpm:
        tpm.pcr_extend(12, secrets.token_bytes(32))
    denied = machine.run()
    assert (denied.returncode, denied.stdout) == (137, ""), denied.stderr
    assert "prod/here/measurement/in" in denied.stderr


def test_there_is_no_tpm(machine: Machine) -> None:
    absent = replace(machine, tpm=Swtpm(machine.folder / "none"))
    done = absent.run()
    assert "attester-missing" in done.stderr
    assert "Traceback" not in done.stderr
