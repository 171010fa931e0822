from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import limits
from sealing.bom import BillOfMaterials, bill_of_materials
from sealing.errors import SealError, SealRefusal
from tests.unit.sealing import wasm_maker as wasm
from tests.unit.sealing.wasm_maker import HEADER, leb, name, section, vector

MALFORMED = SealRefusal.MODULE_MALFORMED
UNSUPPORTED = SealRefusal.MODULE_UNSUPPORTED


def refusal_of(module: bytes) -> SealRefusal:
    with pytest.raises(SealError) as caught:
        bill_of_materials(module)
    return caught.value.code


def data_with(offset_expression: bytes) -> bytes:
    return HEADER + section(11, vector(b"\x00" + offset_expression + name(b"x")))


def import_of(kind_and_type: bytes) -> bytes:
    return HEADER + wasm.TYPES + section(2, vector(name("m") + name("n") + kind_and_type))


def test_everything_a_module_declares() -> None:
    assert bill_of_materials(wasm.FULL).to_document() == {
        "kind": "core",
        "imports": [
            {
                "module": "wasi_snapshot_preview1",
                "name": "fd_close",
                "kind": "func",
                "type": "(func (param i32) (result i32))",
            },
            {"module": "env", "name": "table", "kind": "table", "type": "(table 1 funcref)"},
            {"module": "env", "name": "memory", "kind": "memory", "type": "(memory 1 2)"},
            {"module": "env", "name": "sp", "kind": "global", "type": "(global (mut i32))"},
            {"module": "env", "name": "oops", "kind": "tag", "type": "(tag)"},
        ],
        "exports": [
            {"name": "_start", "kind": "func", "type": "(func)"},
            {"name": "memory", "kind": "memory", "type": "(memory 1)"},
            {"name": "limit", "kind": "global", "type": "(global i64)"},
            {"name": "handles", "kind": "table", "type": "(table 2 3 externref)"},
            {"name": "tag", "kind": "tag", "type": "(tag)"},
        ],
        "memories": [{"minimum": 1, "maximum": None, "shared": False, "wide": False}],
        "tables": [{"element": "externref", "minimum": 2, "maximum": 3}],
        "functions": 1,
        "data": {"segments": 2, "bytes": 22},
        "start": 1,
        "producers": [{"field": "language", "name": "C", "version": "17"}],
    }


def test_the_smallest_module() -> None:
    bill = bill_of_materials(HEADER)
    assert (bill.imports, bill.exports, bill.start, bill.data.bytes) == ((), (), None, 0)


@pytest.mark.parametrize("module", [wasm.FULL, wasm.SMALL, HEADER])
def test_documents_round_trip(module: bytes) -> None:
    bill = bill_of_materials(module)
    assert BillOfMaterials.from_document(bill.to_document()) == bill
    assert bill_of_materials(memoryview(bytearray(module))) == bill


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"extra": 1}, SealRefusal.UNKNOWN_MEMBER),
        ({"kind": "component"}, SealRefusal.MALFORMED),
        ({"functions": True}, SealRefusal.MALFORMED),
        ({"functions": -1}, SealRefusal.MALFORMED),
        ({"start": "1"}, SealRefusal.MALFORMED),
        ({"imports": [{"module": "m"}]}, SealRefusal.MALFORMED),
        ({"imports": {}}, SealRefusal.MALFORMED),
        ({"data": {"segments": 0, "bytes": 0, "more": 1}}, SealRefusal.UNKNOWN_MEMBER),
    ],
)
def test_documents_are_exact(change: dict, code: SealRefusal) -> None:
    document = bill_of_materials(wasm.SMALL).to_document() | change
    with pytest.raises(SealError) as caught:
        BillOfMaterials.from_document(document)
    assert caught.value.code == code


def test_documents_are_objects() -> None:
    with pytest.raises(SealError):
        BillOfMaterials.from_document([])


@pytest.mark.parametrize(
    ("module", "code"),
    [
        (b"", SealRefusal.NOT_WASM),
        (b"\0asm", SealRefusal.NOT_WASM),
        (b"\0asm\x01\0\0", SealRefusal.NOT_WASM),
        (b"\0asn\x01\0\0\0", SealRefusal.NOT_WASM),
        (b"\0asm\x02\0\0\0", UNSUPPORTED),
        (wasm.COMPONENT, UNSUPPORTED),
    ],
)
def test_heads(module: bytes, code: SealRefusal) -> None:
    assert refusal_of(module) == code


