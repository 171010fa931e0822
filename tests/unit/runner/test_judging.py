"""The worker's word on a release is yes or no; anything else is about the worker: the run ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runner.errors import RunnerCode, RunnerError
from runner.judging import judge
from runner.worker.messages import (
    Accepted,
    Artifact,
    Failed,
    Header,
    Refused,
    Verified,
    from_supervisor,
)
from sealing import canonical
from sealing.keys import SigningKey
from tests.fakes.split import SplitStory, make_split_story
from tests.fakes.story import worker_of


@pytest.fixture
def story(tmp_path: Path) -> Iterator[SplitStory]:
    with make_split_story(tmp_path) as made:
        yield made


BROKER, DIGEST = SigningKey.generate("ed25519").public, "sha256:" + "0" * 64
BINDING = SimpleNamespace(digest=lambda: DIGEST)
RELEASED: Any = SimpleNamespace(
    identity=BROKER, answer=b"{}", asked=SimpleNamespace(binding=BINDING)
)
TOLD = {"detail": "", "remedy": "", "reason": "seal-x"}


def word(*messages: Header) -> RunnerError | None:
    """What is made of what a worker says of a release."""

    def talk(channel: Any) -> None:
        channel.receive(from_supervisor)
        for message in messages:
            channel.send(message.to_header())

    worker = worker_of(talk)
    try:
        return judge(worker, RELEASED)
    finally:
        worker.kill()


def test_a_workers_word_on_a_release() -> None:
    assert word(Accepted(broker=BROKER.key_id)) is None
    refusal = word(Refused(code="release-key-not-opened", **TOLD))
    assert refusal is not None
    assert (refusal.code, refusal.reason) == (RunnerCode.KEY_NOT_OPENED, "seal-x")


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([Accepted(broker="0" * 64)], RunnerCode.FRAME_MALFORMED),
        ([Verified()], RunnerCode.FRAME_MALFORMED),
        ([Refused(code="nonsense", **TOLD)], RunnerCode.FRAME_MALFORMED),
        ([Refused(code="broker-unreachable", **TOLD)], RunnerCode.FRAME_MALFORMED),
        ([Failed(code="worker-fault", **TOLD)], RunnerCode.WORKER_FAULT),
        ([], RunnerCode.WORKER_LOST),
    ],
    ids=lambda value: "-".join(type(one).__name__ for one in value) if type(value) is list else "",
)
def test_a_worker_that_gives_no_proper_word_ends_the_run(
    messages: list[Header], code: RunnerCode
) -> None:
    with pytest.raises(RunnerError) as caught:
        word(*messages)
    assert caught.value.code is code


def test_a_worker_that_fails_is_no_brokers_fault(story: SplitStory) -> None:
    """It has to end the run: with another broker the same would happen."""
    story.split()
    said = {"type": "hello", "v": 1, "key": {"suite": "x25519-hkdfsha256-aes256gcm"}}
    said["key"]["public"] = canonical.b64encode(bytes([9, *bytes(31)]))

    def talk(channel: Any) -> None:
        channel.send(said)
        while not isinstance(channel.receive(from_supervisor).message, Artifact):
            pass
        channel.send(Verified().to_header())
        channel.receive(from_supervisor)
        channel.send(Failed(code="worker-fault", **TOLD).to_header())

    with pytest.raises(RunnerError) as caught:
        story.run(place=story.place(spawn=lambda: worker_of(talk)))
    assert caught.value.code is RunnerCode.WORKER_FAULT
    assert story.doors[1].calls == []
