"""Capability policies, and everything about text and documents that all kinds share."""

from __future__ import annotations

from pathlib import Path

from policies.load import load_policy
from tests.vectors.policy_cases.writing import (
    accepted,
    edited,
    not_canonical,
    refuse_edits,
    refused,
)

BASE = """\
apiVersion: sealwasm/v1
kind: CapabilityPolicy
metadata: {name: solver, version: 2, description: SMT solver}
spec:
  mode: enforce
  entrypoint: {kind: command}
  args: {allow: true, max-count: 4, max-bytes: 1024}
  env: {LANG: {value: C}, TOKEN: {from: runner}}
  stdin: {allow: true, max-bytes: 1MiB}
  stdout: {max-bytes: 1MiB, on-quota: enospc}
  stderr: {max-bytes: 64KiB}
  files:
    - path: /data
      source: host
      access: read-write
      max-bytes: 16MiB
      max-files: 10
      write-back: true
    - path: /etc/app
      source: inline
      contents: {"a.conf": {text: "x=1"}, "b/c.bin": {base64: "AAEC"}}
  clock: {kind: deterministic, start: 2026-01-01T00:00:00Z, step: 5ms}
  random: {kind: seeded, seed: fixed}
  limits: {memory: 32MiB, fuel: 1000000, wall-clock: 10s, stack: 256KiB, open-files: 16}
  features: [simd]
  imports: [wasi_snapshot_preview1.fd_write, wasi_snapshot_preview1.args_get]
"""
SMALLEST = "apiVersion: sealwasm/v1\nkind: CapabilityPolicy\nmetadata: {name: x}\nspec: {}\n"
CORE = """\
apiVersion: sealwasm/v1
kind: CapabilityPolicy
metadata: {name: "no", description: no}
spec:
  env: {A: {value: on}, B: {value: 1_000}, C: {value: 12:30:00}, D: {value: 2026-01-01}}
  args: {allow: True, max-count: 0o17, max-bytes: 0x40}
  limits: {fuel: 017}
"""


def write(root: Path) -> None:
    """Write `capability/`."""
    folder = root / "capability"
    accepted(folder, "full", "C2: every member", BASE)
    accepted(folder, "smallest", "D8: nothing written, nothing granted", SMALLEST)
    accepted(folder, "core-schema", "Y7: what is text and what is a number", CORE)
    accepted(folder, "crlf", "Y2: lines that end in CR LF", SMALLEST.replace("\n", "\r\n"))
    accepted(
        folder,
        "imports-without-clock",
        "C8: the import is granted, the clock is not",
        SMALLEST.replace("{}", "{imports: [wasi_snapshot_preview1.clock_time_get]}"),
    )
    accepted(
        folder,
        "literal-args",
        "C2: fixed arguments",
        SMALLEST.replace("{}", "{args: {literal: [-v]}}"),
    )
    refuse_edits(folder, "capability", BASE)
    refused(
        folder,
        "long-key",
        "Y6: key of 257 characters",
        edited(BASE, ("LANG", "A" * 257)),
        "policy-too-large",
        "8:9",
    )
    mounts = "".join(f"    - {{path: /m{number}, source: empty}}\n" for number in range(31))
    refused(
        folder,
        "too-many-mounts",
        "D5: 33 folders",
        edited(BASE, ("  files:\n", f"  files:\n{mounts}")),
        "policy-too-large",
        "13:5",
    )
    refused(folder, "empty", "Y3: nothing", "", "policy-not-yaml")
    refused(folder, "comment-only", "Y3: only a comment", "# later\n", "policy-not-yaml")
    refused(folder, "not-utf8", "Y2: Latin-1", BASE.encode() + b"# \xe9\n", "policy-not-text")
    refused(
        folder,
        "two-documents",
        "Y4: two documents",
        f"{SMALLEST}---\n{SMALLEST}",
        "policy-multiple-documents",
        "5:1",
    )
    refused(folder, "scalar", "D1: not a mapping", "sealwasm\n", "policy-wrong-type", "1:1")
    refused(
        folder, "too-deep", "Y8: 17 levels", "a: " + "[" * 17 + "]" * 17, "policy-too-large", "1:20"
    )
    refused(
        folder,
        "too-many-values",
        "Y8: 20,001 values",
        "- \n" * 20_000,
        "policy-too-large",
        "20000:2",
    )
    refused(
        folder,
        "too-large",
        "Y1: 256 KiB and one byte",
        SMALLEST + "#" * (256 * 1024 + 1 - len(SMALLEST)),
        "policy-too-large",
    )
    document = load_policy(BASE.encode(), name="base").to_document()
    spec = document["spec"]
    for name, why, changed in (
        ("canonical-size", "D8: a size with a unit", {"stderr": {"max-bytes": "64KiB"}}),
        ("canonical-default", "D8: a member that equals its default", {"mode": "enforce"}),
        ("canonical-order", "D8: a set out of order", {"imports": spec["imports"][::-1]}),
    ):
        not_canonical(folder, name, why, document | {"spec": spec | changed})
