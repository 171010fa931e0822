"""One world for all command-line tests: a broker process, an owner, a published solver."""

from __future__ import annotations

import pytest

from sealwasm.demo import story
from sealwasm.demo.stage import open_stage
from sealwasm.guard import require_own_packages


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The demo's stage after its first steps: everything is set up, nothing has run yet."""
    folder = tmp_path_factory.mktemp("world")
    with open_stage(folder, require_own_packages(), keep=True) as stage:
        for step in (
            story.make_platforms,
            story.start_broker,
            story.enrol_owner,
            story.seal_and_publish,
        ):
            step(stage)
        yield stage
