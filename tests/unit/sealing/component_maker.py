"""Builds components section by section, valid or broken on purpose."""

from __future__ import annotations

from tests.unit.sealing.wasm_maker import SMALL, leb, name, producers, section, vector

HEADER = b"\0asm\x0d\0\x01\0"
U8, U32, STRING = b"\x7d", b"\x79", b"\x73"
FUNC, TYPE, COMPONENT, INSTANCE = b"\x01", b"\x03", b"\x04", b"\x05"
CORE_MODULE = b"\x00\x11"


def extern(text: str) -> bytes:
    return b"\x00" + name(text)


def types(*definitions: bytes) -> bytes:
    return section(7, vector(*definitions))


def imports(*entries: bytes) -> bytes:
    return section(10, vector(*entries))


def exports(*entries: bytes) -> bytes:
    return section(11, vector(*entries))


def export(text: str, sort: bytes, index: int, described: bytes = b"\x00") -> bytes:
    return extern(text) + sort + leb(index) + described


def instances(*entries: bytes) -> bytes:
    return section(5, vector(*entries))


def aliases(*entries: bytes) -> bytes:
    return section(6, vector(*entries))


def canonical(*entries: bytes) -> bytes:
    return section(8, vector(*entries))


def core(module: bytes) -> bytes:
    return section(1, module)


def inner(component: bytes) -> bytes:
    return section(4, component)


def func(*parameters: tuple[str, bytes], result: bytes | None = None) -> bytes:
    fields = vector(*[name(label) + kind for label, kind in parameters])
    return b"\x40" + fields + (b"\x01\x00" if result is None else b"\x00" + result)


def instance_type(*declarations: bytes) -> bytes:
    return b"\x42" + vector(*declarations)


def declares_type(definition: bytes) -> bytes:
    return b"\x01" + definition


def declares_alias(alias: bytes) -> bytes:
    return b"\x02" + alias


def declares_export(text: str, description: bytes) -> bytes:
    return b"\x04" + extern(text) + description


def outer_type(count: int, index: int) -> bytes:
    return TYPE + b"\x02" + leb(count) + leb(index)


def of_instance(sort: bytes, index: int, text: str) -> bytes:
    return sort + b"\x00" + leb(index) + name(text)


SUB_RESOURCE = b"\x03\x01"

# An interface with a resource, a record and a method, imported; a core module; a function exported.
CLOCK = instance_type(
    declares_export("timer", SUB_RESOURCE),
    declares_type(b"\x68" + leb(0)),
    declares_type(b"\x72" + vector(name("seconds") + U32, name("label") + STRING)),
    declares_export("moment", b"\x03\x00" + leb(2)),
    declares_type(func(("self", leb(1)), result=leb(3))),
    declares_export("[method]timer.now", FUNC + leb(4)),
)
WORLD = (
    HEADER
    + types(CLOCK)
    + imports(extern("acme:clock/timers@0.2.0") + INSTANCE + leb(0))
    + aliases(of_instance(TYPE, 0, "moment"))
    + core(SMALL)
    + types(func(("at", leb(1)), result=b"\x79"))
    + canonical(b"\x00\x00" + leb(0) + vector(b"\x03\x00") + leb(2))
    + exports(export("run", FUNC, 0))
    + producers(("language", "C", "17"))
)
EMPTY = HEADER
