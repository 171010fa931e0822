"""Milliseconds per step, for people who ask where the time went."""

from __future__ import annotations

import time
from collections.abc import Callable


class Stopwatch:
    """Books the time since the last lap. Nothing depends on it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._last = monotonic()
        self.milliseconds: dict[str, int] = {}

    def lap(self, step: str) -> None:
        """Book the time since the last lap on `step`, with what is booked there already."""
        now = self._monotonic()
        earlier = self.milliseconds.get(step, 0)
        self.milliseconds[step] = earlier + round((now - self._last) * 1000)
        self._last = now
