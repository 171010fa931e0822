"""Decisions: releases, grants, grants inside requests, imports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from policies.grant import effective_grant
from policies.load import load_capabilities, load_guardrails
from tests.vectors.policy_cases import capability, guardrails, release
from tests.vectors.policy_cases.writing import Edit, edited, read_cases
from tests.vectors.policy_cases.writing import write as write_files

ALLOWED = "allowed"
NOW = "2026-06-01T12:00:00Z"
M1, M2 = release.M1, release.M2
WASI = "wasi_snapshot_preview1"

POLICY = f"""\
apiVersion: sealwasm/v1
kind: ReleasePolicy
metadata: {{name: prod, version: 7}}
spec:
  lease: 10m
  window: {{not-before: 2026-01-01T00:00:00Z, not-after: 2026-12-31T23:59:59Z}}
  applies-to: {{modules: [acme/solver, tools/*]}}
  any-of:
    - name: main
      tee: snp
      measurement: {{in: ["{M1}"]}}
      product: {{not-in: [turin]}}
      vmpl: {{at-most: 0}}
      guest-svn: {{at-least: 3}}
      firmware.current: {{at-least: "1.55.9"}}
      csp-id: {{matches: "(aws|azure)-[a-z]+"}}
      host-data: {{equals: "{"11" * 32}"}}
      image-id: {{exists: false}}
      chip-id-masked: {{exists: true}}
"""
GUARDRAILS = """\
apiVersion: sealwasm/v1
kind: Guardrails
metadata: {name: base}
spec:
  release:
    tees: [snp]
    products: [milan]
    signing-keys: [vcek]
    minimum-tcb: {milan: {snp: 22}}
    max-lease: 5m
    require: {migratable: {equals: false}}
"""
CLAIMS: dict[str, Any] = {
    "tee": "snp",
    "simulated": False,
    "debug": False,
    "migratable": False,
    "product": "milan",
    "signing-key": "vcek",
    "measurement": M1,
    "host-data": "11" * 32,
    "vmpl": 0,
    "guest-svn": 3,
    "firmware.current": "1.55.10",
    "csp-id": "aws-eu",
    "chip-id-masked": False,
    "tcb.reported.snp": 22,
    "tcb.launch.snp": 22,
    "request.module": "acme/solver",
}
SECOND = f"""\
    - {{name: second, tee: snp, measurement: {{equals: "{M2}"}}}}
"""
ENVIRONMENT, GUARD = "denied-environment", "denied-guardrails"

# (case, step: reason, now, code, failed rules)
TIMES = [
    ("window-first", "E2: the first instant", "2026-01-01T00:00:00Z", ALLOWED, ()),
    ("window-last", "E2: the last instant", "2026-12-31T23:59:59Z", ALLOWED, ()),
    (
        "window-before",
        "E2: a second too early",
        "2025-12-31T23:59:59Z",
        "denied-outside-window",
        ["prod/window/not-before"],
    ),
    (
        "window-after",
        "E2: a second too late",
        "2027-01-01T00:00:00Z",
        "denied-outside-window",
        ["prod/window/not-after"],
    ),
]

# (case, step: reason, edits of the capability policy, edits of the guardrails, failed rules)
GRANTS: list[tuple[str, str, list[Edit], list[Edit], Sequence[str]]] = [
    ("grant-shrinks", "S7: every reduction is told", [], [], ()),
    ("grant-least", "S1: the smaller number", [("memory: 32MiB", "memory: 65MiB")], [], ()),
    (
        "grant-no-host",
        "S2: host folders taken away",
        [],
        [("host-files: read-only", "host-files: deny")],
        (),
    ),
    (
        "grant-no-variables",
        "S3: variables taken away",
        [],
        [("from-runner: allow", "from-runner: deny")],
        (),
    ),
    (
        "grant-clock",
        "S4: real becomes coarse",
        [("{kind: deterministic, start: 2026-01-01T00:00:00Z, step: 5ms}", "{kind: real}")],
        [],
        (),
    ),
    ("grant-enforces", "S5: audit becomes enforce", [("mode: enforce", "mode: audit")], [], ()),
    (
        "grant-import-denied",
        "S6: import on the deny list",
        [(f"{WASI}.args_get", f"{WASI}.proc_raise")],
        [],
        ["baseline/grant/imports/deny"],
    ),
    (
        "grant-import-denied-prefix",
        "S6: import below a denied prefix",
        [(f"{WASI}.args_get", f"{WASI}.sock_send")],
        [],
        ["baseline/grant/imports/deny"],
    ),
    (
        "grant-import-not-allowed",
        "S6: import outside the allow list",
        [(f"{WASI}.args_get", "env.debug")],
        [],
        ["baseline/grant/imports/allow"],
    ),
    (
        "grant-feature",
        "S6: feature outside the list",
        [("[simd]", "[simd, threads]")],
        [],
        ["baseline/grant/features"],
    ),
    (
        "grant-feature-silent",
        "G1: silence denies features",
        [],
        [("    features: [simd]\n", "")],
        ["baseline/grant/features"],
    ),
    (
        "grant-contents-bytes",
        "S6: inline files above the ceiling",
        [],
        [("max-bytes: 8MiB", "max-bytes: 5")],
        ["baseline/grant/files/max-bytes"],
    ),
    (
        "grant-contents-files",
        "S6: more inline files than the ceiling",
        [],
        [("max-files: 20", "max-files: 1")],
        ["baseline/grant/files/max-files"],
    ),
]

# (case, step: reason, edits of the request that make it wider, path that is wider)
WIDER = [
    ("memory", "W1: more memory", [("32MiB", "33MiB")], "spec.limits.memory"),
    (
        "import",
        "W1: one more import",
        [(f"{WASI}.args_get", f"{WASI}.args_get, {WASI}.path_open")],
        "spec.imports",
    ),
    (
        "clock",
        "W1: real time for a deterministic clock",
        [("{kind: deterministic, start: 2026-01-01T00:00:00Z, step: 5ms}", "{kind: real}")],
        "spec.clock",
    ),
    ("seed", "W1: another seed", [("seed: fixed", "seed: other")], "spec.random"),
    (
        "folder",
        "W1: one more folder",
        [("  clock", "    - {path: /x, source: empty}\n  clock")],
        "spec.files[/x]",
    ),
    ("contents", "W1: other inline bytes", [("x=1", "x=2")], "spec.files[/etc/app].contents"),
    ("variable", "W1: another value", [("value: C", "value: D")], "spec.env.LANG"),
    ("audit", "W1: audit for enforce", [("mode: enforce", "mode: audit")], "spec.mode"),
    ("name", "W1: another argument 0", [("name: solver", "name: sh")], "metadata.name"),
]

# (case, step: reason, imports beside the two that are granted, failed rules)
IMPORTS = [
    ("imports-granted", "I1: each is granted", [], ()),
    (
        "imports-missing",
        "I1: one is not granted",
        [[WASI, "path_open"]],
        [f"solver/imports/{WASI}.path_open"],
    ),
    (
        "imports-other-module",
        "I1: same name, other module",
        [["env", "fd_write"]],
        ["solver/imports/env.fd_write"],
    ),
    (
        "imports-moved-dot",
        "I2: module and name split elsewhere",
        [["wasi_snapshot_preview1.fd", "write"]],
        ['solver/imports/"wasi_snapshot_preview1.fd"."write"'],
    ),
]


def _case(folder: Path, name: str, case: dict[str, Any], files: dict[str, str]) -> None:
    if case["expect"] != ALLOWED:
        name = f"{name}_denied"
    write_files(folder, name, case, {key: text.encode() for key, text in files.items()})


def _changed(claims: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (CLAIMS | claims).items() if value is not None}


def _release(
    folder: Path,
    name: str,
    why: str,
    expect: str,
    failed: Sequence[str],
    *,
    claims: dict[str, Any] | None = None,
    now: str = NOW,
    policy: str = POLICY,
    guards: Sequence[str] = (GUARDRAILS,),
    lease_ms: int = 300_000,
    environment: str | None = "main",
) -> None:
    allowed = expect == ALLOWED
    case = {
        "why": why,
        "stage": "release",
        "expect": expect,
        "now": now,
        "claims": _changed(claims or {}),
        "failed": list(failed),
        "lease_ms": lease_ms if allowed else 0,
        "environment": None if expect in (ENVIRONMENT, "denied-no-environment") else environment,
    }
    files = {"policy.yaml": policy}
    files |= {f"guardrails-{index}.yaml": text for index, text in enumerate(guards)}
    _case(folder, name, case, files)


def _write_releases(folder: Path) -> None:
    for name, why, expect, failed, rest in read_cases("decision"):
        claims = json.loads("".join(rest))
        _release(folder, name, why, expect, failed.split(), claims=claims)
    for name, why, now, expect, failed in TIMES:
        _release(folder, name, why, expect, failed, now=now)
    nobody = edited(POLICY.partition("  any-of:")[0] + "  any-of: []\n")
    simulated = edited(POLICY, ("  lease: 10m", "  lease: 10m\n  simulated-tee: allow"))
    permissive = edited(GUARDRAILS, ("    tees:", "    simulated-tee: allow\n    tees:"))
    second = {"measurement": M2}
    _release(
        folder,
        "no-environment",
        "E3: nobody is named",
        "denied-no-environment",
        ["prod/any-of"],
        policy=nobody,
    )
    _release(
        folder,
        "second-environment",
        "E4: one environment is enough",
        ALLOWED,
        (),
        policy=POLICY + SECOND,
        claims=second,
        environment="second",
    )
    _release(
        folder,
        "two-environments",
        "E6: the failed rules of both",
        ENVIRONMENT,
        ["prod/main/measurement/in", "prod/second/measurement/equals"],
        policy=POLICY + SECOND,
        claims={"measurement": "c3" * 48},
    )
    _release(
        folder,
        "simulated-allowed",
        "E4: policy and guardrails allow it",
        ALLOWED,
        (),
        policy=simulated,
        guards=[permissive],
        claims={"simulated": True},
    )
    _release(
        folder,
        "simulated-guardrails",
        "E5: only the policy allows it",
        GUARD,
        ["base/simulated-tee"],
        policy=simulated,
        claims={"simulated": True},
    )
    _release(
        folder,
        "simulated-policy",
        "E4: only the guardrails allow it",
        ENVIRONMENT,
        ["prod/main/simulated-tee"],
        guards=[permissive],
        claims={"simulated": True},
    )
    _release(
        folder,
        "no-guardrails",
        "E6: the lease is the policy's",
        ALLOWED,
        (),
        guards=[],
        lease_ms=600_000,
    )
    _release(
        folder,
        "two-guardrails",
        "E5: one of two says no",
        GUARD,
        ["base/simulated-tee"],
        policy=simulated,
        guards=[permissive, GUARDRAILS],
        claims={"simulated": True},
    )
    _release(
        folder,
        "several-steps",
        "E6: the code of the first step, all failed rules",
        "denied-not-applicable",
        ["prod/applies-to/modules", "base/signing-keys"],
        claims={"request.module": "x", "signing-key": "vlek"},
    )


def _write_grants(folder: Path) -> None:
    for name, why, request_edits, guard_edits, failed in GRANTS:
        request = edited(capability.BASE, *request_edits)
        guard = edited(guardrails.BASE, *guard_edits)
        case: dict[str, Any] = {"why": why, "stage": "grant", "expect": "denied-grant"}
        case["failed"] = list(failed)
        if not failed:
            grant = effective_grant(
                load_capabilities(request.encode(), name="policy.yaml"),
                [load_guardrails(guard.encode(), name="guardrails-0.yaml")],
            )
            case |= {"expect": ALLOWED, "grant": grant.document.to_document()}
            case["reductions"] = [list(item) for item in grant.reductions]
        _case(folder, name, case, {"policy.yaml": request, "guardrails-0.yaml": guard})
    for name, why, edits, path in WIDER:
        case = {"why": why, "stage": "within", "expect": "denied-grant"}
        case["failed"] = [f"solver/within/{path}"]
        files = {"policy.yaml": capability.BASE, "grant.yaml": edited(capability.BASE, *edits)}
        _case(folder, f"within-{name}", case, files)


def write(root: Path) -> None:
    """Write `decision/`."""
    folder = root / "decision"
    _write_releases(folder)
    _write_grants(folder)
    for name, why, imports, failed in IMPORTS:
        granted = [[WASI, "fd_write"], [WASI, "args_get"]]
        case = {"why": why, "stage": "imports", "expect": "denied-import" if failed else ALLOWED}
        case |= {"imports": granted + imports, "failed": list(failed)}
        _case(folder, name, case, {"policy.yaml": capability.BASE})
