"""Memory of the owner's and of the runner's side with a module of 200 MB and with a tiny one.

`publish` reads the module in blocks; `run` has the ciphertext once, and its worker, another
process, has it twice while it decrypts.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from sealwasm.demo import story
from sealwasm.demo.stage import Stage, open_stage
from sealwasm.guard import require_own_packages
from tests.bench.peak import peak_bytes, write_module
from tests.interop.tools import docker_registry

MODULE_BYTES = 200_000_000
OWNER_LIMIT_BYTES = 64 << 20
PULL_LIMIT = 1.5
ENDS_WITH = 7

_GRANT = """\
apiVersion: sealwasm/v1
kind: CapabilityPolicy
metadata: {name: memory, version: 1}
spec:
  imports: [wasi_snapshot_preview1.proc_exit]
"""


class Owner:
    """An owner with a broker, and what her commands need at most."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._versions = 0
        stage.path("memory.yaml").write_text(_GRANT, encoding="utf-8")

    def peak_of_publish(self, module: str, target: str) -> int:
        """Return the peak of sealing `module` and publishing it at `target`."""
        self._versions += 1
        return self._peak(
            "publish", module, target, "--name", "acme/peak", "--policy", "acme/prod",
            "--version", str(self._versions), "--capabilities", "memory.yaml",
            "--key", "owner.key", "--broker", self._stage.facts["broker"],
        )  # fmt: skip

    def peak_of_run(self, reference: str) -> int:
        """Return the peak of the process that pulls and supervises; the worker is another one."""
        return self._peak(
            "run", reference, "--owner", "owner.key.pub", "--broker", self._stage.facts["broker"],
            "--simulated-platform", "tee", expect=ENDS_WITH,
        )  # fmt: skip

    def _peak(self, *arguments: str, expect: int = 0) -> int:
        stage = self._stage
        return peak_bytes(
            arguments, folder=stage.folder, environment=stage.environment(), expect=expect
        )


def _row(name: str, peak: int, base: int, *, owner: bool) -> dict[str, Any]:
    over, ratio = peak - base, peak / MODULE_BYTES
    goal = f"< {OWNER_LIMIT_BYTES >> 20} MiB over base" if owner else f"ratio < {PULL_LIMIT}"
    return {
        "name": f"peak memory of {name}, {MODULE_BYTES // 1_000_000} MB module",
        "value": round(over / (1 << 20), 1),
        "unit": "MiB over base",
        "bare": round(base / (1 << 20), 1),
        "ratio": round(ratio, 3),
        "goal": goal,
        "ok": over < OWNER_LIMIT_BYTES if owner else ratio < PULL_LIMIT,
    }


def _measured(owner: Owner, place: str, where: str) -> list[dict[str, Any]]:
    """Return the rows of one place: `base` is the same command with a module of a few bytes."""
    published = [
        owner.peak_of_publish(f"{size}.wasm", f"{where}:{size}") for size in ("tiny", "large")
    ]
    pulled = [owner.peak_of_run(f"{where}:{size}") for size in ("tiny", "large")]
    return [
        _row(f"publish to {place}", published[1], published[0], owner=True),
        _row(f"run from {place}", pulled[1], pulled[0], owner=False),
    ]


def rows() -> list[dict[str, Any]]:
    """Return two rows for a folder, and two for Debian's registry where it is installed."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_stage(Path(folder), require_own_packages(), keep=True) as stage,
    ):
        for step in (story.make_platforms, story.start_broker, story.enrol_owner):
            step(stage)
        write_module(stage.path("tiny.wasm"), 0)
        write_module(stage.path("large.wasm"), MODULE_BYTES)
        owner = Owner(stage)
        found = _measured(owner, "a folder", "oci:shop")
        if shutil.which("docker-registry"):
            with docker_registry(stage.folder) as registry:
                reference = registry.reference
                where = f"{reference.registry}/{reference.repository}"
                found += _measured(owner, "a registry", where)
    return found
