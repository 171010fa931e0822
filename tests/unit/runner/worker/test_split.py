"""A worker that is handed shares: it believes neither the supervisor nor any one broker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.asking import make_request
from runner.fetching import fetch_ciphertext, fetch_signed
from runner.order import World
from runner.releasing import Released, known_identity, obtain_release
from runner.worker.messages import (
    Accepted,
    Artifact,
    Locked,
    PieceName,
    Refused,
    Release,
    Start,
    Verified,
)
from sealing.keys import SigningKey
from tests.fakes.split import SplitStory, make_split_story
from tests.unit.runner.worker.test_main import INPUTS, Talk, failed


@dataclass
class Handed:
    """A worker that has verified a split module, and releases to it by all of its brokers."""

    story: SplitStory
    talk: Talk
    releases: list[Released]

    def offer(self, number: int, **changes: Any) -> Any:
        """Hand in one release; `changes` are of the header that comes with it."""
        released = self.releases[number]
        request = released.asked.binding.digest()
        release = Release(identity=released.identity.spki, request=request)
        self.talk.say(release.model_copy(update=changes), released.answer)
        return self.talk.hear()

    def start(self, *numbers: int) -> Any:
        """Name the brokers of these releases, hand in the rest."""
        brokers = tuple(self.releases[number].identity.key_id for number in numbers)
        return self.talk.hand(INPUTS, Start(brokers=brokers, mounts=(), required=()))


@pytest.fixture
def handed(tmp_path: Path) -> Iterator[Handed]:
    with make_split_story(tmp_path) as story:
        story.split()
        talk = Talk(story.world.clock)
        key = talk.hear().key
        order = story.order()
        module = fetch_signed(story.store, order.reference, owners=order.owners)
        brokers = tuple(door.broker() for door in story.doors)
        world = World(story.store, brokers, lambda _: story.world.guest())
        receipt_key = SigningKey.generate("ed25519").public
        releases: list[Released] = []
        for broker in brokers:
            identity = known_identity(broker, module.statement.brokers)
            asked = make_request(world, broker, module, runner_key=key, receipt_key=receipt_key)
            releases.append(obtain_release(broker, asked, module, identity, story.world.clock))
        talk.give(
            {
                PieceName.MANIFEST: module.manifest,
                PieceName.CONFIG: module.config,
                PieceName.BUNDLE: module.bundle,
                PieceName.OWNER: module.artifact.owner.spki,
                PieceName.LAYER: fetch_ciphertext(story.store, module),
            }
        )
        talk.say(Artifact(owner_threshold=1, owners=((module.artifact.owner.key_id,),)))
        assert isinstance(talk.hear(), Verified)
        yield Handed(story, talk, releases)
        talk.end()


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0), (2, 0)])
def test_shares_are_combined_and_the_module_runs(handed: Handed, numbers: tuple[int, int]) -> None:
    for number in numbers:
        assert isinstance(handed.offer(number), Accepted)
    assert isinstance(handed.start(*numbers), Locked)


def test_of_more_shares_those_that_are_named_are_used(handed: Handed) -> None:
    for number in range(3):
        assert isinstance(handed.offer(number), Accepted)
    assert isinstance(handed.start(0, 2), Locked)


@pytest.mark.parametrize(
    ("accepted", "named"),
    [((0, 1), (0,)), ((0, 1, 2), (0, 1, 2)), ((0, 1), (0, 0)), ((0,), (0, 1))],
)
def test_releases_that_are_not_by_as_many_different_brokers(
    handed: Handed, accepted: tuple[int, ...], named: tuple[int, ...]
) -> None:
    for number in accepted:
        handed.offer(number)
    assert failed(handed.start(*named))[0] == "broker-not-genuine"


@pytest.mark.parametrize("member", ["identity", "request"])
def test_a_release_goes_with_its_broker_and_its_request(handed: Handed, member: str) -> None:
    other = handed.releases[1]
    theirs = {"identity": other.identity.spki, "request": other.asked.binding.digest()}
    assert failed(handed.offer(0, **{member: theirs[member]}), Refused)[0] == "broker-not-genuine"


def test_a_release_to_another_worker(handed: Handed) -> None:
    """Genuine, and wrapped to a key that this one does not have."""
    other = Talk(handed.story.world.clock)
    key = other.hear().key
    released = handed.releases[0]
    module = fetch_signed(
        handed.story.store, handed.story.order().reference, owners=handed.story.order().owners
    )
    world = World(handed.story.store, (released.broker,), lambda _: handed.story.world.guest())
    asked = make_request(
        world,
        released.broker,
        module,
        runner_key=key,
        receipt_key=SigningKey.generate("ed25519").public,
    )
    handed.releases[0] = obtain_release(
        released.broker, asked, module, released.identity, handed.story.world.clock
    )
    assert failed(handed.offer(0), Refused)[0] == "release-key-not-opened"
    other.end()
