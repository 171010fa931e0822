"""For which brokers a module is sealed: options, contexts, and what does not fit together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keybroker import protocol
from sealing.hpke import HYBRID, X25519
from sealwasm.failure import CliError
from sealwasm.owner import chosen_brokers
from sealwasm.owner.chosen_brokers import BrokerAt, ChosenBrokers
from tests.fakes.desk import Desk
from tests.fakes.world import World, make_world

URLS = ("http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3")


@dataclass
class Brokers:
    """Three brokers that answer at three addresses."""

    worlds: dict[str, World]

    def identity(self, number: int) -> str:
        return self.worlds[URLS[number]].identity

    def describe(self, url: str, identity: str | None) -> protocol.Descriptor:
        # Whoever asks the usual address, as a desk does that is set up, meets the first one.
        data = self.worlds.get(url, self.worlds[URLS[0]]).broker.descriptor
        known = identity or protocol.unverified_identity(data)
        return protocol.verify_descriptor(data, identity=known)


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    folder = tmp_path_factory.mktemp("brokers")
    with ExitStack() as stack:
        worlds: dict[str, World] = {}
        for number, url in enumerate(URLS):
            beside = next(iter(worlds.values()), None)
            made = make_world(folder / str(number), beside=beside)
            worlds[url] = stack.enter_context(made)
        yield Brokers(worlds)


@pytest.fixture(autouse=True)
def _answer(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("broker_api", "owner.pinning"):
        monkeypatch.setattr(f"sealwasm.{module}.fetch_descriptor", brokers.describe)


def test_each_broker_is_asked_for_its_own_key(brokers: Brokers) -> None:
    found = ChosenBrokers.of(URLS, [], 2).recipients(X25519)
    assert found.threshold == 2
    assert [one.identity for one in found.brokers] == [brokers.identity(n) for n in range(3)]
    keys = {one.key.key_id for one in found.brokers}
    assert len(keys) == 3
    assert {one.key.suite for one in found.brokers} == {X25519}


def test_pinned_says_who_answered(brokers: Brokers) -> None:
    found = ChosenBrokers.of(URLS[:2], [brokers.identity(0), ""], 2).pinned()
    assert found.identities == (brokers.identity(0), brokers.identity(1))
    assert found.brokers[1] == BrokerAt(URLS[1], brokers.identity(1))


def test_another_broker_than_was_pinned(brokers: Brokers) -> None:
    chosen = ChosenBrokers.of(URLS[:1], [brokers.identity(1)], 1)
    with pytest.raises(protocol.ProtocolError):
        chosen.recipients(HYBRID)


def test_there_is_no_weaker_key(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = brokers.describe(URLS[0], None)
    only = tuple(key for key in descriptor.sealing_keys if key.suite == X25519)
    bare = descriptor.model_copy(update={"sealing_keys": only})
    with pytest.raises(CliError) as caught:
        chosen_brokers.sealing_key_of(bare, HYBRID)
    assert caught.value.code == "suite-not-offered"


@pytest.mark.parametrize(
    ("urls", "identities", "threshold", "told"),
    [
        (URLS, ["ab" * 32], 1, "3 --broker and 1 --broker-identity"),
        (URLS[:1], ["ab" * 32] * 2, 1, "1 --broker and 2 --broker-identity"),
        ((URLS[0], URLS[0]), [], 1, "one broker is named twice"),
        (URLS[:2], [], 3, "3 brokers would be needed and 2 named"),
        (URLS[:1], [], 2, "2 brokers would be needed and 1 named"),
    ],
)
def test_what_does_not_fit_together(
    urls: Any, identities: list[str], threshold: int, told: str
) -> None:
    with pytest.raises(CliError) as caught:
        ChosenBrokers.of(urls, identities, threshold)
    assert told in caught.value.what


CONFIG = """\
apiVersion: sealwasm/v1
kind: Config
current: work
contexts:
  work:
    module: acme/solver
    key: owner.key
    capabilities: grant.yaml
    policy: prod
    threshold: 2
    brokers:
"""


@pytest.fixture
def desk(tmp_path: Path, brokers: Brokers, capsys: pytest.CaptureFixture[str]) -> Desk:
    desk = Desk(tmp_path, capsys, brokers.worlds[URLS[0]])
    desk.settle()
    places = [
        f"      - {{url: '{url}', identity: {brokers.identity(n)}}}\n" for n, url in enumerate(URLS)
    ]
    desk.config.write_text(CONFIG + "".join(places), encoding="utf-8")
    desk.config.chmod(0o600)
    return desk


def sealed(desk: Desk, *more: str) -> Any:
    to = ("--version", "1", "--to", f"oci:{desk.path('shop')}:one", "--dry-run")
    return desk.document("seal", desk.path("app.wasm"), *to, *more)


def test_a_context_names_brokers_identities_and_threshold(desk: Desk, brokers: Brokers) -> None:
    facts = sealed(desk)
    assert facts["brokers"] == [brokers.identity(number) for number in range(3)]
    assert facts["brokers_needed"] == 2


def test_brokers_on_the_command_line_bring_nothing_of_the_context(
    desk: Desk, brokers: Brokers
) -> None:
    facts = sealed(desk, "--broker", URLS[2])
    assert (facts["brokers"], facts["brokers_needed"]) == ([brokers.identity(2)], 1)
    named = [word for url in URLS for word in ("--broker", url)]
    again = sealed(desk, *named)
    assert again["brokers_needed"] == 2
    more = sealed(desk, *named, "--threshold", "3")
    assert more["brokers_needed"] == 3
