"""Run a folder of evidence with a manifest under the strict base policy.

The policy is the one such folders assume: debug refused, VMPL 0, no minimum TCB, validity at the
case's time, no revocation list needed, report data not known. This is for judging a verifier, not
for deciding about anyone's evidence.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from attestation.ear import PROFILE, TRUSTEE_PROFILE, EarPolicy, Unsafe, verify_ear
from attestation.ear_keys import load_ear_keys
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.limits import MAX_CERTIFICATES, MAX_MANIFEST_BYTES, MAX_PART_BYTES
from attestation.policy import CrlPolicy, EvidencePolicy
from attestation.report_data import UnsafeAnyReportData
from attestation.trust import TrustAnchors
from attestation.tsm import parse_tsm
from attestation.verify import verify
from attestation.x509.pem import der_blobs

# A case without a time does not depend on it; any moment will do, and this one is always the same.
_ANY_TIME: Final = datetime(2026, 11, 22, tzinfo=UTC)
_BASE_POLICY: Final = EvidencePolicy(crl=CrlPolicy.UNSAFE_NOT_REQUIRED)
_EAR_PROFILES: Final = frozenset({PROFILE, TRUSTEE_PROFILE})

# Names under which manifests give the same thing.
_SNP_INPUTS: Final = MappingProxyType(
    {
        "report": "report",
        "tsm": "tsm",
        "evidence": "tsm",
        "vek": "vek",
        "vcek": "vek",
        "vlek": "vek",
        "chain": "chain",
        "root": "chain",
        "roots": "chain",
        "auxblob": "cert_table",
        "cert_table": "cert_table",
        "certs": "cert_table",
        "crl": "crl",
    }
)
_EAR_INPUTS: Final = MappingProxyType(
    {"token": "token", "ear": "token", "key": "key", "keys": "key", "jwk": "key", "jwks": "key"}
)

Inputs = Mapping[str, bytes]
Claims = dict[str, Any]
Runner = Callable[[Inputs, Mapping[str, Any], datetime], Claims]


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
    inputs = {names[name]: _read(folder, path, MAX_PART_BYTES) for name, path in given.items()}
    return run(inputs, case, _time(case))


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


def _snp(inputs: Inputs, _case: Mapping[str, Any], now: datetime) -> Claims:
    parts = {name: inputs[name] for name in ("report", "cert_table") if name in inputs}
    if "tsm" in inputs:
        parts = dict(parse_tsm(inputs["tsm"]).parts) | parts
    chain: list[bytes] = [inputs["chain"]] if "chain" in inputs else []
    if "vek" in inputs:
        vek, *more = der_blobs(inputs["vek"], label="CERTIFICATE", limit=MAX_CERTIFICATES)
        parts["vek"] = vek
        chain += more
    crls = [inputs["crl"]] if "crl" in inputs else []
    verified = verify(
        UnverifiedEvidence("snp", parts),
        report_data=UnsafeAnyReportData(),
        endorsements=Endorsements.parse(chain, crls),
        policy=_BASE_POLICY,
        anchors=TrustAnchors.vendor(),
        now=now,
    )
    return dict(verified.values)


def _ear(inputs: Inputs, case: Mapping[str, Any], now: datetime) -> Claims:
    if "token" not in inputs:
        raise EvidenceError(Refusal.MALFORMED, "case has no token")
    audience = case.get("audience")
    policy = EarPolicy(
        issuer=Unsafe.NOT_CHECKED,
        audience=audience if isinstance(audience, str) else Unsafe.NOT_CHECKED,
        nonce=Unsafe.NOT_CHECKED,
        profiles=_EAR_PROFILES,
        unsafe_allow_no_expiry=True,
    )
    keys = load_ear_keys(inputs["key"]) if "key" in inputs else ()
    # A text file may end in a line break; the token in it does not.
    token = inputs["token"].rstrip(b"\r\n").decode("utf-8", "replace")
    ear = verify_ear(token, keys=keys, policy=policy, now=now)
    return {
        "eat_profile": ear.profile,
        "iat": ear.issued_at,
        "submods": {name: submod.status.value for name, submod in ear.submods.items()},
    }


_RUNNERS: Final[Mapping[str, tuple[Runner, Mapping[str, str]]]] = MappingProxyType(
    {"snp": (_snp, _SNP_INPUTS), "ear": (_ear, _EAR_INPUTS)}
)
