from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from wasmtime import Engine
from wasmtime.component import Component

from sealing import limits
from sealing.bill import bill_of, parse_bill
from sealing.config import ModuleConfig
from sealing.envelope import open_envelope
from sealing.errors import SealError, SealRefusal
from sealing.module_source import ModuleBytes
from sealing.secret import SecretBuffer
from sealing.shapes import COMPAT
from sealing.unseal import unseal
from tests.fakes.sealing import bytes_of
from tests.guests.build import SOURCES, wat
from tests.unit.sealing import component_maker as maker
from tests.unit.sealing import makers
from tests.unit.sealing.component_maker import HEADER, WORLD
from tests.unit.sealing.test_seal_unseal import refusal_of, seal_one, verified
from tests.unit.sealing.wasm_maker import FULL, SMALL, custom, leb, name, section, vector
from tests.vectors.generate_bill import generate

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "vectors"
CASES = sorted(VECTORS.glob("bill/*/case.json"))
SPEC = ROOT / "docs" / "specs" / "bill-of-materials.md"
GUEST = wat((SOURCES / "components" / "world.wat").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    module = path.with_name("module.wasm").read_bytes()
    if case["expect"] == "accepted":
        assert bill_of(module).to_document() == case["bill"]
    else:
        assert refusal_of(bill_of, module) == case["expect"]


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate(tmp_path)
    made = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*") if path.is_file()}
    kept = [path for path in (VECTORS / "bill").rglob("*") if path.is_file()]
    assert set(made) == {path.relative_to(VECTORS) for path in kept}
    for where, path in made.items():
        assert path.read_bytes() == (VECTORS / where).read_bytes(), where


def test_every_step_has_a_vector() -> None:
    steps = set(re.findall(r"\*\*(B[\d.]+)\*\*", SPEC.read_text(encoding="utf-8")))
    cited = [json.loads(path.read_bytes()) for path in CASES]
    assert {case["why"].split(":")[0] for case in cited} == steps
    assert {case["why"].split(":")[0] for case in cited if case["expect"] != "accepted"} == steps


def test_the_world_of_a_real_component() -> None:
    bill = bill_of(GUEST).to_document()
    found = {item["name"]: item for item in bill["imports"] + bill["exports"]}
    assert {name: item["type"] for name, item in found.items()} == {
        "wasi:io/error@0.2.0": "instance",
        "wasi:io/streams@0.2.0": "instance",
        "log": "func(msg: string, level: option<u8>)",
        "point": "record {x: u32, y: list<string>}",
        "wasi:cli/run@0.2.0": "instance",
        "acme:x/y": "instance",
        "go": "func() -> result",
    }
    streams = {one["name"]: one["type"] for one in found["wasi:io/streams@0.2.0"]["members"]}
    assert streams == {
        "output-stream": "resource",
        "error": "wasi:io/error@0.2.0.error",
        "stream-error": "variant {last-operation-failed(error), closed}",
        "[method]output-stream.blocking-write-and-flush": "func(self: borrow<output-stream>, "
        "contents: list<u8>) -> result<_, stream-error>",
    }
    run = [{"name": "run", "kind": "func", "type": "func() -> result"}]
    assert found["wasi:cli/run@0.2.0"]["members"] == run
    (module,) = bill["modules"]
    assert module["memories"] == [{"minimum": 1, "maximum": 4, "shared": False, "wide": False}]
    assert module["tables"] == [{"element": "funcref", "minimum": 3, "maximum": 10}]
    assert (module["functions"], module["data"]) == (1, {"segments": 1, "bytes": 5})
    assert (bill["components"], len(bill["producers"])) == (1, 2)


@pytest.mark.parametrize("component", [GUEST, HEADER])
def test_the_engine_sees_the_same_names(component: bytes) -> None:
    engine, bill = Engine(), bill_of(component)
    with Component(engine, component) as compiled:
        seen = compiled.type
        # It does not list types, which nobody has to provide.
        provided = [one.name for one in bill.imports if one.kind != "type"]
        assert sorted(seen.imports(engine)) == sorted(provided)
        assert sorted(seen.exports(engine)) == sorted(one.name for one in bill.exports)


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        (b"\x7f", "bool"),
        (b"\x64", "error-context"),
        (b"\x6f" + vector(b"\x7d", b"\x73"), "tuple<u8, string>"),
        (b"\x6e" + vector(name("a"), name("b")), "flags {a, b}"),
        (b"\x6d" + vector(name("a"), name("b")), "enum {a, b}"),
        (b"\x6b\x74", "option<char>"),
        (b"\x6a\x00\x00", "result"),
        (b"\x6a\x01\x79\x00", "result<u32>"),
        (b"\x6a\x00\x01\x79", "result<_, u32>"),
        (b"\x6a\x01\x73\x01\x79", "result<string, u32>"),
        (b"\x67\x7d" + leb(16), "list<u8, 16>"),
        (b"\x66\x00", "stream"),
        (b"\x65\x01\x7d", "future<u8>"),
        (b"\x40\x00\x01\x00", "func()"),
        (b"\x43\x00\x00\x7d", "async func() -> u8"),
    ],
)
def test_types_are_written_as_in_wit(definition: bytes, text: str) -> None:
    described = b"\x01\x00" if definition[0] in (0x40, 0x43) else b"\x03\x00\x00"
    imports = maker.imports(maker.extern("it") + described)
    found = bill_of(HEADER + maker.types(definition) + imports)
    assert [item.type for item in found.imports] == [text]


