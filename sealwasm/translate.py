"""From the errors that leave our packages to what a person at the command line reads.

A package's `detail` is for the log of the side that made it. At the command line that side is the
person in front of it, so the detail is shown; details never hold secrets.
"""

from __future__ import annotations

import traceback

from sealwasm.failure import CliError, Kind

# Codes that mean something else than "this does not verify".
KIND_OF_CODE: dict[str, Kind] = {
    "seal-not-found": Kind.NOT_FOUND,
    "seal-unauthorized": Kind.DENIED,
    "seal-unreachable": Kind.UNREACHABLE,
    "seal-registry-refused": Kind.UNREACHABLE,
    "seal-reference-invalid": Kind.USAGE,
    "seal-module-malformed": Kind.BAD_MODULE,
    "seal-module-unsupported": Kind.BAD_MODULE,
    "seal-not-wasm": Kind.BAD_MODULE,
    "seal-key-invalid": Kind.USAGE,
    "seal-key-passphrase": Kind.USAGE,
}

# The next command, where there is an obvious one.
NEXT_OF_CODE: dict[str, str] = {
    "seal-not-found": "sealwasm inspect REFERENCE, or list the folder's index.json",
    "seal-unreachable": "check the host name and the network, then try again",
    "seal-reference-invalid": "write oci:FOLDER:TAG, oci:FOLDER@sha256:..., or HOST/REPOSITORY:TAG",
    "seal-signer-unknown": "pass the owner's public key with --owner FILE",
    "seal-not-sealed": "seal it first: sealwasm seal --help",
    "simulated-not-trusted": "name the simulated platform with --trust-simulated FOLDER",
}

KIND_OF_PACKAGE: dict[str, Kind] = {
    "sealing": Kind.ARTIFACT,
    "attestation": Kind.EVIDENCE,
    "policies": Kind.BAD_POLICY,
    "keybroker": Kind.DENIED,
    "runner": Kind.DENIED,
}


def _internal_fault(error: Exception) -> CliError:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return CliError(
        Kind.FAULT,
        "internal-fault",
        f"a fault of ours: {type(error).__name__}",
        why="the command met a case it was not written for; nothing was half-written",
        where=where,
        next_step="please report it with the command line; `sealwasm doctor -o json` helps",
    )


def translate(error: Exception) -> CliError:
    """Return the printable form of any exception that reached the process edge."""
    code = getattr(error, "code", None)
    package = type(error).__module__.partition(".")[0]
    if code is None or package not in KIND_OF_PACKAGE:
        return _internal_fault(error)
    text = str(getattr(code, "value", code))
    return CliError(
        KIND_OF_CODE.get(text, KIND_OF_PACKAGE[package]),
        text,
        str(getattr(error, "detail", "")) or text.replace("-", " "),
        where=str(getattr(error, "where", "")),
        next_step=NEXT_OF_CODE.get(text, ""),
    )
