"""Writes the cases of the release protocol: a message, its call, and what must come of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from keybroker import protocol
from tests.fakes.silicon import NOW
from tests.vectors.folder import write_case

RELEASE, OWNER, POLICY, EVALUATION = "release", "owner", "policy", "evaluation"
ROTATION, REVOCATION = "rotation", "revocation"
CHALLENGE, RESPONSE, DESCRIPTOR = "challenge", "response", "descriptor"


class Writer:
    """Writes cases of one specification below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def case(
        self,
        call: str,
        name: str,
        why: str,
        expect: str,
        stage: str,
        message: bytes,
        *,
        seconds: int = 0,
        before: Sequence[tuple[str, bytes]] = (),
        **members: Any,
    ) -> None:
        """One folder: the message, what came before it, and what must come of it."""
        enrolment = {OWNER, POLICY, EVALUATION, ROTATION, REVOCATION}
        spec = "enrolment" if call in enrolment else "release-protocol"
        files = {"message.json": message}
        files |= {f"before-{n}.json": body for n, (_, body) in enumerate(before, 1)}
        document = {
            "why": f"docs/specs/{spec}.md {why}",
            "call": call,
            "stage": stage,
            "expect": expect,
            "at": protocol.format_time(NOW + timedelta(seconds=seconds)),
            "before": [kind for kind, _ in before],
        }
        write_case(self.folder, f"{call}-{name}", document | members, files)
