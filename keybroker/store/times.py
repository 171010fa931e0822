"""Times as the database holds them: whole seconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime

DAY_SECONDS = 86_400


def to_seconds(moment: datetime) -> int:
    """Return an aware time in whole seconds, rounded down. Raises `ValueError` for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("time without a zone")
    return int(moment.timestamp() // 1)


def from_seconds(seconds: int) -> datetime:
    """Return the aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)
