"""A broker that lies is no worse than one that is down: it is passed over, by name and reason.

Brokers here are the real ones, and so is the worker: a process of its own, fully locked down.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keybroker import modules
from keybroker.modules import KeyMaterial
from runner.errors import RunnerCode, RunnerError
from runner.order import Report
from runner.worker.limits import MAX_RELEASES
from runner.worker.process import WorkerProcess
from sealing import canonical
from tests.fakes.split import SplitStory, make_split_story

RELEASES = "/v1/releases"
Lie = Callable[[bytes], bytes]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[SplitStory]:
    with make_split_story(tmp_path) as made:
        yield made


@pytest.fixture
def workers() -> Iterator[list[WorkerProcess]]:
    """Every worker that a test started. All of them are gone in the end."""
    spawned: list[WorkerProcess] = []
    yield spawned
    assert spawned
    assert not any(Path(f"/proc/{one.pid}").exists() for one in spawned)


@pytest.fixture
def run(story: SplitStory, workers: list[WorkerProcess]) -> Callable[..., Report]:
    def spawn() -> WorkerProcess:
        workers.append(WorkerProcess.spawn(entry="tests.unit.runner.worker.early"))
        return workers[-1]

    return lambda **given: story.run(place=story.place(spawn=spawn), **given)


def lying(story: SplitStory, monkeypatch: pytest.MonkeyPatch, lies: Mapping[int, Lie]) -> None:
    """Let brokers by number sign, log and wrap as they should, and wrap something else."""
    honest = modules.open_content_key
    of = {story.worlds[number].identity: lie for number, lie in lies.items()}

    def open_content_key(module: Any, keys: Any) -> KeyMaterial:
        material = honest(module, keys)
        lie = of.get(keys.identity.key_id, lambda secret: secret)
        return replace(material, secret=lie(material.secret))

    monkeypatch.setattr("keybroker.release.open_content_key", open_content_key)


def flip(at: int) -> Lie:
    def lie(secret: bytes) -> bytes:
        changed = bytearray(secret)
        changed[at] ^= 1
        return bytes(changed)

    return lie


def garble_wrapped_key(answer: bytes) -> bytes:
    return canonical.encode({**json.loads(answer), "wrapped_key": "AAAA" * 400})


def share_of_another_split(story: SplitStory) -> Lie:
    """The same module split again: its share 1 is of another set."""
    other = story.split(tag="again")
    releases = story.worlds[0].broker.releases
    module = releases.modules.verify(other.manifest, [other.bundle])
    secret = modules.open_content_key(module, releases.keys).secret
    return lambda _: secret


LIES: list[tuple[str, Callable[[SplitStory], Lie], str]] = [
    ("another value", lambda _: flip(-1), "seal-share-commitment"),
    ("another split", lambda _: flip(20), "seal-share-set"),
    ("share of another set", share_of_another_split, "seal-share-set"),
    ("no share", lambda _: lambda _secret: b"nothing", "seal-malformed"),
    ("nothing at all", lambda _: lambda _secret: b"", "seal-malformed"),
]


@pytest.mark.parametrize("case", LIES, ids=lambda case: case[0])
def test_two_of_three_run_when_the_first_lies(
    story: SplitStory, run: Any, monkeypatch: pytest.MonkeyPatch, case: Any
) -> None:
    _, make, reason = case
    lie = make(story)
    story.split()
    lying(story, monkeypatch, {0: lie})
    report = run()
    assert story.greeted()
    assert report.exit_code == 7
    assert story.passed_over(report) == [(0, reason)]
    assert story.used(report) == [1, 2]


@pytest.mark.parametrize("liar", [0, 1])
def test_a_wrapped_key_that_is_garbage(story: SplitStory, run: Any, liar: int) -> None:
    story.split()
    story.doors[liar].alter[RELEASES] = garble_wrapped_key
    report = run()
    assert story.greeted()
    assert story.passed_over(report) == [(liar, "seal-envelope-not-opened")]
    assert story.used(report) == [number for number in range(3) if number != liar]


def test_the_last_broker_that_is_asked_may_lie(story: SplitStory, run: Any) -> None:
    story.split()
    story.doors[2].alter[RELEASES] = garble_wrapped_key
    report = run()
    assert report.passed_over == ()
    assert story.doors[2].calls == []


@pytest.mark.parametrize("liars", [(0, 1), (0, 2), (1, 2)])
def test_two_liars_of_three_run_nothing_and_are_both_named(
    story: SplitStory, run: Any, monkeypatch: pytest.MonkeyPatch, liars: tuple[int, int]
) -> None:
    story.split()
    lying(story, monkeypatch, {liars[0]: flip(-1), liars[1]: lambda _: b""})
    with pytest.raises(RunnerError) as caught:
        run()
    assert caught.value.code is RunnerCode.BROKERS_MISSING
    assert "1 of 2 brokers released" in caught.value.detail
    for number, reason in zip(liars, ("seal-share-commitment", "seal-malformed"), strict=True):
        named = f"https://broker-{number}.example ({story.worlds[number].identity}): {reason}"
        assert named in caught.value.detail
    (honest,) = {0, 1, 2} - set(liars)
    assert story.worlds[honest].identity not in caught.value.detail
    assert not story.stdout


# The whole key for each of several brokers.

WHOLE: list[tuple[str, Lie, str]] = [
    ("another key", lambda key: changed(key, "symkey", "A" * 43 + "="), "seal-hmac-mismatch"),
    ("another nonce", lambda key: nonce(key, "A" * 22 + "=="), "seal-plaintext-mismatch"),
    ("another plaintext", lambda key: changed(key, "digest", f"sha256:{'0' * 64}"),
     "seal-plaintext-mismatch"),
    ("no key", lambda _: b"{}", "seal-malformed"),
]  # fmt: skip


def changed(secret: bytes, member: str, value: Any) -> bytes:
    """Private options are JSON in the order of their writer."""
    return json.dumps(json.loads(secret) | {member: value}, separators=(",", ":")).encode()


def nonce(secret: bytes, value: str) -> bytes:
    return changed(secret, "cipheroptions", {"nonce": value})


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case[0])
def test_of_whole_keys_the_second_is_used_when_the_first_is_wrong(
    story: SplitStory, run: Any, monkeypatch: pytest.MonkeyPatch, case: Any
) -> None:
    _, lie, reason = case
    story.split(1)
    lying(story, monkeypatch, {0: lie})
    report = run()
    assert story.greeted()
    assert story.passed_over(report) == [(0, reason)]
    assert story.used(report) == [1]


def test_whole_keys_that_are_all_wrong(
    story: SplitStory, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.split(1)
    lying(story, monkeypatch, dict.fromkeys(range(3), WHOLE[0][1]))
    with pytest.raises(RunnerError) as caught:
        run()
    assert caught.value.code is RunnerCode.BROKERS_MISSING
    assert caught.value.detail.count("seal-hmac-mismatch") == 3
    assert not story.stdout


def test_who_stands_between_us_and_a_broker_does_not_use_up_its_turn(
    story: SplitStory, run: Any
) -> None:
    """It passes on what the broker signed, with something else for the wrapped key."""
    story.split()
    between = replace(story.doors[1], url="https://between.example", alter={})
    between.alter[RELEASES] = garble_wrapped_key
    story.use([between, story.doors[1], story.doors[2]])
    report = run()
    assert story.greeted()
    assert [one.broker for one in report.passed_over] == [between.url]
    assert story.passed_over(report) == [(1, "seal-envelope-not-opened")]
    assert story.used(report) == [1, 2]


def test_no_more_is_offered_than_a_worker_judges(story: SplitStory, run: Any) -> None:
    story.split()
    story.door.alter[RELEASES] = garble_wrapped_key
    story.use([story.door] * (MAX_RELEASES + 1))
    with pytest.raises(RunnerError) as caught:
        run()
    assert caught.value.code is RunnerCode.BROKERS_MISSING
    assert story.door.calls.count(RELEASES) == MAX_RELEASES
