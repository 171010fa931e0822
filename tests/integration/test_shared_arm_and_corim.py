"""Real Arm tokens and CoRIM documents of others, where the project's shared folder is there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from attestation.arm_keys import load_arm_keys
from attestation.corim.document import parse_corim
from attestation.errors import EvidenceError
from attestation.vectors import run_manifest
from attestation.verifiers.arm.reader import ClaimReader
from attestation.verifiers.cca.platform import parse_platform
from attestation.verifiers.cca.realm import parse_realm, read_key
from attestation.verifiers.cca.token import parse_token

EVIDENCE = Path(__file__).resolve().parents[2].parent / "shared" / "evidence"
CCA, CORIM = EVIDENCE / "cca", EVIDENCE / "corim"
CLAIMS = CCA / "claims"

pytestmark = pytest.mark.skipif(
    not (EVIDENCE / "MANIFEST.toml").is_file(),
    reason="real evidence is not beside this checkout (../shared/evidence)",
)


def test_every_case_agrees() -> None:
    with (EVIDENCE / "MANIFEST.toml").open("rb") as file:
        cases = {case["id"]: case for case in tomllib.load(file)["case"]}
    results = {one["id"]: one for one in run_manifest(EVIDENCE)}
    ours = {name: case for name, case in cases.items() if case["tee"] in {"cca", "corim"}}
    assert len(ours) >= 11
    for name, case in ours.items():
        assert results[name]["verdict"] == case["verdict"], name
        assert case["verdict"] == "accept" or results[name]["reason"] in case["reasons"], name


def test_claims_are_those_of_the_manifest() -> None:
    with (EVIDENCE / "MANIFEST.toml").open("rb") as file:
        cases = {case["id"]: case for case in tomllib.load(file)["case"]}
    checked = 0
    for result in run_manifest(EVIDENCE):
        theirs, ours = cases[result["id"]].get("claims", {}), result["claims"]
        if "rim" in theirs and ours:
            checked += 1
            assert ours["measurement"] == theirs["rim"]
            assert [ours[f"rem{number}"] for number in range(4)] == theirs["rem"]
            assert ours["personalization-value"] == theirs["rpv"]
            assert ours["implementation-id"] == theirs["implementation_id"]
            assert ours["security-lifecycle"] == theirs["lifecycle"]
            assert ours["sw-components"] == len(theirs["sw_components"])
    assert checked == 3


def test_trust_anchor_list_is_for_one_platform() -> None:
    (key,) = load_arm_keys((CCA / "rust-ccatoken-ta-tfa.json").read_bytes())
    token = parse_token((CCA / "tf-rmm.cbor").read_bytes())
    claims = parse_platform(ClaimReader.of(token.platform.payload, "platform token"))
    assert (key.implementation_id, key.instance_id) == (
        claims.device.implementation,
        claims.device.instance,
    )


@pytest.mark.parametrize("name", ["realm-claims+spurious-numeric-key", "realm-claims"])
def test_unknown_claims_are_counted(name: str) -> None:
    claims = ClaimReader.of((CLAIMS / f"{name}.cbor").read_bytes(), "realm token")
    read_key(claims)
    assert parse_realm(claims).unknown == ("spurious" in name)


def test_missing_challenge_is_refused() -> None:
    data = (CLAIMS / "realm-claims-missing-challenge.cbor").read_bytes()
    claims = ClaimReader.of(data, "realm token")
    read_key(claims)
    with pytest.raises(EvidenceError, match="no challenge"):
        parse_realm(claims)


def test_corim_documents_of_others() -> None:
    unsigned = [path for path in sorted(CORIM.glob("*.cbor")) if not path.name.startswith("signed")]
    assert len(unsigned) >= 7
    for path in unsigned:
        if "bad" in path.name:
            with pytest.raises(EvidenceError, match="no number"):
                parse_corim(path.read_bytes())
        else:
            assert parse_corim(path.read_bytes()).comids
