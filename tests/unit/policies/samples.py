"""Documents that the tests share; each test changes one thing."""

from __future__ import annotations

from typing import Any

from policies.load import load_capabilities, load_guardrails, load_release
from policies.models import CapabilityPolicy, Guardrails, ReleasePolicy

MEASUREMENT = "ab" * 48
OTHER_MEASUREMENT = "cd" * 48

CAPABILITIES = """\
apiVersion: sealwasm/v1
kind: CapabilityPolicy
metadata: {name: solver, version: 3, description: SMT solver}
spec:
  mode: enforce
  entrypoint: {kind: command}
  args: {allow: true, max-count: 8, max-bytes: 2048}
  env:
    LANG: {value: C}
    TOKEN: {from: runner}
  stdin: {allow: true, max-bytes: 1MiB}
  stdout: {max-bytes: 2MiB, on-quota: enospc}
  stderr: {max-bytes: 64KiB}
  files:
    - path: /data
      source: host
      access: read-write
      max-bytes: 16MiB
      max-files: 100
      write-back: true
    - path: /etc/app
      source: inline
      contents:
        "app.conf": {text: "a=1"}
        "keys/raw.bin": {base64: "AAEC"}
  clock: {kind: real}
  random: {kind: real}
  limits:
    {memory: 128MiB, fuel: 5000000, wall-clock: 10s, stack: 256KiB, table-elements: 1000,
     instances: 2, open-files: 32}
  features: [simd]
  imports: [wasi_snapshot_preview1.fd_write, wasi_snapshot_preview1.args_get]
"""

RELEASE = f"""\
apiVersion: sealwasm/v1
kind: ReleasePolicy
metadata: {{name: acme-prod, version: 7}}
spec:
  lease: 10m
  window: {{not-before: 2026-01-01T00:00:00Z, not-after: 2026-12-31T00:00:00Z}}
  applies-to: {{modules: [acme/solver, tools/*]}}
  any-of:
    - name: production
      tee: snp
      measurement: {{in: ["{MEASUREMENT}"], because: runner 1.4.2}}
      vmpl: {{at-most: 0}}
      product: {{in: [milan, genoa]}}
      tcb:
        committed: {{snp: {{at-least: 22}}, microcode: {{at-least: 213}}}}
      firmware.current: {{at-least: "1.55.9"}}
      csp-id: {{matches: "(aws|azure)-[a-z]+"}}
      host-data: {{not-in: ["{"00" * 32}"]}}
      family-id: {{exists: false}}
"""

GUARDRAILS = """\
apiVersion: sealwasm/v1
kind: Guardrails
metadata: {name: baseline}
spec:
  release:
    simulated-tee: deny
    tees: [snp]
    products: [milan, genoa]
    signing-keys: [vcek]
    minimum-tcb: {milan: {snp: 22, microcode: 213}, genoa: {snp: 23}}
    max-lease: 5m
    require:
      migratable: {equals: false, because: no migration agent is audited}
  grant:
    mode: enforce
    limits: {memory: 64MiB, wall-clock: 5s}
    stdout: {max-bytes: 1MiB}
    host-files: read-only
    env-from-runner: deny
    clock: coarse
    random: real
    features: [simd]
    imports: {deny: ["wasi_snapshot_preview1.sock_*"]}
"""

CLAIMS: dict[str, bool | int | str] = {
    "tee": "snp",
    "simulated": False,
    "product": "milan",
    "signing-key": "vcek",
    "measurement": MEASUREMENT,
    "host-data": "11" * 32,
    "debug": False,
    "migratable": False,
    "vmpl": 0,
    "csp-id": "aws-eu",
    "firmware.current": "1.55.10",
    **{
        f"tcb.{level}.{part}": value
        for level in ("reported", "committed", "launch", "current")
        for part, value in (("bootloader", 4), ("tee", 0), ("snp", 24), ("microcode", 219))
    },
    "request.module": "acme/solver",
}


def capabilities(text: str = CAPABILITIES) -> CapabilityPolicy:
    return load_capabilities(text.encode(), name="caps.yaml")


def release(text: str = RELEASE) -> ReleasePolicy:
    return load_release(text.encode(), name="release.yaml")


def guardrails(text: str = GUARDRAILS) -> Guardrails:
    return load_guardrails(text.encode(), name="guard.yaml")


def changed(document: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A copy of a JSON-like document with one member set (or, for `...`, removed)."""
    if not path:
        return value
    copy: Any = list(document) if isinstance(document, list | tuple) else dict(document)
    if len(path) == 1 and value is ...:
        del copy[path[0]]
        return copy
    copy[path[0]] = changed(copy[path[0]] if len(path) > 1 else None, path[1:], value)
    return copy
