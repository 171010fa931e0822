"""From the errors that leave our packages to what a person at the command line reads.

A package's `detail` is for the log of the side that made it. At the command line that side is the
person in front of it, so the detail is shown; details never hold secrets.
"""

from __future__ import annotations

import traceback

from sealwasm.advice import advice_for
from sealwasm.failure import CliError, Kind

KIND_OF_PACKAGE: dict[str, Kind] = {
    "sealing": Kind.ARTIFACT,
    "attestation": Kind.EVIDENCE,
    "policies": Kind.BAD_POLICY,
    "keybroker": Kind.USAGE,
    "runner": Kind.DENIED,
}


def _internal_fault(error: Exception) -> CliError:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return CliError(
        Kind.FAULT,
        "internal-fault",
        f"a fault of ours: {type(error).__name__}",
        why="the command met a case it was not written for",
        where=where,
    )


def translate(error: Exception) -> CliError:
    """Return the printable form of any exception that reached the process edge."""
    code = getattr(error, "code", None)
    package = type(error).__module__.partition(".")[0]
    if code is None or package not in KIND_OF_PACKAGE:
        return _internal_fault(error)
    text = str(getattr(code, "value", code))
    reason = str(getattr(error, "reason", ""))
    advice = advice_for(reason or text, KIND_OF_PACKAGE[package])
    detail = str(getattr(error, "detail", "")) or text.replace("-", " ")
    # A broker's own words may begin with the reason that is named beside them.
    detail = detail.removeprefix(f"{reason}: ") if reason else detail
    return CliError(
        advice_for(text, KIND_OF_PACKAGE[package]).kind,
        text,
        advice.what or detail,
        why=": ".join(part for part in (reason, detail if advice.what else "") if part),
        where=str(getattr(error, "where", "")),
        next_step=str(getattr(error, "remedy", "")) or advice.next_step,
    )
