"""Fields of answers: what is read, and what is refused rather than guessed."""

from __future__ import annotations

import json

import pytest

from sealing.errors import SealRefusal
from sealing.oci import limits
from sealing.oci.fields import next_page, parse_tags, received, require_rest, retry_after
from tests.unit.sealing.oci.samples import refusal

NOON = "Mon, 23 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("", None),
        (" , ", None),
        ('</next>; rel="next"', "/next"),
        ("</next>;rel=next", "/next"),
        ('</next>; REL="NEXT"', "/next"),
        ('</next>; title="a, <b>; rel=x"; rel="next"', "/next"),
        ('</next>; rel="last next"', "/next"),
        ('</x>; rel="prev", </next>; rel="next"', "/next"),
        ('</x>; rel="prev" ,, </next> ; rel=next ,', "/next"),
        ("</x>", None),
        ("</x>; rel", None),
        ('</x>; rel=prev; rel="next"', None),
        ('</x>; rel="nextpage"', None),
        ("<>; rel=next", ""),
    ],
)
def test_next_page(link: str, target: str | None) -> None:
    assert next_page(link) == target


@pytest.mark.parametrize(
    "link",
    [
        "/next; rel=next",
        "</next; rel=next",
        '</next>; rel="next',
        "</next> rel=next",
        "</next>; ; rel=next",
        "</next>; rel=next x",
        "</x>, next",
        "<a<b>; rel=next",
        "</next>; rel=" + "x" * limits.LINK_CHARS,
    ],
)
def test_links_that_cannot_be_read_hide_nothing(link: str) -> None:
    assert refusal(next_page, link) is SealRefusal.REGISTRY_MALFORMED


def test_the_rest_and_nothing_else() -> None:
    require_rest("bytes 5-9/10", start=5, size=10)
    require_rest("bytes 5-9/*", start=5, size=10)
    for said in ("bytes 5-9/11", "bytes 4-9/10", "bytes 05-9/10", "5-9/10", "bytes 5-8/10", ""):
        code = refusal(require_rest, said, start=5, size=10)
        assert code is SealRefusal.REGISTRY_MALFORMED


@pytest.mark.parametrize(
    ("text", "count"),
    [("0-0", 0), ("0-1", 2), ("0-999", 1000), ("", 0), ("1-9", 0), ("0--1", 0), ("0-1 ", 0),
     ("0-9" + "9" * 15, 0), ("0-\u0661", 0)],
)  # fmt: skip
def test_what_a_session_has(text: str, count: int) -> None:
    assert received(text) == count


@pytest.mark.parametrize(
    ("after", "date", "seconds"),
    [
        ("7", "", 7.0),
        ("0", NOON, 0.0),
        ("007", "", 7.0),
        ("Mon, 23 Nov 2026 12:00:09 GMT", NOON, 9.0),
        ("Tue, 24 Nov 2026 12:00:00 GMT", NOON, 86400.0),
        ("Mon, 23 Nov 2026 11:59:59 GMT", NOON, 0.0),
        ("Mon, 23 Nov 2026 12:00:09 GMT", "", None),
        ("Mon, 23 Nov 2026 12:00:09 GMT", "yesterday", None),
        ("Monday, 23-Nov-26 12:00:09 GMT", NOON, None),
        ("Mon Nov 23 12:00:09 2026", NOON, None),
        ("Mon, 31 Feb 2026 12:00:09 GMT", NOON, None),
        ("Mon, 23 Nov 0000 12:00:09 GMT", NOON, None),
        ("Mon, 23 Nov 2026 25:00:09 GMT", NOON, None),
        ("Mon, 23 Nov 2026 12:00:09 CET", NOON, None),
        ("-1", NOON, None),
        ("1.5", NOON, None),
        ("\u0661", NOON, None),
        ("", NOON, None),
    ],
)
def test_when_to_come_back(after: str, date: str, seconds: float | None) -> None:
    assert retry_after(after, date) == seconds


def test_very_long_is_very_long() -> None:
    after = retry_after("9" * 5000, "")
    assert after is not None
    assert after > limits.RETRY_AFTER_SECONDS


@pytest.mark.parametrize(
    ("document", "tags"),
    [
        ({"name": "acme", "tags": ["v1", "sha256-0.sig"]}, ("v1", "sha256-0.sig")),
        ({"name": "acme", "tags": []}, ()),
        ({"name": "acme", "tags": None}, ()),
        ({"name": "acme"}, ()),
    ],
)
def test_tags(document: object, tags: tuple[str, ...]) -> None:
    assert parse_tags(json.dumps(document).encode()) == tags


@pytest.mark.parametrize(
    "document",
    [[], "v1", None, {"tags": "v1"}, {"tags": {}}, {"tags": [1]}, {"tags": [None]},
     {"tags": ["../v1"]}, {"tags": [""]}, {"tags": ["v" * 129]}],
)  # fmt: skip
def test_no_tags(document: object) -> None:
    data = json.dumps(document).encode()
    assert refusal(parse_tags, data) is SealRefusal.REGISTRY_MALFORMED


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", SealRefusal.MALFORMED), (b'{"tags":[],"tags":[]}', SealRefusal.DUPLICATE_MEMBER),
     (b" " * (limits.TAGS_BYTES + 1), SealRefusal.TOO_LARGE)],
)  # fmt: skip
def test_no_document(data: bytes, code: SealRefusal) -> None:
    assert refusal(parse_tags, data) is code
