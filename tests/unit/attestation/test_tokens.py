"""Tokens of attestation services beyond their vectors: policies, keys, cases, other clocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from attestation.cases import nitro, tokens
from attestation.cases.case import Case
from attestation.ear import Unsafe
from attestation.errors import EvidenceError, Refusal
from attestation.jws import parse_jws
from attestation.keys import load_keys
from attestation.tokens import GcsPolicy, ItaPolicy, MaaPolicy, NrasPolicy, verify_gcs, verify_nras
from attestation.trace import RecordedTrace
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import NOW
from tests.vectors import nitro_cases
from tests.vectors.tokens_cases import (
    AUDIENCE,
    KEYS,
    NONCE,
    certified_jwk,
    detached,
    ec_jwk,
    jwks,
    rsa_jwk,
    saying,
    token,
)

ANY = Unsafe.NOT_CHECKED


def code_of(call: Callable[..., object], *arguments: Any, **named: Any) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        call(*arguments, **named)
    return caught.value.code


@pytest.mark.parametrize(
    "make",
    [
        lambda: MaaPolicy(issuer="", nonce=ANY),
        lambda: MaaPolicy(issuer=ANY, nonce=""),
        lambda: GcsPolicy(audience="", nonce=ANY),
        lambda: GcsPolicy(audience=ANY, nonce=ANY, hwmodels=frozenset()),
        lambda: ItaPolicy(issuer=ANY, nonce=ANY, tcb_statuses=frozenset()),
        lambda: NrasPolicy(nonce=ANY, hwmodels=frozenset()),
        lambda: NrasPolicy(nonce=ANY, hwmodels=ANY, issuer=""),
    ],
)
def test_nothing_empty_can_be_expected(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="empty"):
        make()


def test_what_is_not_checked_has_to_be_said() -> None:
    text = saying("gcs", eat_nonce=None, iss="https://a.example", aud=None).decode()
    keys = load_keys(KEYS["gcs"])
    policy = GcsPolicy(audience=ANY, nonce=ANY, issuer=ANY)
    claims = verify_gcs(text, keys=keys, policy=policy, now=NOW)
    assert (claims.nonce, claims.issuer) == (None, "https://a.example")


def test_nothing_of_a_token_is_shown_by_accident() -> None:
    policy = GcsPolicy(audience=AUDIENCE, nonce=NONCE)
    claims = verify_gcs(saying("gcs").decode(), keys=load_keys(KEYS["gcs"]), policy=policy, now=NOW)
    assert NONCE not in f"{claims!r}{policy!r}"


def test_a_trace_has_dates_as_people_read_them() -> None:
    trace = RecordedTrace()
    policy = GcsPolicy(audience=AUDIENCE, nonce=NONCE)
    text = saying("gcs", exp="tomorrow").decode()
    keys = load_keys(KEYS["gcs"])
    code = code_of(verify_gcs, text, keys=keys, policy=policy, now=NOW, trace=trace)
    assert code is Refusal.MALFORMED
    shown = {check.step: check.actual for check in trace.checks}
    assert shown["E1"] == f"{NOW.isoformat()}, {NOW.isoformat()}"
    assert shown["E2"] == "tomorrow"


def test_devices_come_with_their_claims() -> None:
    policy = NrasPolicy(nonce=NONCE, hwmodels=ANY)
    claims = verify_nras(detached(), keys=load_keys(KEYS["nras"]), policy=policy, now=NOW)
    assert {name: one["hwmodel"] for name, one in claims.devices.items()} == dict.fromkeys(
        ("GPU-0", "GPU-1"), "GH100 A01 GSP BROM"
    )


def test_a_key_in_a_certificate_is_the_key_with_numbers() -> None:
    certified, numbers = load_keys(jwks(certified_jwk())), load_keys(jwks(rsa_jwk()))
    assert certified[0].fingerprint == numbers[0].fingerprint


def test_numbers_come_before_a_certificate() -> None:
    both = rsa_jwk("stranger", x5c=certified_jwk()["x5c"])
    assert (
        load_keys(jwks(both))[0].fingerprint == load_keys(jwks(rsa_jwk("stranger")))[0].fingerprint
    )


def test_a_header_is_read_before_anything_is_known_of_keys() -> None:
    jws = parse_jws(token("nras", {"iat": 1}), algorithms=("ES384",))
    assert (jws.algorithm, jws.members()) == ("ES384", {"iat": 1})
    assert jws.made_by(load_keys(jwks(ec_jwk()))[0].public)
    assert not jws.made_by(load_keys(jwks(rsa_jwk()))[0].public)


def case_of(kind: str, data: bytes, **options: Any) -> Case:
    return Case({"token": data, "keys": KEYS[kind]}, NOW, **options)


def test_cases_are_verified_with_their_keys() -> None:
    azure = tokens.run_maa(case_of("maa", saying("maa") + b"\n"))
    google = tokens.run_gcs(case_of("gcs", saying("gcs"), audience=AUDIENCE))
    nvidia = tokens.run_nras(case_of("nras", detached()))
    expires = int((NOW + timedelta(hours=1)).timestamp())
    assert {one["exp"] for one in (azure, google, nvidia)} == {expires}


def test_cases_without_keys_or_token_are_refused() -> None:
    assert code_of(tokens.run_maa, Case({"token": saying("maa")}, NOW)) is (
        Refusal.UNKNOWN_SIGNING_KEY
    )
    assert code_of(tokens.run_gcs, Case({"keys": KEYS["gcs"]}, NOW)) is Refusal.MALFORMED
    other = case_of("gcs", saying("gcs"), audience="https://other.example")
    assert code_of(tokens.run_gcs, other) is Refusal.AUDIENCE_MISMATCH


def test_nitro_cases_end_in_the_pinned_root_only() -> None:
    document = {"document": nitro_cases.GOOD}
    assert code_of(nitro.run, Case(document, NOW)) is Refusal.SIMULATED_NOT_TRUSTED
    root = {"root": encode_pem("CERTIFICATE", nitro_cases.ROOT.certificate)}
    assert code_of(nitro.run, Case(document | root, NOW)) is Refusal.UNTRUSTED_CHAIN
    assert code_of(nitro.run, Case({}, NOW)) is Refusal.MALFORMED


def test_a_detached_result_is_bounded() -> None:
    data = json.dumps([["JWT", "A" * (1 << 20)], {"GPU-0": ""}]).encode()
    policy = NrasPolicy(nonce=ANY, hwmodels=ANY)
    assert code_of(verify_nras, data, keys=(), policy=policy, now=NOW) is Refusal.MALFORMED
