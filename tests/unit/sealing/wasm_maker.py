"""Builds small WebAssembly binaries section by section, valid or broken on purpose."""

from __future__ import annotations

HEADER = b"\0asm\x01\0\0\0"


def leb(value: int) -> bytes:
    out = bytearray()
    while True:
        byte, value = value & 0x7F, value >> 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def vector(*items: bytes) -> bytes:
    return leb(len(items)) + b"".join(items)


def name(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return leb(len(raw)) + raw


def section(number: int, body: bytes) -> bytes:
    return bytes([number]) + leb(len(body)) + body


def custom(title: str | bytes, body: bytes = b"") -> bytes:
    return section(0, name(title) + body)


def producers(*entries: tuple[str, str, str]) -> bytes:
    fields = [name(field) + vector(name(tool) + name(version)) for field, tool, version in entries]
    return custom("producers", vector(*fields))


FUNC_I32_I32 = b"\x60" + vector(b"\x7f") + vector(b"\x7f")
FUNC_NOTHING = b"\x60" + vector() + vector()
TYPES = section(1, vector(FUNC_I32_I32, FUNC_NOTHING))
WASI = "wasi_snapshot_preview1"
IMPORTS = section(
    2,
    vector(
        name(WASI) + name("fd_close") + b"\x00" + leb(0),
        name("env") + name("table") + b"\x01\x70\x00" + leb(1),
        name("env") + name("memory") + b"\x02\x01" + leb(1) + leb(2),
        name("env") + name("sp") + b"\x03\x7f\x01",
        name("env") + name("oops") + b"\x04\x00" + leb(1),
    ),
)
FUNCTIONS = section(3, vector(leb(1)))
TABLES = section(4, vector(b"\x6f\x01" + leb(2) + leb(3)))
MEMORIES = section(5, vector(b"\x00" + leb(1)))
TAGS = section(13, vector(b"\x00" + leb(1)))
GLOBALS = section(6, vector(b"\x7e\x00" + b"\x42\x80\x7f\x0b"))
EXPORTS = section(
    7,
    vector(
        name("_start") + b"\x00" + leb(1),
        name("memory") + b"\x02" + leb(1),
        name("limit") + b"\x03" + leb(1),
        name("handles") + b"\x01" + leb(1),
        name("tag") + b"\x04" + leb(1),
    ),
)
START = section(8, leb(1))
ELEMENTS = section(9, b"\x00")
DATA_COUNT = section(12, leb(2))
CODE = section(10, vector(b"\x02\x00\x0b"))
DATA = section(
    11, vector(b"\x00\x41\x08\x0b" + name(b"canary in the data"), b"\x01" + name(b"more"))
)

ALL_SECTIONS = (
    TYPES,
    IMPORTS,
    FUNCTIONS,
    TABLES,
    MEMORIES,
    TAGS,
    GLOBALS,
    EXPORTS,
    START,
    ELEMENTS,
    DATA_COUNT,
    CODE,
    DATA,
)
FULL = HEADER + b"".join(ALL_SECTIONS) + producers(("language", "C", "17"))
SMALL = (
    HEADER
    + TYPES
    + section(2, vector(name(WASI) + name("fd_write") + b"\x00" + leb(0)))
    + FUNCTIONS
    + MEMORIES
    + section(7, vector(name("_start") + b"\x00" + leb(1), name("memory") + b"\x02" + leb(0)))
    + CODE
    + section(11, vector(b"\x00\x41\x08\x0b" + name(b"canary in the data")))
)
COMPONENT = b"\0asm\x0d\0\x01\0"
