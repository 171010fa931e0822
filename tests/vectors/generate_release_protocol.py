"""Vectors of docs/specs/release-protocol.md and enrolment.md.

A case is a message and the call it is for, at a time, after the messages in `before`, to the broker
of `world.json` with the options in `broker`. Answers hold random bytes, so only codes are compared.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.vectors import enrolment_cases as enrolment
from tests.vectors import owner_change_cases as changes
from tests.vectors import release_answer_cases as answers
from tests.vectors import release_decision_cases as decisions
from tests.vectors import release_request_cases as requests
from tests.vectors.folder import fresh_folder
from tests.vectors.release_world import world_document
from tests.vectors.release_writer import Writer

CASES = (
    requests.challenges,
    requests.forms,
    requests.bindings,
    requests.guests,
    decisions.claims,
    decisions.modules,
    decisions.policies,
    decisions.transactions,
    answers.responses,
    answers.descriptors,
    enrolment.owners,
    enrolment.owner_policies,
    enrolment.evaluations,
    changes.rotations,
    changes.revocations,
)


def generate(root: Path) -> None:
    """Write `root/release-protocol`, the same bytes every time."""
    folder = fresh_folder(root, "release-protocol")
    text = json.dumps(world_document(), indent=1, sort_keys=True)
    (folder / "world.json").write_text(f"{text}\n", encoding="utf-8")
    for write in CASES:
        write(Writer(folder))
