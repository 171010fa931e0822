"""Guardrails documents."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.policy_cases.writing import accepted, refuse_edits

BASE = """\
apiVersion: sealwasm/v1
kind: Guardrails
metadata: {name: baseline, version: 4, description: rules of the house}
spec:
  release:
    simulated-tee: deny
    tees: [snp]
    products: [milan, genoa]
    signing-keys: [vcek]
    minimum-tcb:
      milan: {bootloader: 4, snp: 22, microcode: 213}
      genoa: {snp: 23}
    max-lease: 5m
    require:
      migratable: {equals: false, because: no migration agent is audited}
      platform: {alias-check-complete: {equals: true}}
  grant:
    mode: enforce
    limits: {memory: 64MiB, fuel: 1000, wall-clock: 5s, stack: 64KiB, instances: 1, open-files: 8}
    stdin: {max-bytes: 0}
    stdout: {max-bytes: 1MiB}
    stderr: {max-bytes: 64KiB}
    files: {max-bytes: 8MiB, max-files: 20}
    host-files: read-only
    env-from-runner: allow
    clock: coarse
    random: real
    features: [simd]
    imports:
      allow: ["wasi_snapshot_preview1.*"]
      deny: ["wasi_snapshot_preview1.sock_*", wasi_snapshot_preview1.proc_raise]
"""
SMALLEST = "apiVersion: sealwasm/v1\nkind: Guardrails\nmetadata: {name: x}\nspec: {}\n"


def write(root: Path) -> None:
    """Write `guardrails/`."""
    folder = root / "guardrails"
    accepted(folder, "full", "G1: every member", BASE)
    accepted(folder, "smallest", "G1: silence denies what is dangerous", SMALLEST)
    refuse_edits(folder, "guardrails", BASE)
