"""Exit codes of `sealwasm run`: 0-127 are the guest's own, 128 and up are ours. One table."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from runner.ending import Ending
from runner.errors import RunnerCode

# A guest that chose a higher number still failed, so it must not come out as 0 or as one of ours.
HIGHEST_GUEST_CODE: Final = 127


class RunExit(IntEnum):
    """What a script may rely on. Numbers are never reused for another meaning."""

    TRAP = 128
    OUT_OF_FUEL = 129
    WALL_CLOCK = 130
    MEMORY = 131
    OUTPUT = 132
    CAPABILITY = 133
    MODULE = 134
    POLICY = 135
    ARTIFACT = 136
    RELEASE_DENIED = 137
    EVIDENCE = 138
    UNREACHABLE = 139
    LEASE = 140
    FAULT = 141
    USAGE = 142
    INTERRUPTED = 143


MEANING: Final[dict[RunExit, str]] = {
    RunExit.TRAP: "the guest trapped: an illegal instruction, access or call of its own",
    RunExit.OUT_OF_FUEL: "the guest used up spec.limits.fuel",
    RunExit.WALL_CLOCK: "the guest ran longer than spec.limits.wall-clock",
    RunExit.MEMORY: "the guest needed more than spec.limits.memory",
    RunExit.OUTPUT: "the guest wrote more than spec.stdout or spec.stderr allow",
    RunExit.CAPABILITY: "an import, feature, argument, variable or folder is not granted",
    RunExit.MODULE: "not a WebAssembly module this runner can run",
    RunExit.POLICY: "the capability policy cannot be used",
    RunExit.ARTIFACT: "the published artifact was refused",
    RunExit.RELEASE_DENIED: "the broker denied the release",
    RunExit.EVIDENCE: "the evidence was refused",
    RunExit.UNREACHABLE: "broker or registry could not be reached",
    RunExit.LEASE: "the lease has expired or was revoked",
    RunExit.FAULT: "a fault of ours; please report it",
    RunExit.USAGE: "the command line or an input file is wrong",
    RunExit.INTERRUPTED: "stopped by Ctrl-C; no folder was written back and there is no receipt",
}

OF_ENDING: Final[dict[Ending, RunExit]] = {
    Ending.TRAP: RunExit.TRAP,
    Ending.OUT_OF_FUEL: RunExit.OUT_OF_FUEL,
    Ending.WALL_CLOCK: RunExit.WALL_CLOCK,
    Ending.MEMORY: RunExit.MEMORY,
    Ending.OUTPUT: RunExit.OUTPUT,
    Ending.LEASE: RunExit.LEASE,
}

OF_ERROR: Final[dict[RunnerCode, RunExit]] = {
    RunnerCode.FRAME_MALFORMED: RunExit.FAULT,
    RunnerCode.WORKER_LOST: RunExit.FAULT,
    RunnerCode.WORKER_SLOW: RunExit.FAULT,
    RunnerCode.LOCKDOWN_FAILED: RunExit.FAULT,
    RunnerCode.WORKER_FAULT: RunExit.FAULT,
    RunnerCode.ENGINE_UNUSABLE: RunExit.FAULT,
    RunnerCode.MODULE_INVALID: RunExit.MODULE,
    RunnerCode.MODULE_TOO_LARGE: RunExit.MODULE,
    RunnerCode.COMPONENT_UNSUPPORTED: RunExit.MODULE,
    RunnerCode.ENTRYPOINT_MISSING: RunExit.MODULE,
    RunnerCode.FEATURE_NOT_GRANTED: RunExit.CAPABILITY,
    RunnerCode.FEATURE_UNSUPPORTED: RunExit.POLICY,
    RunnerCode.IMPORT_UNKNOWN: RunExit.CAPABILITY,
    RunnerCode.IMPORT_NOT_GRANTED: RunExit.CAPABILITY,
    RunnerCode.IMPORT_MISMATCH: RunExit.MODULE,
    RunnerCode.GRANT_INVALID: RunExit.POLICY,
    RunnerCode.INPUT_NOT_GRANTED: RunExit.CAPABILITY,
    RunnerCode.INPUT_MISSING: RunExit.USAGE,
    RunnerCode.INPUT_TOO_LARGE: RunExit.USAGE,
    RunnerCode.INPUT_MALFORMED: RunExit.USAGE,
    RunnerCode.PATH_REFUSED: RunExit.FAULT,
    RunnerCode.WRITE_BACK_FAILED: RunExit.USAGE,
    RunnerCode.OUTPUT_CLOSED: RunExit.USAGE,
    RunnerCode.REGISTRY_UNREACHABLE: RunExit.UNREACHABLE,
    RunnerCode.ARTIFACT_REFUSED: RunExit.ARTIFACT,
    RunnerCode.GRANT_DENIED: RunExit.CAPABILITY,
    RunnerCode.NOT_MEASURABLE: RunExit.FAULT,
    RunnerCode.ATTESTER_MISSING: RunExit.EVIDENCE,
    RunnerCode.EVIDENCE_REFUSED: RunExit.EVIDENCE,
    RunnerCode.BROKER_URL_INVALID: RunExit.USAGE,
    RunnerCode.BROKER_UNREACHABLE: RunExit.UNREACHABLE,
    RunnerCode.BROKER_REFUSED: RunExit.RELEASE_DENIED,
    RunnerCode.BROKER_NOT_GENUINE: RunExit.RELEASE_DENIED,
    RunnerCode.RELEASE_DENIED: RunExit.RELEASE_DENIED,
    RunnerCode.KEY_NOT_OPENED: RunExit.RELEASE_DENIED,
    RunnerCode.LEASE_EXPIRED: RunExit.LEASE,
    RunnerCode.BROKERS_MISSING: RunExit.UNREACHABLE,
    RunnerCode.BROKER_REPEATED: RunExit.USAGE,
    RunnerCode.RECEIPT_MALFORMED: RunExit.FAULT,
    RunnerCode.RECEIPT_SIGNATURE: RunExit.FAULT,
    RunnerCode.RECEIPT_SUBJECT: RunExit.FAULT,
    RunnerCode.RECEIPT_RELEASE: RunExit.FAULT,
    RunnerCode.RECEIPT_SIMULATED: RunExit.FAULT,
    RunnerCode.RECEIPT_RESULT: RunExit.FAULT,
    RunnerCode.RECEIPT_TIMES: RunExit.FAULT,
    RunnerCode.RECEIPT_SEQUENCE: RunExit.FAULT,
}


def of_ending(ending: Ending, exit_code: int | None) -> int:
    """The exit code for a run that started: the guest's own up to 127, else one of ours."""
    if ending is Ending.EXIT:
        return min(exit_code or 0, HIGHEST_GUEST_CODE)
    return OF_ENDING[ending]


def of_error(code: RunnerCode) -> RunExit:
    """The exit code for a run that never started."""
    return OF_ERROR[code]
