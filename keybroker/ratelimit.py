"""Token buckets per source, in memory. They protect the processor, not a business rule."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from keybroker.errors import BrokerCode, BrokerError
from keybroker.limits import RATE_SOURCES

# Sources that find the table full of others still paying share this one bucket.
_OVERFLOW = "*"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `burst` at once, and `per_second` in the long run."""

    burst: int
    per_second: float


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: datetime


class RateLimiter:
    """One bucket per source, at most `sources` of them. Safe to call from many threads."""

    def __init__(self, rate: Rate, *, sources: int = RATE_SOURCES) -> None:
        self._rate = rate
        self._sources = sources
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, source: str, *, now: datetime) -> None:
        """Take one token of `source`, or raise `BrokerError` with `RATE_LIMITED`."""
        with self._lock:
            bucket = self._bucket(source, now)
            self._refill(bucket, now)
            if bucket.tokens < 1:
                raise BrokerError(BrokerCode.RATE_LIMITED, f"source {source} has no token left")
            bucket.tokens -= 1

    def _bucket(self, source: str, now: datetime) -> _Bucket:
        if source not in self._buckets and len(self._buckets) >= self._sources:
            source = source if self._forget_one_full(now) else _OVERFLOW
        bucket = self._buckets.setdefault(source, _Bucket(float(self._rate.burst), now))
        self._buckets.move_to_end(source)
        return bucket

    def _forget_one_full(self, now: datetime) -> bool:
        """Drop the longest unused bucket if it is full again: that gives nothing away."""
        source, oldest = next(iter(self._buckets.items()))
        self._refill(oldest, now)
        if oldest.tokens < self._rate.burst:
            return False
        del self._buckets[source]
        return True

    def _refill(self, bucket: _Bucket, now: datetime) -> None:
        # A clock that was set back gives no tokens and takes none.
        earned = max(0.0, (now - bucket.filled).total_seconds()) * self._rate.per_second
        bucket.tokens = min(float(self._rate.burst), bucket.tokens + earned)
        bucket.filled = max(now, bucket.filled)