@pytest.mark.parametrize(
    "tail",
    [
        b"\x01",
        b"\x01\x05\x00",
        b"\x0e\x00",
        section(3, vector()) + section(1, vector()),
        section(1, vector()) * 2,
        section(6, vector()) + section(13, vector()),
        section(10, vector()) + section(12, vector()),
        section(1, vector() + b"\0"),
        section(1, leb(1)),
        section(8, b"\x80\x80\x80\x80\x80\x00"),
        section(8, b"\x80\x80\x80\x80\x10"),
        section(3, vector(leb(0))),
        section(7, vector(name("f") + b"\x00" + leb(0))),
        section(7, vector(name("f") + b"\x05" + leb(0))),
        section(7, vector(name(b"\xff") + b"\x00" + leb(0))),
        section(5, vector(b"\x02\x01")),
        section(5, vector(b"\x04" + b"\xff" * 9 + b"\x01")),
        section(5, vector(b"\x04" + b"\xff" * 9 + b"\x02")),
        section(6, vector(b"\x7f\x02\x0b")),
        section(6, vector(b"\x7f\x00\x41\x80\x80\x80\x80\x80\x00\x0b")),
        section(11, vector(b"\x03")),
        section(13, vector(b"\x01\x00")),
        section(13, vector(b"\x00\x00")),
        wasm.producers() * 2,
        wasm.custom("producers", vector() + b"\0"),
        section(0, b"\x05ab"),
    ],
)
def test_malformed_sections(tail: bytes) -> None:
    assert refusal_of(HEADER + tail) == MALFORMED


@pytest.mark.parametrize(
    "tail",
    [
        section(1, vector(b"\x5f\x00")),
        section(1, vector(b"\x60" + vector(b"\x64\x70") + vector())),
        section(4, vector(b"\x63\x70\x00\x01")),
        section(4, vector(b"\x40\x00\x70\x00\x01\xd0\x70\x0b")),
        section(4, vector(b"\x70\x03\x01\x01")),
        section(5, vector(b"\x08\x01\x00")),
        section(6, vector(b"\x7f\x00\xfb\x00\x0b")),
        section(6, vector(b"\x7b\x00\xfd\x0d\x0b")),
        section(6, vector(b"\x70\x00\xd0\x6e\x0b")),
    ],
)
def test_features_without_a_bill_are_named(tail: bytes) -> None:
    assert refusal_of(HEADER + tail) == UNSUPPORTED


@pytest.mark.parametrize(
    "expression",
    [
        b"\x41\x7f\x0b",
        b"\x41\x80\x80\x80\x80\x00\x0b",
        b"\x42" + b"\x80" * 9 + b"\x00\x0b",
        b"\x43\x00\x00\x80\x3f\x0b",
        b"\x44" + bytes(8) + b"\x0b",
        b"\x23\x00\x0b",
        b"\xd2\x00\x0b",
        b"\xd0\x6f\x0b",
        b"\xfd\x0c" + bytes(16) + b"\x0b",
        b"\x41\x01\x41\x02\x6a\x0b",
        b"\x41\x0b\x0b",
    ],
)
def test_constant_expressions_are_passed_over(expression: bytes) -> None:
    assert bill_of_materials(data_with(expression)).data.bytes == 1


def test_data_segments_of_every_mode() -> None:
    segments = (b"\x00\x41\x00\x0b" + name(b"ab"), b"\x01" + name(b"c"))
    segments += (b"\x02\x00\x41\x00\x0b" + name(b"def"),)
    bill = bill_of_materials(HEADER + section(11, vector(*segments)))
    assert (bill.data.segments, bill.data.bytes) == (3, 6)


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        (b"\x02\x00\x01", "(memory 1)"),
        (b"\x02\x01\x01\x02", "(memory 1 2)"),
        (b"\x02\x03\x01\x02", "(memory 1 2 shared)"),
        (b"\x02\x04\x01", "(memory i64 1)"),
        (b"\x02\x07\x01\x02", "(memory i64 1 2 shared)"),
        (b"\x03\x7b\x00", "(global v128)"),
        (b"\x01\x6f\x05\x01\x02", "(table i64 1 2 externref)"),
        (b"\x04\x00\x00", "(tag (param i32) (result i32))"),
    ],
)
def test_types_are_written_as_text(encoded: bytes, text: str) -> None:
    assert bill_of_materials(import_of(encoded)).imports[0].type == text


@pytest.mark.parametrize("excess", [0, 1])
def test_counts_are_bounded(excess: int) -> None:
    entries = vector(*[name("m") + name("n") + b"\x00" + leb(0)] * (limits.BILL_IMPORTS + excess))
    module = HEADER + wasm.TYPES + section(2, entries)
    if excess:
        assert refusal_of(module) == SealRefusal.TOO_LARGE
    else:
        assert len(bill_of_materials(module).imports) == limits.BILL_IMPORTS


