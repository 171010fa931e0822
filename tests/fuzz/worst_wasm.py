"""Modules and components of up to 1 MiB, each as many of one thing as its reader has to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.unit.sealing import component_maker as component
from tests.unit.sealing.component_maker import FUNC, HEADER, INSTANCE, TYPE, U8, of_instance
from tests.unit.sealing.wasm_maker import HEADER as CORE
from tests.unit.sealing.wasm_maker import custom, leb, name, section

SIZE = 1 << 20
# What a core module begins with so that the rest has something to be of.
TYPE_SECTION = section(1, b"\x01\x60\x00\x00")


def _many(number: int, item: bytes, most: int) -> bytes:
    """Return a section of as many `item` as `most` and the size allow."""
    count = min(most, (SIZE - 256) // len(item))
    return section(number, leb(count) + item * count)


def _module(*sections: bytes) -> bytes:
    """Return a module of these sections that is filled up to the size."""
    body = CORE + b"".join(sections)
    return body + custom("x", bytes(max(0, SIZE - len(body) - 16)))


def core_modules() -> Iterator[tuple[str, bytes]]:
    """Give core modules: one for each kind of entry and each limit that stops it early."""
    for most in (4000, 16_000, 40_000, 100_000, 1_000_000):
        yield f"functions {most}", _module(TYPE_SECTION, _many(3, b"\x00", most))
        yield f"functions padded {most}", _module(TYPE_SECTION, _many(3, b"\x80\x00", most))
        yield (
            f"functions long {most}",
            _module(TYPE_SECTION, _many(3, b"\x80\x80\x80\x80\x00", most)),
        )
        yield f"types {most}", _module(_many(1, b"\x60\x00\x00", most))
        yield f"globals {most}", _module(_many(6, b"\x7f\x00\x41\x00\x0b", most))
        arithmetic = b"\x7f\x00" + b"\x6a" * 31 + b"\x0b"
        yield f"globals computed {most}", _module(_many(6, arithmetic, most))
        yield f"tags {most}", _module(TYPE_SECTION, _many(13, b"\x00\x00", most))
        yield f"passive segments {most}", _module(_many(11, b"\x01\x00", most))
        yield f"segments {most}", _module(_many(11, b"\x00\x41\x00\x0b\x00", most))
        yield f"segments one byte {most}", _module(_many(11, b"\x00\x41\x00\x0b\x01x", most))
        computed = b"\x00" + b"\x6a" * 31 + b"\x0b\x00"
        yield f"segments computed {most}", _module(_many(11, computed, most))
        yield (
            f"segments long {most}",
            _module(_many(11, b"\x80\x00\x41\x80\x80\x00\x0b\x80\x00", most)),
        )
    values = b"\x60" + leb(1000) + b"\x7f" * 1000 + leb(1000) + b"\x7b" * 1000
    for most in (30, 60, 120, 500):
        yield f"wide types {most}", _module(_many(1, values, most))
        yield (
            f"wide tags {most}",
            _module(section(1, b"\x01" + values), _many(13, b"\x00\x00", most * 100)),
        )
    for length in (0, 2, 40, 200):
        exported = name("e" * length) + b"\x00\x00"
        yield (
            f"exports {length}",
            _module(TYPE_SECTION, section(3, b"\x01\x00"), _many(7, exported, 16384)),
        )
        imported = name("m" * length) + name("n" * length) + b"\x00\x00"
        yield f"imports {length}", _module(TYPE_SECTION, _many(2, imported, 4096))
    yield "custom sections", _module(*[custom("")] * 1000)


def _component(*sections: bytes) -> bytes:
    body = HEADER + b"".join(sections)
    return body + custom("x", bytes(max(0, SIZE - len(body) - 16)))


def _vectors(item: bytes, most: int) -> bytes:
    return leb(min(most, (SIZE - 4096) // len(item))) + item * min(most, (SIZE - 4096) // len(item))


def _core_in_component(*sections: bytes) -> bytes:
    return component.core(CORE + b"".join(sections))


_IMPORT = component.imports(component.extern("a") + INSTANCE + leb(0))
_INSTANCE = component.types(component.instance_type(component.declares_export("t", b"\x03\x01")))


def components() -> Iterator[tuple[str, bytes]]:
    """Give components: one for each kind of definition and each limit that stops it early."""
    for most in (4000, 8000, 16_000, 32_000, 100_000):
        yield from ((f"{what} {most}", data) for what, data in _definitions(most))
    for most in (1000, 4000, 16_000):
        yield f"sections {most}", _component(*[component.types()] * most)
        yield f"custom sections {most}", _component(*[custom("")] * most)
        yield f"core instances {most}", _component(*[section(2, b"\x00")] * most)
        yield f"inner {most}", _component(*[component.inner(HEADER)] * most)
    for count in (40, 256):
        yield from ((f"{what} {count}", data) for what, data in _inner_modules(count))


def _definitions(most: int) -> Iterator[tuple[str, bytes]]:
    def types(item: bytes, count: int = most) -> bytes:
        return _component(section(7, _vectors(item, count)))

    yield "types", types(U8)
    yield "resources", types(b"\x3f\x7f\x00")
    yield (
        "lists",
        _component(section(7, leb(min(most, 32000)) + U8 + b"\x70\x7d" * (min(most, 32000) - 1))),
    )
    yield "functions", types(b"\x40\x00\x01\x00")
    flags = b"\x6e" + leb(1000) + b"\x01a" * 1000
    yield "flags", types(flags, most // 1000)
    record = b"\x72" + leb(1000) + b"\x01a\x7d" * 1000
    yield "records", types(record, most // 1000)
    variant = b"\x71" + leb(1000) + b"\x01a\x01\x7d\x00" * 1000
    yield "variants", types(variant, most // 1000)
    several = b"\x6f" + leb(1000) + b"\x7d" * 1000
    yield "tuples", types(several, most // 1000)
    parameters = b"\x40" + leb(1000) + b"\x01a\x7d" * 1000 + b"\x01\x00"
    yield "parameters", types(parameters, most // 1000)
    declared = b"\x42" + _vectors(component.declares_type(U8), most)
    yield "declared types", types(declared, 1)
    exported = b"\x42" + _vectors(component.declares_export("t", b"\x03\x01"), most)
    yield "declared exports", types(exported, 1)
    aliased = component.declares_type(U8)
    outer = component.declares_alias(component.outer_type(0, 0))
    count = min(most, SIZE // 8)
    yield "declared aliases", types(b"\x42" + leb(count + 1) + aliased + outer * count, 1)
    yield "nested types", types(b"\x42\x01\x01\x42\x00", most)
    alias = of_instance(TYPE, 0, "t")
    yield "aliases", _component(_INSTANCE, _IMPORT, section(6, _vectors(alias, most)))
    core_alias = b"\x00\x00\x01\x00\x00"
    yield "core aliases", _component(section(6, _vectors(core_alias, most)))
    yield "core outer aliases", _component(section(6, _vectors(b"\x00\x00\x02\x00\x00", most)))
    options = b"\x01\x00\x00" + _vectors(b"\x00", most)
    yield "options", _component(section(8, b"\x01" + options))
    yield "lowered", _component(section(8, _vectors(b"\x01\x00\x00\x00", most)))
    yield "drops", _component(section(8, _vectors(b"\x02\x00", most)))
    lifted = (
        component.types(b"\x40\x00\x01\x00"),
        section(8, _vectors(b"\x00\x00\x00\x00\x00", most)),
    )
    yield "lifted", _component(*lifted)
    arguments = b"\x00\x00" + _vectors(b"\x01a\x03\x00", most)
    yield "arguments", _component(component.inner(HEADER), section(5, b"\x01" + arguments))
    inline = b"\x01" + _vectors(b"\x00\x01a\x03\x00", most)
    yield "inline exports", _component(component.types(U8), section(5, b"\x01" + inline))
    yield (
        "instances",
        _component(component.inner(HEADER), section(5, _vectors(b"\x00\x00\x00", most))),
    )
    again = component.export("a", INSTANCE, 0)
    yield "exports", _component(_INSTANCE, _IMPORT, section(11, _vectors(again, min(most, 16384))))
    typed = component.export("abc", TYPE, 0)
    yield (
        "exported types",
        _component(component.types(U8), section(11, _vectors(typed, min(most, 16384)))),
    )
    imported = component.extern("abc") + FUNC + leb(0)
    yield (
        "imports",
        _component(
            component.types(b"\x40\x00\x01\x00"), section(10, _vectors(imported, min(most, 4096)))
        ),
    )


def _inner_modules(count: int) -> Iterator[tuple[str, bytes]]:
    room = SIZE // count - 64

    def many(number: int, item: bytes, most: int) -> bytes:
        found = min(most, room // len(item))
        return section(number, leb(found) + item * found)

    yield "inner memories", _component(*[_core_in_component(many(5, b"\x00\x01", 100))] * count)
    yield "inner tables", _component(*[_core_in_component(many(4, b"\x70\x00\x01", 100))] * count)
    yield "inner types", _component(*[_core_in_component(many(1, b"\x60\x00\x00", 10**6))] * count)
    for most in (10, 100, 10**6):
        yield (
            f"inner globals {most}",
            _component(*[_core_in_component(many(6, b"\x7f\x00\x41\x00\x0b", most))] * count),
        )
        yield (
            f"inner functions {most}",
            _component(*[_core_in_component(TYPE_SECTION, many(3, b"\x80\x00", most))] * count),
        )
        yield (
            f"inner segments {most}",
            _component(*[_core_in_component(many(11, b"\x01\x00", most))] * count),
        )


WORST: tuple[Callable[[], Iterator[tuple[str, bytes]]], ...] = (core_modules, components)
