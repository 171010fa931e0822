"""An owner may say more about an artifact than its statement: none of it is the statement."""

from __future__ import annotations

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.keys import SigningKey
from sealing.signatures.bundle import sign_bundle
from sealing.signatures.counting import require_signatures
from sealing.signatures.sigstore import PROVENANCE, statement_bytes
from tests.unit.sealing.makers import OWNER, OWNER_ED25519

DIGEST = "sha256:" + "ab" * 32
STATEMENT = sign_bundle(statement_bytes(DIGEST, "urn:sealwasm:sealed-module:v1", {}), OWNER)
PROVENANCE_OF_IT = sign_bundle(statement_bytes(DIGEST, PROVENANCE, {}), OWNER)
NO_OBJECT = sign_bundle(b"[]", OWNER)


def test_attestations_beside_the_statement_are_passed_over() -> None:
    bundles = [PROVENANCE_OF_IT, STATEMENT, NO_OBJECT]
    found = require_signatures(bundles, [OWNER.public], manifest=DIGEST, threshold=1)
    assert found.by_key == {OWNER.key_id: STATEMENT}


def test_attestations_alone_are_no_signature() -> None:
    keys = [OWNER.public, OWNER_ED25519.public]
    for bundle in (PROVENANCE_OF_IT, NO_OBJECT):
        with pytest.raises(SealError) as caught:
            require_signatures([bundle], keys, manifest=DIGEST, threshold=1)
        assert caught.value.code == SealRefusal.STATEMENT_TYPE


def test_attestations_do_not_count_towards_a_threshold() -> None:
    co_signed = sign_bundle(statement_bytes(DIGEST, PROVENANCE, {}), OWNER_ED25519)
    keys = [OWNER.public, OWNER_ED25519.public]
    with pytest.raises(SealError) as caught:
        require_signatures([STATEMENT, co_signed], keys, manifest=DIGEST, threshold=2)
    assert caught.value.code == SealRefusal.SIGNATURE_MISSING


def test_statements_about_other_artifacts_do_not_count_towards_a_threshold() -> None:
    other = statement_bytes("sha256:" + "cd" * 32, "urn:sealwasm:sealed-module:v1", {})
    keys = [OWNER.public, OWNER_ED25519.public]
    with pytest.raises(SealError) as caught:
        require_signatures(
            [STATEMENT, sign_bundle(other, OWNER_ED25519)], keys, manifest=DIGEST, threshold=2
        )
    assert caught.value.code == SealRefusal.SIGNATURE_MISSING


@pytest.mark.parametrize("again", [OWNER, OWNER_ED25519], ids=["same key", "another key"])
def test_two_statements_about_one_artifact_are_refused(again: SigningKey) -> None:
    other = statement_bytes(DIGEST, "urn:sealwasm:sealed-module:v1", {"another": "statement"})
    keys = [OWNER.public, OWNER_ED25519.public]
    with pytest.raises(SealError) as caught:
        require_signatures(
            [STATEMENT, sign_bundle(other, again)], keys, manifest=DIGEST, threshold=1
        )
    assert caught.value.code == SealRefusal.SIGNATURE_REPEATED
