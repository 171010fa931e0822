"""A module that hides its details, and one that is a component: what is refused, and when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.errors import RunnerCode, RunnerError
from tests.fakes.story import CANARY, IMPORTS, Story, grant, make_story
from tests.fakes.world import MEASUREMENT, release_policy
from tests.unit.sealing.component_maker import WORLD

RELEASES = "/v1/releases"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with make_story(tmp_path) as made:
        yield made


def code_of(story: Story) -> RunnerCode:
    with pytest.raises(RunnerError) as caught:
        story.run()
    assert not story.stdout
    return caught.value.code


def test_what_is_hidden_runs(story: Story) -> None:
    story.publish(hide_details=True)
    assert story.run().exit_code == 7
    assert bytes(story.stdout) == f"{CANARY}\n".encode()


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("missing", IMPORTS)
def test_imports_are_granted_before_the_first_instruction(
    story: Story, missing: str, hidden: bool
) -> None:
    """In clear, before anybody is asked for a key; hidden, once the worker has opened it."""
    imports = [one for one in IMPORTS if one != missing]
    story.publish(hide_details=hidden, capabilities=grant(imports=imports))
    assert code_of(story) is RunnerCode.IMPORT_NOT_GRANTED
    assert (RELEASES in story.door.calls) is hidden


@pytest.mark.parametrize("hidden", [False, True])
def test_a_component_is_refused_before_a_key_is_asked_for(story: Story, hidden: bool) -> None:
    story.publish(WORLD, hide_details=hidden)
    assert code_of(story) is RunnerCode.COMPONENT_UNSUPPORTED
    assert story.door.calls == []


def test_a_policy_can_forbid_it(story: Story) -> None:
    shown = {"request.bill-hidden": {"equals": False, "because": "we look at imports first"}}
    here = {"name": "here", "tee": "snp", "measurement": {"in": [MEASUREMENT.hex()]}}
    story.world.enrol_policy(release_policy(version=2, **{"any-of": [here | shown]}))
    story.publish()
    assert story.run().exit_code == 7
    del story.stdout[:]
    story.publish(version=2, hide_details=True)
    assert code_of(story) is RunnerCode.RELEASE_DENIED
