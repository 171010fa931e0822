"""Names, versions, key ids and times as every document of the format writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from sealing import canonical, limits
from sealing.canonical import malformed

_WORD: Final = r"[a-z0-9]+(?:[._-][a-z0-9]+)*"
_NAME: Final = re.compile(rf"{_WORD}(?:/{_WORD})*")
_KEY_ID: Final = re.compile(r"[0-9a-f]{64}")
# Later Pythons would read 24:00:00 as midnight of the next day.
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII)


def parse_name(value: Any, what: str) -> str:
    """Return a path-like lower case name ("acme/scoring"), or raise `SealError`."""
    name = canonical.text(value, what)
    if len(name) > limits.NAME_CHARS or _NAME.fullmatch(name) is None:
        expected = f"up to {limits.NAME_CHARS} of a-z 0-9 . _ - with / between the words"
        raise malformed(what, f"got {name[:64]!r}, expected {expected}")
    return name


def parse_version(value: Any, what: str) -> int:
    """Return a version from 1 up, or raise `SealError`."""
    return canonical.whole(value, what, least=1, most=limits.VERSION_MAX)


def parse_key_id(value: Any, what: str) -> str:
    """Return 64 lower hex digits, or raise `SealError`."""
    if not isinstance(value, str) or _KEY_ID.fullmatch(value) is None:
        raise malformed(what, "not a key id (64 lower hex digits)")
    return value


def format_time(now: datetime) -> str:
    """Return RFC 3339 UTC to the second. Raises `ValueError` for a naive time."""
    if now.tzinfo is None:
        raise ValueError("time has no zone")
    return f"{now.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def parse_time(value: Any, what: str) -> datetime:
    """Return the aware UTC time of the one form `format_time` writes, or raise `SealError`."""
    written = canonical.text(value, what)
    if _TIME.fullmatch(written) is None:
        raise malformed(what, "not a UTC time to the second")
    try:
        return datetime.fromisoformat(written)
    except ValueError as error:
        raise malformed(what, "not a time that exists") from error
