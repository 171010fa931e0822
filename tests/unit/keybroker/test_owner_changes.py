"""A new key in the place of the old, and what is taken back: by whom, and what it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from keybroker.audit.leaf import OwnerRotatedLeaf, RevocationLeaf, parse_leaf
from keybroker.owners.owner_changes import RevokedKey, RevokedManifest, RevokedModule
from keybroker.problems import REFUSED, code_of
from sealing import canonical
from sealing.keys import SigningKey
from tests.fakes.world import World, make_world

STRANGER = SigningKey.generate("ed25519")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        yield made


def refusal(call: Callable[[bytes], Any], body: bytes) -> str:
    with pytest.raises(REFUSED) as caught:
        call(body)
    return str(code_of(caught.value))


def ask(world: World, **changes: Any) -> bytes:
    """A request of a good runner for a module of ours."""
    runner = world.runner(world.seal(**changes))
    return runner.request(world.challenge())


def test_a_module_of_the_new_key_is_released_under_the_old_policy(world: World) -> None:
    new = SigningKey.generate("p256")
    assert refusal(world.release, ask(world, owner=new)) == "owner-unknown"
    document = world.rotation_document(new)
    rotated = world.broker.owner_changes.rotate(document)
    world.release(ask(world, owner=new))
    leaf = parse_leaf(world.broker.store.leaf(rotated.leaf_index) or b"")
    assert isinstance(leaf, OwnerRotatedLeaf)
    assert (leaf.owner, leaf.previous) == (new.key_id, world.owner.key_id)
    assert leaf.document == canonical.digest_of(document)


def test_whoever_has_the_old_key_only_makes_nobody_an_owner(world: World) -> None:
    new = SigningKey.generate("p256")
    rotate = world.broker.owner_changes.rotate
    assert refusal(rotate, world.rotation_document(new, owner=STRANGER)) == "owner-unknown"
    world.broker.owner_changes.revoke(world.revocation_document(RevokedKey(key=True)))
    assert refusal(rotate, world.rotation_document(new)) == "owner-revoked"


def test_a_late_rotation_is_refused(world: World) -> None:
    document = world.rotation_document(SigningKey.generate("p256"))
    world.clock.advance(hours=1)
    assert refusal(world.broker.owner_changes.rotate, document) == "document-expired"


def test_the_old_key_is_no_way_back_to_an_old_module(world: World) -> None:
    """Attack: the registry serves version 1, which the old key signed, after a flaw was mended."""
    new = SigningKey.generate("p256")
    old = ask(world, version=1)
    world.broker.owner_changes.rotate(world.rotation_document(new))
    world.release(ask(world, owner=new, version=2))
    assert refusal(world.release, old) == "version-rolled-back"
    world.release(ask(world, version=2))


@pytest.mark.parametrize("by", ["owner", "operator"])
def test_a_revoked_artifact_is_released_to_nobody(world: World, by: str) -> None:
    sealed = world.seal()
    body = world.runner(sealed).request(world.challenge())
    document = world.revocation_document(
        RevokedManifest(manifest=sealed.manifest_digest), signer=getattr(world, by)
    )
    recorded = world.broker.owner_changes.revoke(document)
    assert refusal(world.release, body) == "module-revoked"
    world.release(ask(world))
    leaf = parse_leaf(world.broker.store.leaf(recorded.leaf_index) or b"")
    assert isinstance(leaf, RevocationLeaf)
    assert (leaf.revokes, leaf.subject, leaf.through) == ("manifest", sealed.manifest_digest, None)
    assert leaf.reason == "leaks its input"


def test_the_new_key_revokes_an_artifact_of_the_old_one(world: World) -> None:
    new = SigningKey.generate("p256")
    sealed = world.seal()
    body = world.runner(sealed).request(world.challenge())
    world.broker.owner_changes.rotate(world.rotation_document(new))
    manifest = RevokedManifest(manifest=sealed.manifest_digest)
    document = world.revocation_document(manifest, signer=new, owner=new.key_id)
    world.broker.owner_changes.revoke(document)
    assert refusal(world.release, body) == "module-revoked"


def test_versions_up_to_one_are_revoked(world: World) -> None:
    revoke = world.broker.owner_changes.revoke
    revoke(world.revocation_document(RevokedModule(module="acme/solver", through=7)))
    assert refusal(world.release, ask(world, version=7)) == "module-revoked"
    world.release(ask(world, version=8))


def test_nothing_of_a_revoked_key_counts(world: World) -> None:
    before = ask(world)
    answer = world.release(before)
    world.broker.owner_changes.revoke(world.revocation_document(RevokedKey(key=True)))
    assert refusal(world.release, ask(world)) == "owner-revoked"
    policy = world.policy_document({"kind": "ReleasePolicy"})
    assert refusal(world.broker.enrolment.enrol_policy, policy) == "owner-revoked"
    assert refusal(world.broker.evaluations.evaluate, world.evaluation()) == "owner-revoked"
    # What was answered is answered the same way again: the lease says until when it counts.
    assert world.release(before) == answer


def test_a_stranger_revokes_nothing(world: World) -> None:
    revoke = world.broker.owner_changes.revoke
    everything = RevokedKey(key=True)
    assert refusal(revoke, world.revocation_document(everything, signer=STRANGER)) == (
        "seal-signer-unknown"
    )
    document = world.revocation_document(everything, owner="f" * 64)
    assert refusal(revoke, document) == "owner-unknown"
    world.clock.advance(minutes=1)
    late = world.revocation_document(everything)
    world.clock.advance(hours=1)
    assert refusal(revoke, late) == "document-expired"
    world.release(ask(world))
