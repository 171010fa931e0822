"""Owners and policies are enrolled by signed documents, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from keybroker.audit.leaf import OwnerEnrolledLeaf, PolicyEnrolledLeaf, parse_leaf
from keybroker.owners import enrolment
from keybroker.owners.enrolment import OWNER_TYPE, POLICY_TYPE, OwnerDocument, PolicyDocument
from keybroker.problems import REFUSED, code_of
from sealing import canonical
from sealing.keys import SigningKey
from sealing.signatures import dsse
from tests.fakes.world import World, capabilities, make_world, release_policy

STRANGER = SigningKey.generate("ed25519")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_world(tmp_path_factory.mktemp("enrolment")) as made:
        yield made


@pytest.fixture
def newcomer() -> SigningKey:
    return SigningKey.generate("p256")


def refusal(call: Callable[[bytes], Any], body: bytes) -> str:
    with pytest.raises(REFUSED) as caught:
        call(body)
    return str(code_of(caught.value))


def leaf_at(world: World, index: int) -> Any:
    leaf = world.broker.store.leaf(index)
    assert leaf is not None
    return parse_leaf(leaf)


def test_owner_is_enrolled_and_logged(world: World, newcomer: SigningKey) -> None:
    document = world.owner_document(newcomer, name="newcomer")
    enrolled = world.broker.enrolment.enrol_owner(document)
    row = world.broker.store.owner(newcomer.key_id)
    assert row is not None
    assert (row.name, row.spki) == ("newcomer", newcomer.public.spki)
    leaf = leaf_at(world, enrolled.leaf_index)
    assert isinstance(leaf, OwnerEnrolledLeaf)
    assert (leaf.id, leaf.owner) == (enrolled.enrolment, newcomer.key_id)
    assert leaf.document == canonical.digest_of(document)


def owner_document(world: World, owner: SigningKey, *signers: SigningKey, **changes: Any) -> bytes:
    """An owner document with these members and signatures, whoever should have signed."""
    members = {
        "v": 1,
        "broker": world.identity,
        "name": "newcomer",
        "key": canonical.b64encode(owner.public.spki),
        "not_after": "2026-11-22T13:00:00Z",
    }
    return dsse.sign(OWNER_TYPE, canonical.encode(members | changes), signers)


@pytest.mark.parametrize(
    ("signers", "code"),
    [
        (lambda world, owner: [world.operator], "seal-signature-missing"),
        (lambda world, owner: [owner], "seal-signature-missing"),
        (lambda world, owner: [STRANGER, owner], "seal-signer-unknown"),
        (lambda world, owner: [world.operator, STRANGER], "seal-signer-unknown"),
        (lambda world, owner: [world.operator, owner, STRANGER], "seal-signer-unknown"),
    ],
    ids=["no-owner", "no-operator", "other-operator", "other-owner", "one-more"],
)
def test_owner_takes_both_signatures(
    world: World, newcomer: SigningKey, signers: Any, code: str
) -> None:
    body = owner_document(world, newcomer, *signers(world, newcomer))
    assert refusal(world.broker.enrolment.enrol_owner, body) == code
    assert world.broker.store.owner(newcomer.key_id) is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"broker": "0" * 64}, "document-for-another-broker"),
        ({"not_after": "2026-11-22T12:00:00Z"}, "document-expired"),
        ({"v": 2}, "message-malformed"),
        ({"v": True}, "message-malformed"),
        ({"name": "Acme"}, "message-malformed"),
        ({"surplus": 1}, "message-malformed"),
        ({"key": "AAAA"}, "seal-key-invalid"),
    ],
)
def test_owner_document_must_be_right(
    world: World, newcomer: SigningKey, changes: dict[str, Any], code: str
) -> None:
    body = owner_document(world, newcomer, world.operator, newcomer, **changes)
    assert refusal(world.broker.enrolment.enrol_owner, body) == code


def test_operator_cannot_be_its_own_proof_of_possession(world: World) -> None:
    """One signature by the operator's key, which is also the owner's: not two people."""
    body = owner_document(world, world.operator, world.operator)
    assert refusal(world.broker.enrolment.enrol_owner, body) == "seal-signature-missing"


def test_owner_is_enrolled_once(world: World) -> None:
    body = world.owner_document(world.owner)
    assert refusal(world.broker.enrolment.enrol_owner, body) == "owner-exists"


def test_owner_document_of_another_type_is_refused(world: World, newcomer: SigningKey) -> None:
    members = OwnerDocument.model_validate(
        {
            "v": 1,
            "broker": world.identity,
            "name": "a",
            "key": newcomer.public.spki,
            "not_after": "2026-11-22T13:00:00Z",
        }
    )
    body = dsse.sign(POLICY_TYPE, members.to_bytes(), [world.operator, newcomer])
    assert refusal(world.broker.enrolment.enrol_owner, body) == "seal-payload-type"


def test_policy_is_enrolled_and_logged(world: World) -> None:
    document = release_policy(name="other")
    body = world.policy_document(document)
    enrolled = world.broker.enrolment.enrol_policy(body)
    row = world.broker.store.policy(world.owner.key_id, "other")
    assert row is not None
    assert (row.version, row.digest, row.envelope) == (1, enrolled.digest, body)
    assert row.digest == canonical.digest_of(canonical.encode(document))
    leaf = leaf_at(world, enrolled.leaf_index)
    assert isinstance(leaf, PolicyEnrolledLeaf)
    assert (leaf.policy.name, leaf.document) == ("other", canonical.digest_of(body))


@pytest.mark.parametrize(("version", "ok"), [(4, False), (5, False), (6, True)])
def test_policy_version_only_rises(world: World, version: int, ok: bool) -> None:
    name = f"rising-{version}"
    world.enrol_policy(release_policy(name=name, version=5))
    body = world.policy_document(release_policy(name=name, version=version))
    if ok:
        assert world.broker.enrolment.enrol_policy(body).version == 6
    else:
        assert refusal(world.broker.enrolment.enrol_policy, body) == "policy-not-newer"


def test_policy_of_a_stranger_is_refused(world: World) -> None:
    body = world.policy_document(release_policy(), owner=STRANGER)
    assert refusal(world.broker.enrolment.enrol_policy, body) == "owner-unknown"


def test_policy_for_somebody_elses_modules_is_refused(world: World, newcomer: SigningKey) -> None:
    world.enrol_owner(newcomer, name="newcomer")
    members = PolicyDocument.model_validate(
        {
            "v": 1,
            "broker": world.identity,
            "owner": world.owner.key_id,
            "document": release_policy(version=9),
            "not_after": "2026-11-22T13:00:00Z",
        }
    )
    body = dsse.sign(POLICY_TYPE, members.to_bytes(), [newcomer])
    assert refusal(world.broker.enrolment.enrol_policy, body) == "seal-signer-unknown"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (capabilities(), "policy-unknown-kind"),
        (release_policy(name="form") | {"surplus": 1}, "policy-unknown-key"),
        ({}, "policy-missing-key"),
        (
            release_policy(name="form", lease=900_000)
            | {"metadata": {"name": "form", "version": 1}},
            "policy-not-canonical",
        ),
    ],
    ids=["capabilities", "surplus", "empty", "not-canonical"],
)
def test_policy_document_must_be_one(world: World, document: dict[str, Any], code: str) -> None:
    if code == "policy-not-canonical":
        document["spec"]["lease"] = "15m"
    body = world.policy_document(document)
    assert refusal(world.broker.enrolment.enrol_policy, body) == code


def test_policy_document_has_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    document = release_policy(name="large")
    size = len(canonical.encode(document))
    for limit, code in ((size - 1, "policy-too-large"), (size, None)):
        monkeypatch.setattr(enrolment, "POLICY_BYTES", limit)
        body = world.policy_document(document)
        if code:
            assert refusal(world.broker.enrolment.enrol_policy, body) == code
        else:
            world.broker.enrolment.enrol_policy(body)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"broker": "0" * 64}, "document-for-another-broker"),
        ({"not_after": timedelta(0)}, "document-expired"),
    ],
)
def test_policy_document_must_be_current(world: World, changes: dict[str, Any], code: str) -> None:
    if "not_after" in changes:
        changes = {"not_after": world.clock.now + changes["not_after"]}
    body = world.policy_document(release_policy(version=7), **changes)
    assert refusal(world.broker.enrolment.enrol_policy, body) == code


@pytest.mark.parametrize("call", ["enrol_owner", "enrol_policy"])
def test_any_flipped_bit_is_refused(world: World, newcomer: SigningKey, call: str) -> None:
    body = {
        "enrol_owner": world.owner_document(newcomer),
        "enrol_policy": world.policy_document(release_policy(name="bits")),
    }[call]
    for position in range(0, len(body), 7):
        changed = bytearray(body)
        changed[position] ^= 1 << position % 8
        refusal(getattr(world.broker.enrolment, call), bytes(changed))


def test_folder_of_a_broker_is_read_back(tmp_path: Path) -> None:
    with make_world(tmp_path) as world:
        identity = world.identity
    from keybroker.edge.serve import open_broker

    with open_broker(tmp_path / "broker") as broker:
        assert broker.releases.keys.identity.key_id == identity
        assert broker.store.owner(world.owner.key_id) is not None
