"""What requests hold while they are under way: bounded together, and for each source."""

from __future__ import annotations

from keybroker.errors import BrokerCode, BrokerError


class Shares:
    """A number of things that sources share, none of them more than `each`. For one event loop.

    Without a part of its own one source that holds on to everything would keep out all others.
    """

    def __init__(self, what: str, *, together: int, each: int) -> None:
        self._what = what
        self._together = together
        self._each = each
        self._held = 0
        self._of: dict[str, int] = {}

    def take(self, source: str, count: int = 1) -> None:
        """Count `count` more, or raise `BrokerError` with `RATE_LIMITED` and count nothing."""
        own = self._of.get(source, 0) + count
        if own > self._each or self._held + count > self._together:
            raise BrokerError(BrokerCode.RATE_LIMITED, f"too many {self._what} are under way")
        self._held += count
        self._of[source] = own

    def give_back(self, source: str, count: int = 1) -> None:
        """Stop counting `count` that were taken."""
        self._held -= count
        left = self._of.get(source, 0) - count
        if left > 0:
            self._of[source] = left
        else:
            self._of.pop(source, None)
