"""A broker and its share of a split key: what it releases, what it says, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from keybroker.audit.leaf import ReleaseLeaf, parse_leaf
from keybroker.errors import BrokerError
from keybroker.protocol import ReleaseResponse
from sealing import canonical
from sealing.errors import SealRefusal
from sealing.holders.recipients import BrokerRecipient, Recipients
from sealing.holders.shamir import SECRET_BYTES, Share, open_share
from sealing.hpke import OpeningKey
from sealing.keys import SigningKey
from sealing.seal import SealedModule
from tests.fakes.world import World, make_world, release_policy

OF_ANOTHER_SPLIT = Share("00" * 16, 2, bytes(SECRET_BYTES)).to_bytes()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_world(tmp_path_factory.mktemp("world")) as made:
        yield made


def recipients(world: World, *, ours: int = 1) -> Recipients:
    """Our broker at a place among three, two of which it takes."""
    brokers = [
        BrokerRecipient(SigningKey.generate("ed25519").key_id, OpeningKey.generate().public)
        for _ in range(3)
    ]
    key = world.broker.releases.keys.sealing[0].public
    brokers[ours] = BrokerRecipient(world.identity, key)
    return Recipients(tuple(brokers), 2)


def release(world: World, module: SealedModule) -> tuple[dict[str, Any], bytes]:
    """The signed document, and what is wrapped in the answer."""
    runner = world.runner(module)
    answer = world.release(runner.request(world.challenge()))
    found = runner.verify(answer, world)
    envelope = json.loads(ReleaseResponse.parse(answer, limit_bytes=len(answer)).release)
    payload = json.loads(canonical.b64decode(envelope["payload"], what="payload"))
    return payload, runner.key.open(found.wrapped_key, info=found.info)


def refusal(world: World, module: SealedModule) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        world.release(world.runner(module).request(world.challenge()))
    return caught.value


def test_our_share_is_released_and_said_to_be_one(world: World) -> None:
    module = world.seal(recipients=recipients(world))
    said, secret = release(world, module)
    share = Share.parse(secret)
    assert said["share"] == {"index": 2, "of": 3, "set": share.set, "threshold": 2}
    leaf = parse_leaf(canonical.b64decode(said["leaf"], what="leaf"))
    assert isinstance(leaf, ReleaseLeaf)
    row = world.broker.store.decision(leaf.id)
    assert row is not None
    detail = json.loads(row.detail)
    assert detail["share"] == "2 of 3"
    assert detail["facts"]["request.brokers-needed"] == 2


def test_nothing_is_said_of_shares_where_the_key_is_whole(world: World) -> None:
    said, secret = release(world, world.seal())
    assert "share" not in said
    assert secret.startswith(b'{"symkey"')
    row = world.broker.store.decision(said["decision"])
    assert row is not None
    assert json.loads(row.detail)["share"] is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda share: share[:-1], SealRefusal.MALFORMED),
        (lambda share: share[:-1] + bytes([share[-1] ^ 1]), SealRefusal.SHARE_COMMITMENT),
        (lambda _: OF_ANOTHER_SPLIT, SealRefusal.SHARE_SET),
        (lambda _: b'{"symkey":""}', SealRefusal.MALFORMED),
    ],
)
def test_an_envelope_that_holds_something_else(
    world: World, monkeypatch: pytest.MonkeyPatch, change: Any, code: SealRefusal
) -> None:
    """Sealed and signed by an owner who makes mistakes, or wants the broker to look like a liar."""
    honest = Share.to_bytes
    with monkeypatch.context() as patched:
        share = "sealing.holders.recipients.Share"
        patched.setattr(f"{share}.to_bytes", lambda one: change(honest(one)))
        commitment = property(lambda one: canonical.digest_of(honest(one)))
        patched.setattr(f"{share}.commitment", commitment)
        module = world.seal(recipients=recipients(world))
    assert refusal(world, module).code is code


def test_a_policy_may_insist_on_split_keys(world: World) -> None:
    measured = release_policy()["spec"]["any-of"][0]
    insists = {**measured, "request.brokers-needed": {"at-least": 2}}
    world.enrol_policy(release_policy(name="split", **{"any-of": [insists]}))
    split = world.seal(recipients=recipients(world), policy_name="split", name="acme/split")
    assert release(world, split)[0]["share"]["index"] == 2
    whole = world.seal(policy_name="split", name="acme/split", version=2)
    assert refusal(world, whole).code == "denied-environment"


def test_shares_open_by_their_headers(world: World) -> None:
    module = world.seal(recipients=recipients(world, ours=0))
    found = world.broker.releases.modules.verify(module.manifest, [module.bundle])
    header = found.manifest.envelopes[0].share
    assert header is not None
    share = open_share(release(world, module)[1], header)
    assert share.index == 1
