"""A story with several brokers, run by different people, that know the same owner and silicon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.order import Report
from runner.receipt import read_receipt
from sealing.holders.recipients import BrokerRecipient, Recipients
from sealing.oci.layout import OciLayout
from sealing.seal import SealedModule
from tests.fakes.story import CANARY, HELLO, Door, Story
from tests.fakes.world import World, make_world


@dataclass
class SplitStory(Story):
    """One module whose key is split over `worlds`, and a node that can reach all of them."""

    worlds: tuple[World, ...] = ()

    @property
    def doors(self) -> tuple[Door, ...]:
        return (self.door, *self.further_doors)

    def recipients(self, threshold: int = 2, **more: Any) -> Recipients:
        brokers = tuple(
            BrokerRecipient(world.identity, world.broker.releases.keys.sealing[0].public)
            for world in self.worlds
        )
        return Recipients(brokers, threshold, **more)

    def split(self, threshold: int = 2, module: bytes = HELLO, **changes: Any) -> SealedModule:
        return self.publish(module, recipients=self.recipients(threshold), **changes)

    def down(self, *numbers: int) -> None:
        for number in numbers:
            self.doors[number].everything_is_broken = True

    def greeted(self) -> bool:
        return bytes(self.stdout) == f"{CANARY}\n".encode()

    def used(self, report: Report) -> list[int]:
        """Whose releases the receipt tells of, by number of the broker, from the brokers' logs."""
        told = read_receipt(report.receipt or b"").releases()
        assert report.decisions == tuple(release.decision for release in told)
        return [
            number
            for release in told
            for number, world in enumerate(self.worlds)
            if world.broker.store.decision(release.decision)
        ]

    def passed_over(self, report: Report) -> list[tuple[int, str]]:
        """Brokers that were passed over, by number, with the reason that people are shown."""
        identities = [world.identity for world in self.worlds]
        return [(identities.index(one.identity), one.reason) for one in report.passed_over]

    def use(self, doors: Sequence[Door]) -> None:
        """Ask these, in this order."""
        self.door, self.further_doors = doors[0], tuple(doors[1:])


@contextmanager
def make_split_story(
    folder: Path, *, guardrails: Sequence[Sequence[str]] = ((), (), ())
) -> Iterator[SplitStory]:
    """A broker for each of `guardrails`, which are its own."""
    with ExitStack() as stack:
        worlds: list[World] = []
        for number, rails in enumerate(guardrails):
            beside = worlds[0] if worlds else None
            made = make_world(folder / f"world-{number}", guardrails=rails, beside=beside)
            worlds.append(stack.enter_context(made))
        first, *further = [
            Door(world, f"https://broker-{number}.example") for number, world in enumerate(worlds)
        ]
        store = OciLayout.create(folder / "registry")
        yield SplitStory(
            worlds[0], first, store, folder / "registry", tuple(further), worlds=tuple(worlds)
        )
