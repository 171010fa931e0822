"""Release policies: environments, conditions, patterns."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.policy_cases.writing import accepted, edited, refuse_edits, refused

M1, M2 = "a1" * 48, "b2" * 48

BASE = f"""\
apiVersion: sealwasm/v1
kind: ReleasePolicy
metadata: {{name: acme/prod, version: 7}}
spec:
  simulated-tee: deny
  lease: 10m
  window: {{not-before: 2026-01-01T00:00:00Z, not-after: 2026-12-31T23:59:59Z}}
  applies-to:
    modules: [acme/solver, tools/*]
    owners: ["{"c3" * 32}"]
  any-of:
    - name: production
      tee: snp
      because: hosts of the first region
      measurement:
        in:
          - "{M1}"
        because: runner 1.4.2
      product: {{in: [milan, genoa]}}
      vmpl: {{at-most: 0}}
      firmware.current: {{at-least: "1.55.9"}}
      csp-id: {{matches: "(aws|azure)-[a-z0-9]{{1,8}}"}}
      host-data: {{not-in: ["{"00" * 32}"]}}
      image-id: {{exists: false}}
      tcb: {{committed: {{snp: {{at-least: 22}}}}, launch.microcode: {{at-least: 213}}}}
    - name: signed
      tee: snp
      simulated-tee: allow
      id-key-digest: {{equals: "{"d4" * 48}"}}
      debug: {{equals: false}}
"""
SMALLEST = """\
apiVersion: sealwasm/v1
kind: ReleasePolicy
metadata: {name: nobody}
spec: {any-of: []}
"""


def write(root: Path) -> None:
    """Write `release/`."""
    folder = root / "release"
    accepted(folder, "full", "L1: every kind of condition", BASE)
    accepted(folder, "smallest", "R6: an empty any-of is valid", SMALLEST)
    refuse_edits(folder, "release", BASE)
    patterns = "".join(
        f'    - {{name: e{number}, tee: snp, measurement: {{in: ["{M2}"]}}, '
        f'csp-id: {{matches: "cloud{number}"}}}}\n'
        for number in range(32)
    )
    refused(
        folder,
        "patterns-too-many",
        "L6: 33 different patterns",
        edited(BASE, ("    - name: signed\n", f"{patterns}    - name: signed\n")),
        "policy-too-large",
        "12:5",
    )