CORE_DESCRIPTION = b"\x00\x11\x00"
A_FUNC = maker.types(maker.func())
LIFTED = A_FUNC + maker.canonical(b"\x00\x00\x00" + vector() + leb(0))
A_COMPONENT_TYPE = b"\x41" + vector(
    b"\x01" + maker.func(),
    b"\x03" + maker.extern("in") + b"\x01\x00",
    b"\x04" + maker.extern("out") + b"\x01\x00",
)


@pytest.mark.parametrize(
    ("sections", "exported"),
    [
        (
            maker.imports(maker.extern("m") + CORE_DESCRIPTION)
            + maker.exports(maker.export("it", maker.CORE_MODULE, 0)),
            ("module", "core module"),
        ),
        (
            maker.core(SMALL) + maker.exports(maker.export("it", maker.CORE_MODULE, 0)),
            ("module", "core module"),
        ),
        (
            maker.types(b"\x3f\x7f\x01\x07") + maker.exports(maker.export("it", maker.TYPE, 0)),
            ("resource", "resource"),
        ),
        (
            maker.types(A_COMPONENT_TYPE)
            + maker.imports(maker.extern("c") + b"\x04\x00")
            + maker.exports(maker.export("it", maker.COMPONENT, 0)),
            ("component", "component"),
        ),
        (
            LIFTED
            + maker.canonical(
                b"\x01\x00\x00" + vector(b"\x00", b"\x04\x07"), b"\x02\x00", b"\x07\x00"
            )
            + maker.exports(maker.export("it", maker.FUNC, 0, b"\x01\x01\x00")),
            ("func", "func()"),
        ),
        (
            # Aliases of core things and of types further out are passed over or taken along.
            maker.types(b"\x7d")
            + maker.aliases(
                b"\x00\x00\x01\x05" + name("f"), b"\x00\x10\x02\x00\x00", maker.outer_type(0, 0)
            )
            + maker.exports(maker.export("it", maker.TYPE, 1)),
            ("type", "u8"),
        ),
        (
            LIFTED
            + maker.instances(b"\x01" + vector(maker.extern("f") + maker.FUNC + leb(0)))
            + maker.aliases(maker.of_instance(maker.FUNC, 0, "f"))
            + maker.exports(maker.export("it", maker.FUNC, 1)),
            ("func", "func()"),
        ),
    ],
)
def test_what_can_be_exported(sections: bytes, exported: tuple[str, str]) -> None:
    bill = bill_of(HEADER + sections)
    assert [(one.kind, one.type) for one in bill.exports] == [exported]


@pytest.mark.parametrize(
    "sections",
    [
        maker.types(b"\x3f\x7e\x00"),
        maker.types(b"\x70\x41"),
        maker.aliases(b"\x00\x07\x00\x00"),
        maker.aliases(b"\x02\x00\x00\x00"),
        maker.imports(maker.extern("v") + b"\x02\x01\x7d"),
        maker.imports(maker.extern("v") + b"\x09\x00"),
        maker.exports(maker.export("f", b"\x00\x00", 0)),
        A_FUNC + maker.canonical(b"\x00\x00\x00" + vector(b"\x09") + leb(0)),
    ],
)
def test_what_nobody_here_reads_yet(sections: bytes) -> None:
    assert refusal_of(bill_of, HEADER + sections) is SealRefusal.MODULE_UNSUPPORTED


@pytest.mark.parametrize(
    "sections",
    [
        maker.types(b"\x3f\x7f\x02"),
        maker.types(b"\x6a\x02"),
        maker.types(b"\x71" + vector(name("a") + b"\x00\x01")),
        maker.types(b"\x40" + vector() + b"\x01\x01"),
        maker.types(b"\x40" + vector() + b"\x02"),
        maker.types(b"\x7d") + maker.imports(maker.extern("t") + b"\x03\x02"),
        maker.imports(maker.extern("m") + b"\x00\x12\x00"),
        maker.instances(b"\x02"),
        maker.instances(b"\x00\x00" + vector()),
        maker.aliases(maker.TYPE + b"\x03\x00"),
        maker.types(maker.instance_type())
        + maker.imports(maker.extern("i") + maker.INSTANCE + leb(0))
        + maker.aliases(b"\x00\x00\x00\x00" + name("f")),
        A_FUNC + maker.canonical(b"\x00\x01"),
        LIFTED + maker.exports(maker.export("f", maker.FUNC, 0, b"\x02")),
        maker.inner(SMALL),
    ],
)
def test_what_breaks_the_format(sections: bytes) -> None:
    assert refusal_of(bill_of, HEADER + sections) is SealRefusal.MODULE_MALFORMED


