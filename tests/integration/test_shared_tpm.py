"""Real TPM and Azure evidence: the manifest's verdicts, and what broken evidence comes to."""

from __future__ import annotations

import json
import tomllib
from datetime import datetime
from pathlib import Path

import pytest

from attestation.cases.case import Case, verify_case
from attestation.cases.tpm import _POLICY, _from_json
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.vectors import run_manifest

EVIDENCE = Path(__file__).parents[3] / "shared" / "evidence"
if not EVIDENCE.is_dir():
    pytest.skip(
        "real evidence is not beside this checkout (../shared/evidence)", allow_module_level=True
    )

MANIFEST = tomllib.loads((EVIDENCE / "MANIFEST.toml").read_text(encoding="utf-8"))
CASES = {one["id"]: one for one in MANIFEST["case"] if one["tee"] == "tpm"}
ACCEPTED = [name for name, one in CASES.items() if one["verdict"] == "accept"]
AZURE = [name for name in ACCEPTED if name.startswith("az-")]


@pytest.fixture(scope="module")
def results() -> dict:
    return {one["id"]: one for one in run_manifest(EVIDENCE)}


def test_every_case_agrees(results) -> None:
    assert len(CASES) >= 6
    for name, case in CASES.items():
        assert results[name]["verdict"] == case["verdict"], name
        if case["verdict"] == "reject":
            assert results[name]["reason"] in case["reasons"], name


@pytest.mark.parametrize("name", AZURE)
def test_claims_are_those_of_the_manifest(results, name) -> None:
    ours, theirs = results[name]["claims"], CASES[name]["claims"]
    assert ours["tee"] == "azure-snp"
    assert ours["report-data"] == theirs["nonce"]
    assert ours["pcr.0"] == theirs["pcr0"]
    assert ours["pcr-digest"] == theirs["pcr_digest"]
    assert ours["user-data"] == theirs["hcl_user_data"].lower()
    assert ours["measurement"] == theirs["snp"]["measurement"]
    assert ours["product"] == theirs["snp"]["product"]
    configuration = json.loads(theirs["vm_configuration"])
    for member in ("secure-boot", "console-enabled", "tpm-enabled"):
        assert ours[member] == configuration[member]
    assert ours["vm-unique-id"] == configuration["vmUniqueId"]


def evidence_of(name: str) -> tuple[Case, str, dict[str, bytes]]:
    case = CASES[name]
    data = (EVIDENCE / case["inputs"]["evidence"]).read_bytes()
    at = datetime.fromisoformat(case["at"])
    return Case({}, at), *_from_json(json.loads(data))


@pytest.mark.parametrize("part", ["hcl_report", "quote", "signature", "pcrs", "vek"])
@pytest.mark.parametrize("name", AZURE)
def test_no_sampled_bit_of_real_evidence_is_free(name: str, part: str) -> None:
    case, tee, parts = evidence_of(name)
    certificates = [one.der for one in Endorsements.vendor().certificates]
    for bit in range(3, len(parts[part]) * 8, 131 if len(parts[part]) > 500 else 23):
        changed = bytearray(parts[part])
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(EvidenceError):
            verify_case(
                case,
                tee,
                parts | {part: bytes(changed)},
                certificates=certificates,
                policy=_POLICY,
            )


def test_parts_of_two_guests_do_not_go_together() -> None:
    (case, tee, one), (_, _, other) = (evidence_of(name) for name in AZURE[:2])
    certificates = [one.der for one in Endorsements.vendor().certificates]
    quote = {name: other[name] for name in ("quote", "signature", "pcrs")}
    for mixed, code in (
        (one | quote, "signature-invalid"),
        (one | {"vek": other["vek"]}, "signature-invalid"),
        (one | {"pcrs": other["pcrs"]}, "pcr-digest-mismatch"),
        (one | {"hcl_report": other["hcl_report"]}, "signature-invalid"),
        (
            one | {"hcl_report": one["hcl_report"][:1216] + other["hcl_report"][1216:]},
            "binding",
        ),
    ):
        with pytest.raises(EvidenceError) as caught:
            verify_case(case, tee, mixed, certificates=certificates, policy=_POLICY)
        assert caught.value.code == code
