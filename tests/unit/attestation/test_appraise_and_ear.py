"""Appraisal, and tokens from issue to verification."""

from __future__ import annotations

from datetime import timedelta
from importlib import metadata
from types import MappingProxyType

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from attestation import ear
from attestation.appraise import AttestationResult, appraise
from attestation.claims import VerifiedClaims
from attestation.ear import EarPolicy, Unsafe, issue_ear, verify_ear
from attestation.ear_keys import ear_key, key_id_of, load_ear_keys, public_jwk
from attestation.encoding import canonical_json
from attestation.errors import EvidenceError
from attestation.limits import MAX_REFERENCE_VALUES
from attestation.reference import ReferenceValue, ReferenceValues
from attestation.trust_vector import Tier, is_value, tier_of, worst
from tests.fakes.silicon import MEASUREMENT, NOW

KEY = ec.derive_private_key(7, ec.SECP256R1())
KNOWN = ReferenceValues.of([ReferenceValue("snp", MEASUREMENT, "runner 0.1.0")])
OTHER = ReferenceValues.of([ReferenceValue("snp", bytes(48), "other")])
NONE = ReferenceValues.of([])
NONCE = bytes(range(32))


def claims(*, simulated: bool = False, **values: bool | int) -> VerifiedClaims:
    members = {"tee": "snp", "simulated": simulated, "debug": False, "migratable": False, "vmpl": 0}
    return VerifiedClaims(
        "snp", simulated, MEASUREMENT, bytes(64), MappingProxyType(members | values)
    )


def test_a_known_measurement_on_genuine_hardware_affirms() -> None:
    result = appraise(claims(), KNOWN)
    assert result.status is Tier.AFFIRMING
    assert not result.simulated
    assert result.submods["snp"].reference == "runner 0.1.0"


@pytest.mark.parametrize(
    ("given", "references", "member", "value", "status"),
    [
        (claims(simulated=True), KNOWN, "hardware", 32, Tier.WARNING),
        (claims(), OTHER, "executables", 33, Tier.WARNING),
        (claims(), NONE, "executables", 0, Tier.NONE),
        (claims(debug=True), KNOWN, "configuration", 96, Tier.CONTRAINDICATED),
        (claims(migratable=True), KNOWN, "configuration", 32, Tier.WARNING),
        (claims(vmpl=1), KNOWN, "configuration", 32, Tier.WARNING),
        (claims(simulated=True), KNOWN, "runtime-opaque", 0, Tier.WARNING),
    ],
)
def test_anything_less_says_so(given, references, member, value, status) -> None:
    result = appraise(given, references)
    assert result.submods["snp"].vector[member] == value
    assert result.status is status
    assert result.simulated == given.simulated


def test_no_submodules_state_nothing() -> None:
    assert AttestationResult({}).status is Tier.NONE
    assert worst([]) is Tier.NONE


@pytest.mark.parametrize(
    ("value", "tier"),
    [
        *[(value, Tier.NONE) for value in (-1, 0, 1)],
        *[(value, Tier.AFFIRMING) for value in (2, 31, -2, -32)],
        *[(value, Tier.WARNING) for value in (32, 95, -33, -96)],
        *[(value, Tier.CONTRAINDICATED) for value in (96, 127, -97, -128)],
    ],
)
def test_tiers(value: int, tier: Tier) -> None:
    assert is_value(value)
    assert tier_of(value) is tier


@pytest.mark.parametrize("value", [-129, 128, True, 2.0, "2", None])
def test_other_values_are_none(value) -> None:
    assert not is_value(value)


def issue(**options) -> str:
    given = {
        "key": KEY,
        "issuer": "https://broker.example",
        "now": NOW,
        "ttl_seconds": 300,
        "nonce": NONCE,
    }
    return issue_ear(appraise(claims(simulated=True), KNOWN), **(given | options))


POLICY = EarPolicy(issuer="https://broker.example", audience=Unsafe.NOT_CHECKED, nonce=NONCE)
KEYS = (ear_key(KEY.public_key()),)


def test_issue_and_verify() -> None:
    found = verify_ear(issue(), keys=KEYS, policy=POLICY, now=NOW)
    assert found.simulated
    assert found.status is Tier.WARNING
    assert found.expires_at == found.issued_at + 300
    submod = found.submods["snp"]
    assert submod.members["ear.sealwasm.verified-claims"]["tee"] == "snp"
    assert submod.members["ear.sealwasm.reference"] == "runner 0.1.0"
    assert submod.vector["hardware"] == 32
    assert found.verifier.startswith("sealwasm sealwasm ")
    assert issue() == issue()


