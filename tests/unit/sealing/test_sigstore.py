"""Bundles of other tools: what cosign writes is read, everything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.signatures.bundle import sign_bundle
from sealing.signatures.sigstore import (
    COSIGN_SIGN,
    PROVENANCE,
    Attestation,
    ForeignBundle,
    statement_bytes,
    verify_attestation,
)
from tests.unit.sealing import makers

DIGEST = "sha256:" + "ab" * 32
HEX = "ab" * 32


def statement(**changes: Any) -> bytes:
    """Return what `cosign sign` signs, with members replaced."""
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": HEX}, "annotations": {}}],
        "predicateType": COSIGN_SIGN,
        "predicate": {},
    }
    return json.dumps(document | changes).encode()


def bundle(payload: bytes, change: Callable[[dict[str, Any]], object] = lambda _: None) -> bytes:
    """Return a bundle as another tool writes it: spaces, another order, then `change`."""
    document = json.loads(sign_bundle(payload, makers.OWNER))
    change(document)
    return json.dumps(dict(reversed(document.items())), indent=1).encode()


def verify(data: bytes) -> Attestation:
    return verify_attestation(data, manifest_digest=DIGEST, keys=[makers.OWNER.public])


def material(document: dict[str, Any]) -> dict[str, Any]:
    return document["verificationMaterial"]


def envelope(document: dict[str, Any]) -> dict[str, Any]:
    return document["dsseEnvelope"]


def first(document: dict[str, Any]) -> dict[str, Any]:
    return envelope(document)["signatures"][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda d: material(d).update(tlogEntries=[]),
        lambda d: material(d).update(tlogEntries=[{"logIndex": "1"}]),
        lambda d: material(d).update(timestampVerificationData={}),
        lambda d: first(d).update(keyid=""),
    ],
)
def test_members_that_tools_write_are_accepted(change: Callable[[dict[str, Any]], object]) -> None:
    found = verify(bundle(statement(), change))
    assert (found.signer, found.predicate_type) == (makers.OWNER.public, COSIGN_SIGN)
    assert found.predicate == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"subject": [{"name": "registry.example/a", "digest": {"sha256": HEX, "sha512": "00"}}]},
        {"subject": [{"digest": {"sha256": "00" * 32}}, {"digest": {"sha256": HEX}}]},
        {"predicateType": PROVENANCE, "predicate": {"buildDefinition": {}}},
    ],
)
def test_statements_that_tools_write_are_accepted(changes: dict[str, Any]) -> None:
    assert verify(bundle(statement(**changes))).signer == makers.OWNER.public


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "media type": (lambda d: d.update(mediaType="x"), "media-type"),
    "unknown member": (lambda d: d.update(x=1), "unknown-member"),
    "message signature": (lambda d: d.update(messageSignature={}), "unknown-member"),
    "no envelope": (lambda d: d.pop("dsseEnvelope"), "malformed"),
    "certificate": (lambda d: material(d).update(certificate={}), "unknown-member"),
    "no key": (lambda d: material(d).pop("publicKey"), "malformed"),
    "material is a list": (lambda d: d.update(verificationMaterial=[]), "malformed"),
    "log is no list": (lambda d: material(d).update(tlogEntries={}), "malformed"),
    "short hint": (lambda d: material(d).update(publicKey={"hint": "AAAA"}), "malformed"),
    "hint of a stranger": (
        lambda d: material(d).update(
            publicKey={"hint": makers.b64(bytes.fromhex(makers.STRANGER.key_id))}
        ),
        "signer-unknown",
    ),
    "payload type": (lambda d: envelope(d).update(payloadType="x"), "payload-type"),
    "no signature": (lambda d: envelope(d).update(signatures=[]), "signature-missing"),
    "two signatures": (
        lambda d: envelope(d).update(signatures=envelope(d)["signatures"] * 2),
        "signature-repeated",
    ),
    "signature without sig": (lambda d: first(d).pop("sig"), "malformed"),
    "keyid is a number": (lambda d: first(d).update(keyid=1), "malformed"),
    "another payload": (lambda d: envelope(d).update(payload="e30="), "signature-invalid"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bundle_is_refused(name: str) -> None:
    change, code = REFUSED[name]
    with pytest.raises(SealError) as caught:
        verify(bundle(statement(), change))
    assert caught.value.code == f"seal-{code}"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"_type": "https://in-toto.io/Statement/v2"}, "statement-type"),
        ({"predicateType": ""}, "malformed"),
        ({"predicateType": "x" * 1025}, "malformed"),
        ({"predicateType": 1}, "malformed"),
        ({"predicate": []}, "malformed"),
        ({"predicate": {"score": 7.5}}, "malformed"),
        ({"subject": []}, "malformed"),
        ({"subject": [{"digest": {"sha256": HEX}}] * 65}, "malformed"),
        ({"subject": [{"name": "x"}]}, "malformed"),
        ({"subject": [{"digest": {"sha512": HEX}}]}, "malformed"),
        ({"subject": [{"digest": {"sha256": "AB" * 32}}]}, "malformed"),
        ({"subject": [{"digest": {"sha256": HEX}, "x": 1}]}, "unknown-member"),
        ({"subject": [{"digest": {"sha256": "00" * 32}}]}, "statement-mismatch"),
        ({"x": 1}, "unknown-member"),
    ],
)
def test_statement_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(SealError) as caught:
        verify(bundle(statement(**changes)))
    assert caught.value.code == f"seal-{code}"


def test_a_repeated_member_is_refused() -> None:
    data = bundle(statement()).replace(b'"mediaType"', b'"mediaType":"x","mediaType"')
    with pytest.raises(SealError) as caught:
        verify(data)
    assert caught.value.code == SealRefusal.DUPLICATE_MEMBER


def test_a_statement_of_ours_is_what_was_asked_for() -> None:
    data = statement_bytes(DIGEST, PROVENANCE, {"buildDefinition": {}})
    assert ForeignBundle.parse(sign_bundle(data, makers.OWNER)).unverified_predicate_type == (
        PROVENANCE
    )
    found = verify(sign_bundle(data, makers.OWNER))
    assert found.predicate == {"buildDefinition": {}}
    for predicate_type, predicate in (("", {}), (PROVENANCE, [])):
        with pytest.raises(SealError):
            statement_bytes(DIGEST, predicate_type, predicate)