def test_too_many_imports_and_exports() -> None:
    one = maker.types(b"\x7d")
    imported = maker.imports(*[maker.extern("i") + b"\x03\x00\x00"] * (limits.BILL_IMPORTS + 1))
    exported = maker.exports(*[maker.export("e", maker.TYPE, 0)] * (limits.BILL_EXPORTS + 1))
    for sections in (imported, exported):
        assert refusal_of(bill_of, HEADER + one + sections) is SealRefusal.TOO_LARGE


def test_the_largest_entries_still_pass() -> None:
    one = maker.types(b"\x7d")
    imported = maker.imports(*[maker.extern("i") + b"\x03\x00\x00"] * limits.BILL_IMPORTS)
    exported = maker.exports(*[maker.export("e", maker.TYPE, 0)] * limits.BILL_EXPORTS)
    # A small component may not have that many.
    assert refusal_of(bill_of, HEADER + one + imported + exported) is SealRefusal.TOO_LARGE
    bill = bill_of(
        HEADER + one + imported + exported + custom("x", bytes(limits.BILL_STEP_BYTES << 18))
    )
    assert parse_bill(bill.to_document()) == bill


@pytest.mark.parametrize("excess", [0, 1])
@pytest.mark.parametrize(
    ("sections", "limit"),
    [
        (lambda count: maker.types(*[b"\x7d"] * count), limits.BILL_COMPONENT_ENTRIES),
        (lambda count: custom("") * (count - 1), limits.BILL_COMPONENT_SECTIONS),
    ],
)
def test_bounds_of_large_components(
    sections: Callable[[int], bytes], limit: int, excess: int
) -> None:
    module = HEADER + custom("x", bytes(limits.BILL_STEP_BYTES << 17)) + sections(limit + excess)
    if excess:
        assert refusal_of(bill_of, module) is SealRefusal.TOO_LARGE
    else:
        assert bill_of(module).components == 0


def test_steps_are_those_of_all_that_is_inside() -> None:
    passive = section(11, vector(*[b"\x01\x00"] * 1000))
    module = b"\0asm\x01\0\0\0" + passive
    assert bill_of(module).data.segments == 1000
    assert bill_of(HEADER + maker.core(module) * 12).data.segments == 12_000
    assert refusal_of(bill_of, HEADER + maker.core(module) * 20) is SealRefusal.TOO_LARGE


@pytest.mark.parametrize("module", [SMALL, FULL, WORLD, GUEST, HEADER])
def test_a_document_is_read_back(module: bytes) -> None:
    bill = bill_of(ModuleBytes(module))
    assert parse_bill(bill.to_document()) == bill


def test_sums_over_the_core_modules() -> None:
    bill = bill_of(HEADER + maker.core(SMALL) + maker.inner(HEADER + maker.core(FULL)))
    one, two = bill_of(SMALL), bill_of(FULL)
    assert bill.functions == one.functions + two.functions
    assert bill.data.bytes == one.data.bytes + two.data.bytes
    assert bill.memories == one.memories + two.memories
    assert bill.tables == one.tables + two.tables


@pytest.mark.parametrize("cut", range(8, len(WORLD) - 1))
def test_no_piece_of_a_component_escapes(cut: int) -> None:
    """Every prefix is a shorter component or refused with our own error."""
    try:
        bill_of(WORLD[:cut])
    except SealError as error:
        assert error.code is SealRefusal.MODULE_MALFORMED  # noqa: PT017 - some are accepted


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("component", [GUEST, WORLD])
def test_a_component_there_and_back(component: bytes, hidden: bool) -> None:
    sealed = seal_one(component, hide_details=hidden)
    config = json.loads(sealed.config)
    names = bill_of(component)
    assert config["os"] == "wasip2"
    assert config["component"] == {
        "exports": [] if hidden else [one.name for one in names.exports],
        "imports": [] if hidden else [one.name for one in names.imports],
    }
    artifact = verified(sealed)
    options = open_envelope(artifact.manifest.envelopes[0], makers.BROKER)
    with SecretBuffer(len(component)) as out:
        assert unseal(artifact, bytes_of(sealed.layer), options, out) == component


def test_proxies_get_no_components() -> None:
    assert refusal_of(seal_one, WORLD, shape=COMPAT) is SealRefusal.MODULE_UNSUPPORTED


def test_a_config_tells_no_more_names_than_its_limit() -> None:
    many = [maker.extern(f"{number}" + "x" * 4000) + b"\x01\x00" for number in range(17)]
    component = HEADER + maker.types(maker.func()) + maker.imports(*many)
    assert len(ModuleConfig.of(bill_of(component), makers.digest(b"")).to_bytes()) > (
        limits.CONFIG_BYTES
    )
    assert refusal_of(seal_one, component) is SealRefusal.TOO_LARGE