@pytest.mark.parametrize("excess", [0, 1])
def test_names_are_bounded(excess: int) -> None:
    long_name = name("n" * (limits.BILL_NAME_BYTES + excess))
    module = HEADER + wasm.TYPES + section(2, vector(name("m") + long_name + b"\x00" + leb(0)))
    if excess:
        assert refusal_of(module) == SealRefusal.TOO_LARGE
    else:
        assert len(bill_of_materials(module).imports[0].name) == limits.BILL_NAME_BYTES


def types_of(values: int) -> bytes:
    """A type section of functions that take and give `values` references each."""
    return section(1, vector(b"\x60" + vector(*[b"\x6f"] * values) * 2))


PRODUCERS = limits.BILL_PRODUCERS // 2


@pytest.mark.parametrize(
    "tail",
    [
        wasm.custom("x") * (limits.BILL_SECTIONS + 1),
        section(5, vector(*[b"\x00\x01"] * (limits.BILL_MEMORIES + 1))),
        section(4, vector(*[b"\x70\x00\x01"] * (limits.BILL_TABLES + 1))),
        section(1, leb(1) + bytes(limits.BILL_TYPE_BYTES)),
        types_of(limits.BILL_TYPE_VALUES + 1),
        section(
            6, vector(b"\x7f\x00" + b"\x6a" * (limits.BILL_CONSTANT_INSTRUCTIONS + 1) + b"\x0b")
        ),
        wasm.custom(
            "producers",
            vector(*[name("f") + vector(*[name("t") + name("1")] * PRODUCERS)] * 3),
        ),
    ],
)
def test_what_costs_the_reader_is_bounded(tail: bytes) -> None:
    assert refusal_of(HEADER + tail) == SealRefusal.TOO_LARGE


def test_bounds_of_a_bill_that_still_pass() -> None:
    instructions = b"\x6a" * limits.BILL_CONSTANT_INSTRUCTIONS
    module = (
        HEADER
        + types_of(limits.BILL_TYPE_VALUES)
        + section(2, vector(name("m") + name("n") + b"\x00" + leb(0)))
        + section(4, vector(*[b"\x70\x00\x01"] * limits.BILL_TABLES))
        + section(5, vector(*[b"\x00\x01"] * limits.BILL_MEMORIES))
        + section(6, vector(b"\x7f\x00" + instructions + b"\x0b"))
        + wasm.custom(
            "producers",
            vector(*[name("f") + vector(*[name("t") + name("1")] * PRODUCERS)] * 2),
        )
    )
    bill = bill_of_materials(module + wasm.custom("x") * (limits.BILL_SECTIONS - 6))
    assert (len(bill.tables), len(bill.memories)) == (limits.BILL_TABLES, limits.BILL_MEMORIES)
    assert len(bill.producers) == limits.BILL_PRODUCERS
    assert len(bill.imports[0].type) < limits.BILL_TYPE_CHARS
    assert BillOfMaterials.from_document(bill.to_document()) == bill


def test_modules_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(limits, "MODULE_BYTES", len(wasm.SMALL) - 1)
    assert refusal_of(wasm.SMALL) == SealRefusal.TOO_LARGE


def test_custom_sections_are_not_part_of_the_bill() -> None:
    for title in ("name", "producer", "producerz", ""):
        module = wasm.SMALL + wasm.custom(title, b"anything")
        assert bill_of_materials(module) == bill_of_materials(wasm.SMALL)


def outcome(module: bytes) -> SealError | BillOfMaterials:
    try:
        return bill_of_materials(module)
    except SealError as error:
        return error


@given(st.binary(max_size=200))
def test_any_tail_is_a_bill_or_our_error(tail: bytes) -> None:
    for module in (tail, HEADER + tail, HEADER + wasm.TYPES + tail):
        assert outcome(module)


@given(st.integers(0, len(wasm.FULL) * 8 - 1))
def test_any_flipped_bit_is_a_bill_or_our_error(bit: int) -> None:
    module = bytearray(wasm.FULL)
    module[bit // 8] ^= 1 << bit % 8
    assert "canary" not in str(outcome(bytes(module)))


@pytest.mark.parametrize("size", range(len(wasm.FULL)))
def test_any_cut_is_a_bill_or_our_error(size: int) -> None:
    found = outcome(wasm.FULL[:size])
    if isinstance(found, SealError):
        assert found.code in {MALFORMED, SealRefusal.NOT_WASM}
