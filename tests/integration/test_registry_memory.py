"""What a transfer costs in memory, in a process that does nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fakes.registry import fake_registry
from tests.fakes.registry_wire import Response
from tests.integration.registry_memory import chunks, digest

SIZE = 64 << 20
# A few chunks on their way, and what an interpreter needs from time to time.
ROOM = 8 << 20


def growth(what: str, port: int) -> int:
    command = [sys.executable, "-m", "tests.integration.registry_memory"]
    done = subprocess.run(
        [*command, what, str(port), str(SIZE), digest(SIZE)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


@pytest.mark.parametrize(
    ("what", "most"),
    [("pull", SIZE * 1.1 + ROOM), ("push", ROOM), ("lie", ROOM)],
)
def test_is_bounded(what: str, most: float) -> None:
    with fake_registry() as registry:
        if what == "pull":
            registry.blobs[digest(SIZE)] = b"".join(chunks(SIZE))
        if what == "lie":
            # Half a gigabyte was announced: what has not come takes no room.
            registry.on("GET", digest(SIZE), lambda _: _announced())
        assert growth(what, registry.port) <= most


def _announced() -> Response:
    return Response(200, b"x", length=512 << 20)
