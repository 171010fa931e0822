from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from keybroker.errors import BrokerCode, BrokerError
from keybroker.ratelimit import Rate, RateLimiter

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def taken(limiter: RateLimiter, source: str, count: int, now: datetime = NOW) -> int:
    """How many of `count` tokens the source got."""
    got = 0
    for _ in range(count):
        with contextlib.suppress(BrokerError):
            limiter.take(source, now=now)
            got += 1
    return got


def test_refusal_has_a_code() -> None:
    limiter = RateLimiter(Rate(1, 1.0))
    limiter.take("a", now=NOW)
    with pytest.raises(BrokerError) as caught:
        limiter.take("a", now=NOW)
    assert caught.value.code is BrokerCode.RATE_LIMITED


def test_burst_and_no_more() -> None:
    assert taken(RateLimiter(Rate(3, 1.0)), "a", 5) == 3


def test_sources_do_not_share() -> None:
    limiter = RateLimiter(Rate(3, 1.0))
    assert [taken(limiter, source, 5) for source in "ab"] == [3, 3]


@pytest.mark.parametrize(("seconds", "tokens"), [(0.4, 0), (0.5, 1), (1.0, 2), (1.5, 3), (9.0, 3)])
def test_time_gives_tokens_up_to_the_burst(seconds: float, tokens: int) -> None:
    limiter = RateLimiter(Rate(3, 2.0))
    taken(limiter, "a", 3)
    assert taken(limiter, "a", 9, NOW + timedelta(seconds=seconds)) == tokens


def test_clock_set_back_gives_nothing_and_takes_nothing() -> None:
    limiter = RateLimiter(Rate(3, 2.0))
    taken(limiter, "a", 3)
    assert taken(limiter, "a", 1, NOW - timedelta(hours=1)) == 0
    assert taken(limiter, "a", 9, NOW + timedelta(seconds=1)) == 2


def test_full_table_forgets_only_what_time_has_filled() -> None:
    limiter = RateLimiter(Rate(2, 1.0), sources=2)
    assert [taken(limiter, source, 2) for source in "ab"] == [2, 2]
    # Both still owe: newcomers share one bucket.
    assert [taken(limiter, source, 2) for source in "cd"] == [2, 0]
    assert taken(limiter, "a", 1) == 0
    later = NOW + timedelta(seconds=2)
    assert taken(limiter, "e", 3, later) == 2
