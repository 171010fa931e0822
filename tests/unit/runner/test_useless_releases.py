"""Releases that are genuine and open, and with which this run cannot be made: others are used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keybroker.answers import AnswerWriter
from keybroker.rulings import GrantedPolicy
from runner.inputs import Offer
from sealing import canonical
from tests.fakes.split import SplitStory, make_split_story
from tests.fakes.story import grant
from tests.fakes.world import release_policy

RELEASES = "/v1/releases"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[SplitStory]:
    with make_split_story(tmp_path) as made:
        yield made


def ruling(story: SplitStory, monkeypatch: pytest.MonkeyPatch, document: Any) -> None:
    """Let the first broker grant `document`, signed and bound to the key as it should be."""
    honest = AnswerWriter.write
    text = canonical.encode(document)
    lie = GrantedPolicy(json.loads(text), canonical.digest_of(text))

    def write(self: Any, attempt: Any, ruling: Any, key: Any) -> Any:
        if self._keys.identity.key_id == story.worlds[0].identity:
            ruling = replace(ruling, grant=lie)
        return honest(self, attempt, ruling, key)

    monkeypatch.setattr(AnswerWriter, "write", write)


@pytest.mark.parametrize("threshold", [1, 2])
def test_a_lease_that_is_nearly_over(story: SplitStory, threshold: int) -> None:
    story.worlds[0].enrol_policy(release_policy(version=2, lease="4s"))
    story.split(threshold)
    report = story.run()
    assert story.greeted()
    assert story.passed_over(report) == [(0, "lease-expired")]
    assert story.used(report) == [1, 2][:threshold]


def test_a_lease_that_ends_while_others_are_asked(story: SplitStory) -> None:
    story.worlds[0].enrol_policy(release_policy(version=2, lease="10s"))
    story.split()

    def slowly(answer: bytes) -> bytes:
        story.world.clock.advance(seconds=8)
        return answer

    story.doors[1].alter[RELEASES] = slowly
    report = story.run()
    assert story.greeted()
    assert story.passed_over(report) == [(0, "lease-expired")]
    assert story.used(report) == [1, 2]


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_a_broker_that_says_otherwise_than_two_others(
    story: SplitStory, monkeypatch: pytest.MonkeyPatch, liar: int
) -> None:
    story.split()
    honest = AnswerWriter._document

    def lie(self: Any, *given: Any) -> Any:
        lies = self._keys.identity.key_id == story.worlds[liar].identity
        return honest(self, *given) | ({"simulated": False} if lies else {})

    monkeypatch.setattr(AnswerWriter, "_document", lie)
    report = story.run()
    assert report.simulated
    assert story.passed_over(report) == ([] if liar == 2 else [(liar, "broker-not-genuine")])
    assert story.used(report) == [number for number in range(3) if number != liar][:2]


ARGUMENTS = {"args": {"allow": True}}
USELESS: list[tuple[str, dict[str, Any], str]] = [
    ("no imports", {**ARGUMENTS, "imports": []}, "import-not-granted"),
    ("no arguments", {}, "input-not-granted"),
    ("fewer arguments", {"args": {"allow": True, "max-bytes": 1}}, "input-not-granted"),
    ("no folder", {**ARGUMENTS, "files": []}, "input-not-granted"),
    ("more than was asked", {**ARGUMENTS, "stderr": {"max-bytes": 9}}, "denied-grant"),
]


@pytest.mark.parametrize("case", USELESS, ids=lambda case: case[0])
def test_a_grant_that_the_module_cannot_be_run_with(
    story: SplitStory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: Any
) -> None:
    _, spec, reason = case
    host = tmp_path / "host"
    host.mkdir()
    folder = [{"path": "/in", "source": "host", "access": "read-only"}]
    story.split(capabilities=grant(**ARGUMENTS, files=folder))
    ruling(story, monkeypatch, grant(**{"files": folder, **spec}))
    report = story.run(offer=Offer(arguments=("-v",), folders={"/in": host}))
    assert story.greeted()
    assert story.passed_over(report) == [(0, reason)]
    assert story.used(report) == [1, 2]
