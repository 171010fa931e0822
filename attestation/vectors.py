"""Run a folder of evidence with a manifest under the strict base policy.

The policy is the one such folders assume: debug refused, VMPL 0, no minimum TCB, validity at the
case's time, no revocation list needed, report data not known. This is for judging a verifier, not
for deciding about anyone's evidence.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from attestation.cases import cca, corim, ear, intel, nitro, nvidia, snp, tokens, tpm
from attestation.cases.case import Case, Claims, Runner
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_DOCUMENT_BYTES, MAX_MANIFEST_BYTES

# A case without a time does not depend on it; any moment will do, and this one is always the same.
_ANY_TIME: Final = datetime(2026, 11, 22, tzinfo=UTC)


def run_manifest(folder: Path) -> list[dict[str, Any]]:
    """Return `{"id", "verdict", "reason", "claims"}` for every case of `folder/MANIFEST.toml`.

    Of a case only `id`, `tee`, `inputs`, `at` and `audience` are read. Verdicts are `accept`,
    `reject` and, for what this build cannot verify, `unsupported`. Raises `EvidenceError` for a
    manifest that cannot be read, `OSError` for files that are not there.
    """
    return [_run(folder, case) for case in _cases(folder)]


def _cases(folder: Path) -> list[dict[str, Any]]:
    text = _read(folder, "MANIFEST.toml", MAX_MANIFEST_BYTES)
    try:
        cases = tomllib.loads(text.decode("utf-8")).get("case", [])
    except ValueError as error:
        raise EvidenceError(Refusal.MALFORMED, "manifest is not TOML") from error
    if not isinstance(cases, list) or not all(map(_is_case, cases)):
        raise EvidenceError(Refusal.MALFORMED, "manifest has a case without id, tee or inputs")
    return cases


def _is_case(case: Any) -> bool:
    if not isinstance(case, dict) or not isinstance(case.get("inputs"), dict):
        return False
    return isinstance(case.get("id"), str) and isinstance(case.get("tee"), str)


def _run(folder: Path, case: Mapping[str, Any]) -> dict[str, Any]:
    verdict, reason, claims = "accept", "", {}
    try:
        claims = _claims(folder, case)
    except EvidenceError as error:
        reason = error.code.value
        verdict = "unsupported" if error.code is Refusal.UNSUPPORTED else "reject"
    return {"id": case["id"], "verdict": verdict, "reason": reason, "claims": claims}


def _claims(folder: Path, case: Mapping[str, Any]) -> Claims:
    run, names = _RUNNERS.get(case["tee"], (None, {}))
    given = case["inputs"]
    texts = all(isinstance(name, str) for name in given.values())
    if run is None or not texts or not given.keys() <= names.keys():
        raise EvidenceError(Refusal.UNSUPPORTED, "no verifier for such a case")
    inputs = {names[name]: _read(folder, path, MAX_DOCUMENT_BYTES) for name, path in given.items()}
    audience = case.get("audience")
    known = audience if isinstance(audience, str) else None
    return run(Case(inputs, _time(case), known, timed="at" in case))


def _read(folder: Path, name: str, limit: int) -> bytes:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise EvidenceError(Refusal.MALFORMED, "manifest names a file outside its folder")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise EvidenceError(Refusal.MALFORMED, f"{name} is longer than {limit} bytes")
    return data


def _time(case: Mapping[str, Any]) -> datetime:
    at = case.get("at", _ANY_TIME)
    try:
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    except (TypeError, ValueError) as error:
        raise EvidenceError(Refusal.MALFORMED, "case has an unreadable time") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


# Kind -> (what verifies it, what its inputs may be called). One line per module in `cases`.
_RUNNERS: Final[Mapping[str, tuple[Runner, Mapping[str, str]]]] = MappingProxyType(
    {
        "snp": (snp.run, snp.INPUTS),
        "tdx": (intel.run_tdx, intel.INPUTS),
        "sgx": (intel.run_sgx, intel.INPUTS),
        "cca": (cca.run, cca.INPUTS),
        "corim": (corim.run, corim.INPUTS),
        "psa": (cca.run, cca.INPUTS),
        "ear": (ear.run, ear.INPUTS),
        "nitro": (nitro.run, nitro.INPUTS),
        "maa": (tokens.run_maa, tokens.INPUTS),
        "gcs": (tokens.run_gcs, tokens.INPUTS),
        "nvidia": (nvidia.run, nvidia.INPUTS),
        "tpm": (tpm.run, tpm.INPUTS),
    }
)
