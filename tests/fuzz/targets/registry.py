"""What registries say in header fields and lists."""

from __future__ import annotations

import json
from collections.abc import Callable

from sealing.errors import SealError
from sealing.oci.fields import next_page, parse_tags, received, require_rest, retry_after
from tests.fuzz.target import Target

_NOON = "Mon, 23 Nov 2026 12:00:00 GMT"


def _field(read: Callable[[str], object]) -> Callable[[bytes], object]:
    """Read a field as httpx gives it; `sealing`'s refusal is an answer."""

    def run(data: bytes) -> object:
        try:
            return read(data.decode("latin-1"))
        except SealError as error:
            return error

    return run


def _tags(data: bytes) -> object:
    try:
        return parse_tags(data)
    except SealError as error:
        return error


def _both_dates(text: str) -> object:
    return retry_after(text, _NOON), retry_after(_NOON, text)


TARGETS = [
    Target(
        "registry-link",
        _field(next_page),
        lambda: [
            b'</v2/a/tags/list?last=v1>; rel="next"',
            b'<x>; a="b, c"; rel=prev, <y>;rel=next',
        ],
    ),
    Target(
        "registry-content-range",
        _field(lambda text: require_rest(text, start=5, size=10)),
        lambda: [b"bytes 5-9/10", b"bytes 5-9/*"],
    ),
    Target("registry-upload-range", _field(received), lambda: [b"0-0", b"0-1048575"]),
    Target("registry-retry-after", _field(_both_dates), lambda: [b"30", _NOON.encode()]),
    Target(
        "registry-tags",
        _tags,
        lambda: [json.dumps({"name": "a/b", "tags": tags}).encode() for tags in (["v1"], None)],
    ),
]