def test_audience_is_there_when_asked_for() -> None:
    policy = EarPolicy("https://broker.example", "runner", NONCE)
    assert verify_ear(issue(audience="runner"), keys=KEYS, policy=policy, now=NOW)
    with pytest.raises(EvidenceError):
        verify_ear(issue(), keys=KEYS, policy=policy, now=NOW)


@pytest.mark.parametrize(
    ("issuer", "audience", "nonce", "profiles"),
    [
        ("", "runner", NONCE, {"x"}),
        ("x", "", NONCE, {"x"}),
        ("x", "runner", b"", {"x"}),
        ("x", "runner", NONCE, set()),
    ],
)
def test_an_empty_expectation_cannot_be_meant(
    issuer: str, audience: str, nonce: bytes, profiles: set[str]
) -> None:
    with pytest.raises(ValueError, match="empty"):
        EarPolicy(issuer, audience, nonce, frozenset(profiles))


@pytest.mark.parametrize("seconds", [-61, 300, 301])
def test_a_token_has_its_time(seconds: int) -> None:
    with pytest.raises(EvidenceError):
        verify_ear(issue(), keys=KEYS, policy=POLICY, now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-60, 0, 299])
def test_within_its_time_it_holds(seconds: int) -> None:
    verify_ear(issue(), keys=KEYS, policy=POLICY, now=NOW + timedelta(seconds=seconds))


def test_what_cannot_be_meant_is_not_issued() -> None:
    with pytest.raises(ValueError, match="time to live"):
        issue(ttl_seconds=0)
    with pytest.raises(ValueError, match="P-256"):
        issue(key=ec.derive_private_key(7, ec.SECP384R1()))
    with pytest.raises(ValueError, match="submodules"):
        issue_ear(AttestationResult({}), key=KEY, issuer="x", now=NOW, ttl_seconds=1, nonce=NONCE)


def test_unknown_reference_is_left_out() -> None:
    token = issue_ear(
        appraise(claims(), OTHER), key=KEY, issuer="x", now=NOW, ttl_seconds=1, nonce=NONCE
    )
    policy = EarPolicy("x", Unsafe.NOT_CHECKED, Unsafe.NOT_CHECKED)
    found = verify_ear(token, keys=KEYS, policy=policy, now=NOW)
    assert "ear.sealwasm.reference" not in found.submods["snp"].members
    assert not found.simulated


def test_version_of_a_source_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(ear, "version", missing)
    ear._own_version.cache_clear()
    found = verify_ear(issue(), keys=KEYS, policy=POLICY, now=NOW)
    ear._own_version.cache_clear()
    assert found.verifier == "sealwasm sealwasm unknown"


def test_published_key_is_the_verifying_one() -> None:
    jwk = public_jwk(KEY.public_key())
    (loaded,) = load_ear_keys(canonical_json(jwk))
    assert loaded.kid == key_id_of(KEY.public_key()) == jwk["kid"]
    assert verify_ear(issue(), keys=[loaded], policy=POLICY, now=NOW)


def test_reference_values_are_bounded() -> None:
    many = [ReferenceValue("snp", i.to_bytes(48, "big"), "x") for i in range(MAX_REFERENCE_VALUES)]
    assert len(ReferenceValues.of(many).values) == MAX_REFERENCE_VALUES
    with pytest.raises(EvidenceError):
        ReferenceValues.of([*many, ReferenceValue("snp", b"x" * 48, "x")])
    assert KNOWN.digest != OTHER.digest
    assert KNOWN.name_of("snp", bytes(48)) is None
    assert KNOWN.name_of("tdx", MEASUREMENT) is None


@pytest.mark.parametrize(
    ("tee", "values", "expected"),
    [
        (
            "tdx",
            {"tcb-status": "UpToDate"},
            {"hardware": 2, "runtime-opaque": 2, "configuration": 2},
        ),
        ("tdx", {"tcb-status": "SWHardeningNeeded"}, {"hardware": 32}),
        ("tdx", {"sept-ve-disable": False}, {"configuration": 32}),
        ("tdx", {"mrservicetd": "00" * 48}, {"configuration": 2}),
        ("tdx", {"mrservicetd": "00" * 47 + "01"}, {"configuration": 32}),
        ("cca", {"lifecycle": "secured"}, {"configuration": 2, "runtime-opaque": 0}),
        ("cca", {"lifecycle": "debug"}, {"configuration": 96}),
        ("nitro", {"debug": True}, {"configuration": 96, "runtime-opaque": 0}),
        ("tpm", {}, {"hardware": 2, "runtime-opaque": 0}),
    ],
)
def test_what_a_policy_let_pass_is_still_said(tee: str, values: dict, expected: dict) -> None:
    claims = VerifiedClaims(tee, False, bytes(48), bytes(64), values)
    vector = appraise(claims, ReferenceValues.of([])).submods[tee].vector
    assert {name: vector[name] for name in expected} == expected
