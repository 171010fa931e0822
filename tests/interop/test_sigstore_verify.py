"""sigstore's JavaScript verifier accepts our bundles by both kinds of key, and no other bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealing.keys import SigningKey
from sealing.signatures.bundle import sign_bundle
from sealing.signatures.sigstore import CYCLONEDX, statement_bytes
from tests.interop.sigstore_tools import SigstoreVerifier
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import sealed

pytestmark = pytest.mark.interop


@pytest.fixture
def verifier(tmp_path: Path) -> SigstoreVerifier:
    return SigstoreVerifier(tmp_path)


def test_published_bundle_verifies(verifier: SigstoreVerifier) -> None:
    answer = verifier.verify(sealed().bundle, makers.OWNER.public.to_pem())
    assert answer == {
        "verified": True,
        "hints": [makers.b64(bytes.fromhex(makers.OWNER.key_id))],
        "predicateType": "urn:sealwasm:sealed-module:v1",
    }


@pytest.mark.parametrize("key", [makers.OWNER, makers.OWNER_ED25519], ids=lambda key: key.kind)
def test_every_kind_of_key_verifies_and_a_changed_bundle_does_not(
    verifier: SigstoreVerifier, key: SigningKey
) -> None:
    statement = statement_bytes(sealed().manifest_digest, CYCLONEDX, {"bomFormat": "CycloneDX"})
    bundle = sign_bundle(statement, key)
    assert verifier.verify(bundle, key.public.to_pem())["verified"] is True
    document = json.loads(bundle)
    payload = makers.unb64(document["dsseEnvelope"]["payload"])
    document["dsseEnvelope"]["payload"] = makers.b64(makers.flipped(payload, 0))
    tampered = json.dumps(document).encode()
    refused = {"verified": False, "code": "SIGNATURE_ERROR"}
    assert verifier.verify(tampered, key.public.to_pem()) == refused
    assert verifier.verify(bundle, makers.STRANGER.public.to_pem()) == refused
