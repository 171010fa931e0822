"""Stops a guest at its wall-clock limit, from a thread of its own.

The thread is started with the program, before a worker locks itself down, and afterwards does
nothing but wait and, at the deadline, tell the engine to interrupt.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Watchdog:
    """One deadline at a time. `expired` is set once it has passed, until the next `arm`."""

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._changed = threading.Condition()
        self._deadline: float | None = None
        # When the thread will look again by itself; None means it waits to be told.
        self._wakes_at: float | None = None
        self._closing = False
        self.expired = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def arm(self, seconds: float) -> None:
        """Interrupt in so many seconds."""
        with self._changed:
            self.expired.clear()
            self._deadline = time.monotonic() + seconds
            # Waking the thread costs more than a short run, so it is left alone if it will look
            # early enough anyway.
            if self._wakes_at is None or self._deadline < self._wakes_at:
                self._changed.notify()

    def disarm(self) -> None:
        """No deadline any more."""
        with self._changed:
            self._deadline = None

    def pause(self, seconds: float) -> bool:
        """Wait; true if the deadline came first."""
        return self.expired.wait(seconds)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        with self._changed:
            while not self._closing:
                self._wakes_at = self._deadline
                left = None if self._deadline is None else self._deadline - time.monotonic()
                if left is not None and left <= 0:
                    self._deadline = None
                    self.expired.set()
                    self._interrupt()
                else:
                    self._changed.wait(left)
