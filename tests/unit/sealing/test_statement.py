from __future__ import annotations

import json
from dataclasses import replace

import pytest
import rfc8785

from sealing import limits, names
from sealing.errors import SealError, SealRefusal
from sealing.signatures.bundle import UnverifiedBundle, sign_bundle
from sealing.signatures.statement import (
    SealedModuleStatement,
    sign_statement,
    unverified_key_hint,
    unverified_statement,
    verify_bundle,
)
from tests.unit.sealing import makers
from tests.unit.sealing.test_seal_unseal import seal_one

SEALED = seal_one()
MISMATCH = SealRefusal.STATEMENT_MISMATCH


def refusal_of(call, *args, **kwargs) -> SealRefusal:
    with pytest.raises(SealError) as caught:
        call(*args, **kwargs)
    return caught.value.code


def test_a_bundle_has_the_members_that_cosign_reads() -> None:
    bundle = json.loads(SEALED.bundle)
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert list(bundle["verificationMaterial"]) == ["publicKey"]
    assert bundle["dsseEnvelope"]["payloadType"] == "application/vnd.in-toto+json"
    hint = makers.unb64(bundle["verificationMaterial"]["publicKey"]["hint"]).hex()
    assert hint == makers.OWNER.key_id == unverified_key_hint(SEALED.bundle)


def test_verified_statements_are_those_that_were_signed() -> None:
    keys = [makers.STRANGER.public, makers.OWNER.public]
    found = verify_bundle(SEALED.bundle, manifest_digest=SEALED.manifest_digest, keys=keys)
    assert found == SEALED.statement
    assert SealedModuleStatement.parse(found.to_bytes()) == found


def test_unverified_statements_are_only_read() -> None:
    assert unverified_statement(SEALED.bundle) == SEALED.statement


def test_signer_and_manifest_are_the_expected_ones() -> None:
    arguments = {"manifest_digest": SEALED.manifest_digest, "keys": [makers.STRANGER.public]}
    assert refusal_of(verify_bundle, SEALED.bundle, **arguments) == SealRefusal.SIGNER_UNKNOWN
    other = {"manifest_digest": "sha256:" + "0" * 64, "keys": [makers.OWNER.public]}
    assert refusal_of(verify_bundle, SEALED.bundle, **other) == MISMATCH
    bundle = UnverifiedBundle.parse(SEALED.bundle)
    assert refusal_of(bundle.verify, makers.STRANGER.public) == SealRefusal.SIGNER_UNKNOWN


def test_only_the_owner_signs() -> None:
    assert refusal_of(sign_statement, SEALED.statement, makers.STRANGER) == MISMATCH


def test_statements_are_bounded() -> None:
    large = {"x": "y" * limits.STATEMENT_BYTES}
    statement = replace(SEALED.statement, capabilities=large)
    assert refusal_of(statement.to_bytes) == SealRefusal.TOO_LARGE


@pytest.mark.parametrize("spare", [-3, 0])
def test_bundles_that_are_written_are_read(spare: int) -> None:
    frame = len(sign_bundle(b"", makers.OWNER_ED25519))
    room = (limits.BUNDLE_BYTES - frame) // 4 * 3
    payload = b"x" * (room + spare)
    assert UnverifiedBundle.parse(
        sign_bundle(payload, makers.OWNER_ED25519)
    ).unverified_payload == (payload)
    larger = b"x" * (room + 1)
    assert len(larger) < limits.STATEMENT_BYTES
    assert refusal_of(sign_bundle, larger, makers.OWNER_ED25519) == SealRefusal.TOO_LARGE


@pytest.mark.parametrize("document", [[], None, "x"])
def test_capabilities_are_an_object(document) -> None:
    value = json.loads(SEALED.statement.to_bytes())
    value["predicate"]["capabilities"]["document"] = document
    data = rfc8785.dumps(value)
    assert refusal_of(SealedModuleStatement.parse, data) == SealRefusal.MALFORMED


@pytest.mark.parametrize("count", [0, limits.ENVELOPES, limits.ENVELOPES + 1])
def test_envelope_digests_are_bounded(count: int) -> None:
    value = json.loads(SEALED.statement.to_bytes())
    value["predicate"]["envelopes"] = ["sha256:" + "0" * 64] * count
    data = rfc8785.dumps(value)
    if count == limits.ENVELOPES:
        assert len(SealedModuleStatement.parse(data).envelopes) == count
    else:
        code = refusal_of(SealedModuleStatement.parse, data)
        assert code == SealRefusal.ENVELOPE_COUNT


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-22T10:00:00",
        "2026-11-22T10:00:00+00:00",
        "2026-11-22t10:00:00Z",
        "2026-11-22T10:00:00Z\n",
        "2026-02-30T10:00:00Z",
        "2026-11-22T24:00:00Z",
        "0000-01-01T00:00:00Z",
        "٢٠٢٦-11-22T10:00:00Z",
        20261122,
    ],
)
def test_times_have_one_form(written) -> None:
    assert refusal_of(names.parse_time, written, "created") == SealRefusal.MALFORMED


def test_times_round_trip() -> None:
    assert names.format_time(makers.NOW) == "2026-11-22T10:00:00Z"
    assert names.parse_time("2026-11-22T10:00:00Z", "created") == makers.NOW
    assert names.format_time(makers.NOW.replace(year=1, microsecond=5)) == "0001-11-22T10:00:00Z"


@pytest.mark.parametrize("name", ["a", "acme/scoring", "a-b.c_d/0", "9"])
def test_names(name: str) -> None:
    assert names.parse_name(name, "name") == name


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", ".a", "a.", "a..b", "-a", "A", "a b", "a\n", "ä", None]
)
def test_names_that_are_none(name) -> None:
    assert refusal_of(names.parse_name, name, "name") == SealRefusal.MALFORMED
