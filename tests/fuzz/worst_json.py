"""JSON of 1 MiB that holds as much as a reader takes, or a little more, in every shape there is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice, repeat

from sealing.canonical import most_values
from sealing.limits import JSON_MEMBERS

SIZE = 1 << 20
# Names that sort in three ways: as bytes, as code points, and as UTF-16 only.
_HEADS = ("", "é", "\U0001f600")


def texts(before: bytes = b"", after: bytes = b"", *, dense: bool = False) -> Iterator[bytes]:
    """Give lists between `before` and `after`, where a document takes any value."""
    room = most_values(SIZE, dense=dense) - before.count(b",") - after.count(b",") - 64
    for body in _bodies(room):
        yield before + body + after
        filling = b' ,"' + b"x" * max(0, SIZE - len(before) - len(body) - len(after) - 5) + b'"]'
        yield before + body[:-1] + filling + after


def _bodies(room: int) -> Iterator[bytes]:
    for head in _HEADS:
        for members in (1, 4, 64, JSON_MEMBERS):
            yield _list(_objects(head, members), room // (members + (members < JSON_MEMBERS)))
    for item in ('{"a":0}', "{}", "[]", "1", "-9007199254740991", '"x"', '",[{"', '"\\u00e9\\n"'):
        yield _list(repeat(item), room // (1 + item.count("[") + item.count("{")))
    for nested in ("[" * 24 + "]" * 24, '{"a":' * 24 + "1" + "}" * 24):
        yield _list(repeat(nested), room // 25)
    for filler in (b",[{", b'\\"', b"\\u00e9", "é".encode(), b"\\ud83d\\ude00"):
        yield b'["' + filler * ((SIZE - 64) // len(filler)) + b'"]'


def _objects(head: str, members: int) -> Iterator[str]:
    numbers = count()
    while True:
        inside = ",".join(f'"{head}{number:05x}":0' for number in islice(numbers, members))
        yield "{" + inside + "}"


def _list(items: Iterator[str], most: int) -> bytes:
    return ("[" + ",".join(islice(items, most)) + "]").encode()
