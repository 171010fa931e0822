"""The demo's policies and problem, as a person would write them."""

from __future__ import annotations

# x*x = 49 in 32-bit arithmetic with x below 100: satisfiable, by x = 7.
PROBLEM = """\
(set-logic QF_BV)
(set-option :produce-models true)
(declare-const x (_ BitVec 32))
(assert (= (bvmul x x) #x00000031))
(assert (bvult x #x00000064))
(check-sat)
(get-value (x))
"""

# The same with x below 5: unsatisfiable. A program that always says `sat` would be found out.
IMPOSSIBLE_PROBLEM = PROBLEM.replace("#x00000064", "#x00000005").replace("(get-value (x))\n", "")

SOLVER_GRANT = """\
# What the solver needs, and nothing else: its arguments, one folder to read, two pipes to write.
apiVersion: sealwasm/v1
kind: CapabilityPolicy
metadata: {name: solver, version: 1, description: SMT solver reading one problem file}
spec:
  mode: enforce
  entrypoint: {kind: command}
  args: {allow: true, max-count: 16, max-bytes: 4096}
  stdout: {max-bytes: 1MiB, on-quota: trap}
  stderr: {max-bytes: 64KiB, on-quota: trap}
  files:
    - {path: /problems, source: host, access: read-only, max-bytes: 16MiB, max-files: 64}
  random: {kind: deny}
  limits: {memory: 256MiB, fuel: 20000000000, wall-clock: 20s}
  imports:
"""

SPINNER_GRANT = """\
apiVersion: sealwasm/v1
kind: CapabilityPolicy
metadata: {name: spinner, version: 1, description: a loop that never ends}
spec:
  mode: enforce
  entrypoint: {kind: command}
  limits: {memory: 1MiB, fuel: 2000000000, wall-clock: 2s}
  imports: []
"""

# (module (memory (export "memory") 1) (func (export "_start") (loop $forever (br $forever))))
SPINNER_MODULE = b"".join(
    bytes.fromhex(section)
    for section in (
        "0061736d 01000000",  # magic, version 1
        "01 04 01 600000",  # one type: no parameters, no results
        "03 02 01 00",  # one function of it
        "05 03 01 0001",  # one memory of one page
        "07 13 02 066d656d6f7279 0200 065f7374617274 0000",  # exports: memory, _start
        "0a 09 01 07 00 0340 0c00 0b0b",  # loop, branch to it, end, end
    )
)

RELEASE_POLICY = """\
# Keys of {owner} go to this one build of the runner, on one kind of TEE, without debug.
apiVersion: sealwasm/v1
kind: ReleasePolicy
metadata: {{name: {owner}/prod, version: 1, description: the demo's runner and no other}}
spec:
  simulated-tee: allow
  lease: 15m
  any-of:
    - name: this-runner
      tee: {tee}
      measurement:
        in: ["{measurement}"]
"""

# The TEE that the demo plays with unless told otherwise.
FIRST_TEE = "snp"

# What else a careful owner asks of each kind of TEE.
MORE_CONDITIONS = {
    "snp": "      debug: {equals: false}\n      vmpl: {at-most: 0}\n",
    "tdx": "      debug: {equals: false}\n      migratable: {equals: false}\n",
    "sgx": "      debug: {equals: false}\n",
    "nitro": "      debug: {equals: false}\n",
}


def solver_grant(imports: list[str]) -> str:
    """Return the solver's capability policy with its imports written out one by one."""
    return SOLVER_GRANT + "".join(f"    - {name}\n" for name in imports)


# On Azure the hardware measures the paravisor; the guest's runner is in a PCR of the virtual TPM.
PCR_CONDITION = '      pcr.12: {{in: ["{value}"]}}\n'


def release_policy(*, owner: str, measurement: str, tee: str, pcr: str) -> str:
    """Return a release policy that names one measurement on one kind of TEE."""
    text = RELEASE_POLICY.format(owner=owner, measurement=measurement, tee=tee)
    more = MORE_CONDITIONS.get(tee, "")
    return text + more + (PCR_CONDITION.format(value=pcr) if tee.startswith("azure-") else "")
