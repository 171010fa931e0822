"""A worker that is handed shares: it believes neither the supervisor nor any one broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.collecting import Collected, Collector
from runner.fetching import fetch_ciphertext, fetch_signed
from runner.order import World
from runner.stopwatch import Stopwatch
from runner.worker.messages import Locked, Piece, PieceName, Sealed, Start
from sealing.keys import SigningKey
from tests.fakes.split import SplitStory, make_split_story
from tests.unit.runner.worker.test_main import CALL, Talk, failed

Pieces = list[tuple[PieceName, bytes]]


@dataclass
class Handed:
    """A worker that has said hello, releases to it by two of three brokers, and what goes in."""

    story: SplitStory
    talk: Talk
    collected: Collected
    pieces: Pieces
    requests: list[str]

    def swap(self, name: PieceName) -> None:
        """Exchange the two pieces of that name."""
        first, second = [at for at, piece in enumerate(self.pieces) if piece[0] is name]
        self.pieces[first], self.pieces[second] = self.pieces[second], self.pieces[first]

    def repeat_the_first(self, *names: PieceName) -> None:
        """Put the first piece of each name in the place of the second."""
        for name in names:
            first, second = [at for at, piece in enumerate(self.pieces) if piece[0] is name]
            self.pieces[second] = self.pieces[first]

    def drop_the_last(self, name: PieceName) -> None:
        at = max(at for at, piece in enumerate(self.pieces) if piece[0] is name)
        del self.pieces[at]

    def outcome(self) -> Any:
        for name, data in self.pieces:
            self.talk.say(Piece(name=name), data)
        said = Sealed(requests=tuple(self.requests), owner_threshold=1)
        self.talk.say(Start(sealed=said, mounts=(), required=()))
        return self.talk.hear()


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
        collector = Collector(world, module, key, receipt_key, story.world.clock, Stopwatch())
        collected = collector.collect()
        releases = collected.releases
        pieces: Pieces = [
            (PieceName.MANIFEST, module.manifest),
            (PieceName.CONFIG, module.config),
            (PieceName.BUNDLE, module.bundle),
            (PieceName.OWNER, module.artifact.owner.spki),
            *((PieceName.IDENTITY, one.identity.spki) for one in releases),
            *((PieceName.RELEASE, one.answer) for one in releases),
            (PieceName.LAYER, fetch_ciphertext(story.store, module)),
            (PieceName.CALL, CALL),
            (PieceName.STDIN, b""),
        ]
        requests = [one.asked.binding.digest() for one in releases]
        yield Handed(story, talk, collected, pieces, requests)
        talk.end()


def test_shares_are_combined_and_the_module_runs(handed: Handed) -> None:
    assert isinstance(handed.outcome(), Locked)


def test_the_order_in_which_brokers_answered_does_not_matter(handed: Handed) -> None:
    handed.swap(PieceName.IDENTITY)
    handed.swap(PieceName.RELEASE)
    handed.requests.reverse()
    assert isinstance(handed.outcome(), Locked)


def _one_release_twice(handed: Handed) -> None:
    handed.repeat_the_first(PieceName.IDENTITY, PieceName.RELEASE)
    handed.requests[1] = handed.requests[0]


def _one_release_only(handed: Handed) -> None:
    handed.drop_the_last(PieceName.IDENTITY)
    handed.drop_the_last(PieceName.RELEASE)
    handed.requests.pop()


def _a_third(handed: Handed) -> None:
    last = handed.collected.releases[1]
    handed.pieces += [(PieceName.IDENTITY, last.identity.spki), (PieceName.RELEASE, last.answer)]
    handed.requests.append(handed.requests[1])


MISTRUST: list[Callable[[Handed], object]] = [
    _one_release_twice,
    _one_release_only,
    _a_third,
    lambda handed: handed.swap(PieceName.IDENTITY),
    lambda handed: handed.swap(PieceName.RELEASE),
    lambda handed: handed.requests.reverse(),
    lambda handed: handed.drop_the_last(PieceName.IDENTITY),
    lambda handed: handed.repeat_the_first(PieceName.RELEASE),
]


@pytest.mark.parametrize("change", MISTRUST)
def test_releases_that_are_not_by_as_many_different_brokers(
    handed: Handed, change: Callable[[Handed], object]
) -> None:
    change(handed)
    assert failed(handed.outcome())[0] == "broker-not-genuine"


def test_releases_to_another_worker(handed: Handed) -> None:
    other = Talk(handed.story.world.clock)
    other.hear()
    handed.talk, kept = other, handed.talk
    assert failed(handed.outcome())[0] == "release-key-not-opened"
    other.end()
    handed.talk = kept
