"""A module in the shape of a container image runs as the same module does, and its policy knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.errors import RunnerCode, RunnerError
from sealing.holders.outside import OutsideRecipients
from sealing.holders.recipients import BrokerRecipient, Recipients
from sealing.jose.keys import JwePublicKey
from sealing.shapes import COMPAT
from tests.fakes.story import CANARY, Story, make_story
from tests.fakes.world import MEASUREMENT, release_policy
from tests.unit.sealing.makers import OTHER_BROKER
from tests.vectors.jwe_world import EC_KEY


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with make_story(tmp_path) as made:
        yield made


def holders(story: Story, **more: object) -> Recipients:
    world = story.world
    broker = BrokerRecipient(world.identity, world.broker.releases.keys.sealing[0].public)
    return Recipients((broker,), **more)


def test_a_container_image_runs(story: Story) -> None:
    story.publish(shape=COMPAT)
    assert story.run().exit_code == 7
    assert bytes(story.stdout) == f"{CANARY}\n".encode()


def test_a_module_with_other_holders_runs(story: Story) -> None:
    outside = OutsideRecipients(jwe=(JwePublicKey.of(EC_KEY.public_key()),))
    recipients = holders(story, recovery=(OTHER_BROKER.public,), outside=outside)
    story.publish(recipients=recipients)
    assert story.run().exit_code == 7


@pytest.mark.parametrize("kind", ["jwe", "recovery"])
def test_a_policy_can_forbid_other_holders(story: Story, kind: str) -> None:
    require = {f"request.opens-with.{kind}": {"equals": False, "because": "brokers decide here"}}
    here = {"name": "here", "tee": "snp", "measurement": {"in": [MEASUREMENT.hex()]}}
    policy = release_policy(version=2, **{"any-of": [here | require]})
    story.world.enrol_policy(policy)
    story.publish()
    assert story.run().exit_code == 7
    del story.stdout[:]
    outside = OutsideRecipients(jwe=(JwePublicKey.of(EC_KEY.public_key()),))
    other = {"jwe": {"outside": outside}, "recovery": {"recovery": (OTHER_BROKER.public,)}}
    story.publish(recipients=holders(story, **other[kind]), version=2)
    with pytest.raises(RunnerError) as caught:
        story.run()
    assert caught.value.code is RunnerCode.RELEASE_DENIED
