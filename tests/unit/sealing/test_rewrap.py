"""Sealing a key anew: what may be opened, by whom, and that nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.holders.coco import CocoKey
from sealing.holders.outside import OutsideRecipients
from sealing.holders.recipients import BrokerRecipient, Recipients
from sealing.hpke import OpeningKey
from sealing.rewrap import Rewrapping, open_own, rewrap, terms_of
from sealing.seal import SealedModule, Terms, seal
from sealing.shapes import SHAPES, WASM, Shape
from sealing.unseal import VerifiedArtifact, unseal_to_memory, verify_artifact
from tests.unit.sealing import makers
from tests.unit.sealing.wasm_maker import FULL, SMALL
from tests.vectors.generate_coco import KEK, KID
from tests.vectors.jwe_world import HOLDERS

BROKER = BrokerRecipient(makers.IDENTITY.key_id, makers.BROKER.public)
NEW_BROKER = BrokerRecipient(makers.STRANGER.key_id, makers.OTHER_BROKER.public)
RECOVERY = OpeningKey.generate()
JWE = OutsideRecipients(jwe=(HOLDERS["p256"].public, HOLDERS["rsa"].public))


def sealed(module: bytes = FULL, shape: Shape = WASM, **more: Any) -> SealedModule:
    return seal(
        module,
        name="acme/scoring",
        version=7,
        policy_name="acme/prod",
        capabilities=makers.CAPABILITIES,
        recipients=Recipients((BROKER,), **more),
        owner=makers.OWNER,
        now=makers.NOW,
        shape=shape,
    )


def verified(one: SealedModule) -> VerifiedArtifact:
    return verify_artifact(one.manifest, one.config, [one.bundle], owners=[makers.OWNER.public])


def again(one: SealedModule, key: Any, recipients: Recipients, **terms: Any) -> SealedModule:
    artifact = verified(one)
    old = Rewrapping(artifact, one.config, one.layer, open_own(artifact, key))
    said = terms_of(artifact, **({"version": None, "policy": None} | terms))
    return rewrap(old, said, recipients, owner=makers.OWNER, now=makers.NOW)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
@pytest.mark.parametrize("key", [RECOVERY, HOLDERS["p256"], HOLDERS["rsa"]])
def test_for_another_broker(shape: Shape, key: Any) -> None:
    first = sealed(shape=shape, recovery=(RECOVERY.public,), outside=JWE)
    second = again(first, key, Recipients((NEW_BROKER,), recovery=(RECOVERY.public,)))
    assert (second.config, second.layer) == (first.config, first.layer)
    artifact = verified(second)
    assert artifact.manifest.brokers == (NEW_BROKER.identity,)
    assert artifact.manifest.recipients == ("broker", "recovery")
    before, after = (open_own(verified(one), RECOVERY) for one in (first, second))
    assert before == after
    opened = unseal_to_memory(artifact, b"".join(second.layer.chunks()), after)
    with opened.memory:
        assert opened.module == FULL


def test_for_shares_of_a_key() -> None:
    split = Recipients((BROKER, NEW_BROKER), threshold=2)
    second = again(sealed(recovery=(RECOVERY.public,)), RECOVERY, split)
    assert verified(second).manifest.threshold == 2


def test_terms_stay_unless_others_are_given() -> None:
    first = sealed(recovery=(RECOVERY.public,))
    kept = again(first, RECOVERY, Recipients((BROKER,))).statement
    assert (kept.module, kept.version, kept.policy) == ("acme/scoring", 7, "acme/prod")
    other = again(first, RECOVERY, Recipients((BROKER,)), version=8, policy="acme/dr").statement
    assert (other.version, other.policy) == (8, "acme/dr")


@pytest.mark.parametrize("given", [{"version": 0}, {"policy": ""}])
def test_terms_that_are_given_are_not_passed_over(given: dict[str, Any]) -> None:
    first = sealed(recovery=(RECOVERY.public,))
    with pytest.raises(SealError) as caught:
        again(first, RECOVERY, Recipients((BROKER,)), **given)
    assert caught.value.code is SealRefusal.MALFORMED


@pytest.mark.parametrize(
    "key", [OpeningKey.generate(), makers.BROKER, HOLDERS["stranger"], HOLDERS["p384"]]
)
def test_not_with_another_key(key: Any) -> None:
    artifact = verified(sealed(recovery=(RECOVERY.public,), outside=JWE))
    with pytest.raises(SealError) as caught:
        open_own(artifact, key)
    assert caught.value.code is SealRefusal.ENVELOPE_NOT_OPENED


def test_not_where_there_is_no_such_holder() -> None:
    artifact = verified(sealed())
    for key, code in (
        (RECOVERY, SealRefusal.ENVELOPE_NOT_OPENED),
        (HOLDERS["p256"], SealRefusal.ENVELOPE_COUNT),
    ):
        with pytest.raises(SealError) as caught:
            open_own(artifact, key)
        assert caught.value.code is code


def test_a_key_for_another_plaintext_is_refused() -> None:
    artifact = verified(sealed(outside=JWE))
    other = verified(sealed(SMALL))
    moved = VerifiedArtifact(
        artifact.manifest, other.config, other.statement, other.owner, b"", (other.owner,), (b"",)
    )
    with pytest.raises(SealError) as caught:
        open_own(moved, HOLDERS["p256"])
    assert caught.value.code is SealRefusal.PLAINTEXT_MISMATCH


@pytest.mark.parametrize(
    "wrong", [("Not a name", 1, "p"), ("a/b", 0, "p"), ("a/b", 1, "Not a name")]
)
def test_terms_that_no_reader_takes(wrong: tuple[str, int, str]) -> None:
    with pytest.raises(SealError):
        Terms(*wrong, makers.CAPABILITIES)


def test_holders_past_the_brokers_do_not_go_with_a_split() -> None:
    with pytest.raises(SealError) as caught:
        Recipients((BROKER, NEW_BROKER), threshold=2, outside=JWE)
    assert caught.value.code is SealRefusal.SHARE_SET


def test_secrets_are_in_no_repr() -> None:
    artifact = verified(sealed(recovery=(RECOVERY.public,)))
    options = open_own(artifact, RECOVERY)
    old = Rewrapping(artifact, b"", sealed().layer, options)
    shown = repr((CocoKey.of(KID, KEK), HOLDERS["p256"], HOLDERS["rsa"], old, RECOVERY))
    for secret in (KEK, options.symkey, options.nonce, RECOVERY.to_bytes()):
        assert secret.hex() not in shown
        assert makers.b64(secret) not in shown
        assert repr(secret)[2:-1] not in shown
