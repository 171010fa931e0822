"""Fields of HTTP answers that say where something goes on or when, read exactly or not at all."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from sealing.canonical import parse_json
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.reference import is_tag

# RFC 8288 section 3, without whitespace around "=": nobody writes it.
_PARAMETER: Final = r'\s*+;\s*+([!#$%&\'*+.^_`|~0-9A-Za-z-]++)(?:=("[^"]*+"|[^\s";,]*+))?+'
_TARGET: Final = re.compile(r"[\s,]*+<([^<>]*+)>")
_PARAMETERS: Final = re.compile(_PARAMETER)
_END: Final = re.compile(r"\s*+(?:,|$)")

_RECEIVED: Final = re.compile(r"0-([0-9]{1,15})")
_SECONDS: Final = re.compile(r"[0-9]+")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun",
                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # fmt: skip
# RFC 9110 section 5.6.7: the one form of a date that anybody may still send.
_DATE: Final = re.compile(
    rf"[A-Z][a-z]{{2}}, ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)


def next_page(link: str) -> str | None:
    """Return where a `Link` field says that a list goes on, or None if it ends here.

    Raises `SealError` where it cannot be read: a list cut short would hide what comes after.
    """
    if len(link) > limits.LINK_CHARS:
        raise _unreadable("Link")
    place = 0
    while link[place:].strip(" \t,"):
        target = _TARGET.match(link, place)
        if target is None:
            raise _unreadable("Link")
        place, relations = _relations(link, target.end())
        if "next" in relations:
            return target[1]
    return None


def _relations(link: str, place: int) -> tuple[int, list[str]]:
    """Return where the parameters of a link end, and what its first `rel` says."""
    relations: list[str] | None = None
    while found := _PARAMETERS.match(link, place):
        place = found.end()
        if found[1].lower() == "rel" and relations is None:
            relations = (found[2] or "").strip('"').lower().split()
    end = _END.match(link, place)
    if end is None:
        raise _unreadable("Link")
    return end.end(), relations or []


def require_rest(content_range: str, *, start: int, size: int) -> None:
    """Raise `SealError` unless a `Content-Range` is everything from `start` on of `size` bytes."""
    if content_range not in (f"bytes {start}-{size - 1}/{size}", f"bytes {start}-{size - 1}/*"):
        raise SealError(
            SealRefusal.REGISTRY_MALFORMED, f"asked for the bytes from {start} on, got others"
        )


def received(text: str) -> int:
    """Return how many bytes the `Range` of an upload session says it has; 0 if it is not known.

    Distribution spec, "Pushing a blob in chunks": the last byte is named, so that nothing and one
    byte look the same.
    """
    found = _RECEIVED.fullmatch(text)
    last = 0 if found is None else int(found[1])
    return last + 1 if last else 0


def retry_after(after: str, date: str) -> float | None:
    """Return for how many seconds a registry wants to be left alone, None if it does not say.

    A date is compared with the registry's own `Date`, so that no clock has to agree with ours.
    """
    if _SECONDS.fullmatch(after):
        return float(after[: limits.RETRY_AFTER_CHARS])
    until, now = _moment(after), _moment(date)
    if until is None or now is None:
        return None
    return max((until - now).total_seconds(), 0.0)


def parse_tags(body: bytes) -> tuple[str, ...]:
    """Return the tags in one answer to `/tags/list`, or raise `SealError`."""
    value = parse_json(body, limit_bytes=limits.TAGS_BYTES, what="tags")
    if not isinstance(value, dict):
        raise _unreadable("list of tags")
    # Some registries say null where they have none.
    found = value.get("tags")
    if not isinstance(found, list | None):
        raise _unreadable("list of tags")
    if not all(is_tag(tag) for tag in found or ()):
        raise _unreadable("list of tags")
    return tuple(found or ())


def _moment(text: str) -> datetime | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    day, month, year, hour, minute, second = found.groups()
    try:
        return datetime(
            int(year), _MONTHS.index(month) + 1, int(day),
            int(hour), int(minute), int(second), tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        return None


def _unreadable(what: str) -> SealError:
    return SealError(SealRefusal.REGISTRY_MALFORMED, f"the registry's {what} cannot be read")
