"""How long a registry may let us wait: for one answer, and for all of them together.

Bounds of single reads and writes do not notice a peer that sends or takes one byte at a time, and a
bound that grows with a size lets it do so for hours, as the size is its own word. So only bytes
that have moved make up for waiting. The clock is monotonic and the caller's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from sealing.oci import limits

_Result = TypeVar("_Result")


class Patience:
    """The time that one registry may cost in vain, however many answers it is asked for.

    Threads may share it.
    """

    def __init__(self, seconds: float = limits.PATIENCE_SECONDS) -> None:
        """Begin with all of it."""
        self._left = seconds
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """What is left of it, in seconds."""
        return self._left

    def spend(self, seconds: float) -> None:
        """Count time that was waited for in vain."""
        with self._lock:
            self._left -= seconds


class Pace:
    """The time that one exchange may still take.

    It is over at a fixed moment. Before that, what has been waited for in vain may never exceed
    `seconds`: each byte makes up for its share at the lowest rate, but never in advance. What no
    byte makes up for is counted in `patience`, but for the time that any answer takes.
    """

    def __init__(
        self, clock: Callable[[], float], *, seconds: float, size: int, patience: Patience
    ) -> None:
        """Begin an exchange that moves at most `size` bytes now."""
        self._clock = clock
        self._seconds = seconds
        self._end = clock() + seconds + size / limits.EXCHANGE_BYTES_PER_SECOND
        self._credit = seconds
        # Waited, without what the bytes made up for and what any answer may take.
        self._behind = -limits.ANSWER_SECONDS
        self._patience = patience

    @property
    def left(self) -> float:
        """For how many seconds the next step may wait; none if this is not positive."""
        return min(self._end - self._clock(), self._credit, self._patience.left)

    def stepping(self, step: Callable[[], _Result], moved: Callable[[_Result], int]) -> _Result:
        """Return what `step` returns; the time it takes counts, and the bytes it moves."""
        begun, count = self._clock(), 0
        try:
            result = step()
            count = moved(result)
            return result
        finally:
            earned = count / limits.EXCHANGE_BYTES_PER_SECOND
            waited = self._clock() - begun
            self._credit = min(self._credit - waited + earned, self._seconds)
            lost = max(self._behind, 0.0)
            self._behind += waited - earned
            self._patience.spend(max(self._behind, 0.0) - lost)
