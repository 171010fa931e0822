"""Entry of a real worker process whose clock stands where that of `tests.fakes.world` starts."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from runner.worker.frames import Channel
from runner.worker.kernel import LinuxKernel
from runner.worker.lockdown import Lockdown
from runner.worker.main import converse

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def main(descriptor: int, parent: int) -> None:
    """Be a worker on `descriptor`, as locked down as any."""
    lockdown = Lockdown(LinuxKernel())
    os._exit(converse(Channel(descriptor), lockdown, parent=parent, now=lambda: START))
