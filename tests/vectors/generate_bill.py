"""Vectors of docs/specs/bill-of-materials.md: modules and components, and their bill or refusal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sealing import limits
from sealing.bill import bill_of
from tests.unit.sealing import component_maker as component
from tests.unit.sealing.component_maker import FUNC, HEADER, INSTANCE, TYPE, U8, WORLD, func
from tests.unit.sealing.wasm_maker import FULL, SMALL, custom, leb, name, section, vector
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    module: bytes
    code: str = ""


def nested(depth: int) -> bytes:
    module = HEADER
    for _ in range(depth):
        module = HEADER + component.inner(module)
    return module


def refused(name: str, why: str, code: str, module: bytes) -> Case:
    return Case(name, why, module, f"seal-{code}")


def defined(*definitions: bytes) -> bytes:
    return HEADER + component.types(*definitions)


IMPORTED = defined(component.CLOCK) + component.imports(
    component.extern("acme:clock/timers@0.2.0") + INSTANCE + leb(0)
)
IMPORTED_500 = defined(
    component.instance_type(
        *[component.declares_export(f"r{n}", component.SUB_RESOURCE) for n in range(500)]
    )
) + component.imports(component.extern("acme:clock/timers@0.2.0") + INSTANCE + leb(0))
TUPLES = [b"\x6f" + vector(leb(index), leb(index)) for index in range(20)]

# As many parameters and results as there may be, and two hundred exports of that function.
WIDE = b"\x60" + vector(*[b"\x6f"] * 1000) + vector(*[b"\x6f"] * 1000)
EXPORTED = b"\0asm\x01\0\0\0" + section(1, vector(WIDE)) + section(3, vector(leb(0)))
EXPORTED += section(7, vector(*[name("again") + b"\0\0"] * 200))
# Fifty functions of ten thousand characters.
LONG = component.instance_type(
    component.declares_type(func(*[("x" * 100, U8)] * 100)),
    *[component.declares_export("again", FUNC + leb(0))] * 50,
)

CASES = (
    Case("core", "B1: a core module", SMALL),
    Case("core-every-section", "B3.2: every section there is", FULL),
    Case("component", "B4.2: an interface, a core module, a function", WORLD),
    Case("component-empty", "B1: a component of nothing", HEADER),
    Case("component-nested", "B4.1: as deep as allowed", nested(limits.BILL_COMPONENT_DEPTH)),
    refused("empty", "B1: the magic", "not-wasm", b""),
    refused("text", "B1: the magic", "not-wasm", b"(module)"),
    refused("core-version", "B1: version 1", "module-unsupported", b"\0asm\x02\0\0\0"),
    refused("component-version", "B1: version 13", "module-unsupported", b"\0asm\x0e\0\x01\0"),
    refused("core-cut", "B2: as long as it says", "module-malformed", SMALL[:-1]),
    refused("component-cut", "B2: as long as it says", "module-malformed", WORLD[:-1]),
    refused(
        "component-rest-in-section",
        "B2: nothing behind the last entry",
        "module-malformed",
        HEADER + section(7, vector(U8) + b"\x00"),
    ),
    refused("core-order", "B3.1: in order", "module-malformed", SMALL + section(1, vector())),
    refused("core-sections", "B3.1: at most 1024", "too-large", SMALL + custom("x") * 1024),
    refused(
        "core-type-missing",
        "B3.2: indexes name what is declared",
        "module-malformed",
        b"\0asm\x01\0\0\0" + section(3, vector(leb(0))),
    ),
    refused(
        "core-garbage-collection",
        "B3.2: no such types",
        "module-unsupported",
        b"\0asm\x01\0\0\0" + section(1, vector(b"\x5f" + vector())),
    ),
    refused(
        "core-exports",
        "B3.3: at most 16384 exports",
        "too-large",
        b"\0asm\x01\0\0\0" + section(7, leb(16385)),
    ),
    refused("nested-too-deep", "B4.1: 16 in each other", "too-large", nested(17)),
    refused("component-text", "B4.1: texts of types", "too-large", defined(U8, *TUPLES)),
    refused(
        "component-modules",
        "B4.1: at most 256 core modules",
        "too-large",
        HEADER + component.core(b"\0asm\x01\0\0\0") * (limits.BILL_MODULES + 1),
    ),
    refused(
        "component-steps", "B5: no more than its size allows", "too-large", defined(*[U8] * 4200)
    ),
    refused(
        "core-steps",
        "B5: no more than its size allows",
        "too-large",
        b"\0asm\x01\0\0\0" + section(11, vector(*[b"\x01\0"] * 18000)),
    ),
    refused("core-listed", "B3.3: names and types fit a statement", "too-large", EXPORTED),
    refused(
        "component-listed",
        "B4.1: names and types fit a statement",
        "too-large",
        defined(LONG) + component.imports(*[component.extern("again") + INSTANCE + leb(0)] * 8),
    ),
    refused(
        "component-members",
        "B4.1: at most 16384 members of interfaces",
        "too-large",
        IMPORTED_500 + component.exports(*[component.export("again", INSTANCE, 0)] * 33),
    ),
    refused("type-missing", "B4.2: types are declared", "module-malformed", defined(b"\x70\x05")),
    refused(
        "type-negative", "B4.2: no negative index", "module-malformed", defined(b"\x70\xff\x7f")
    ),
    refused(
        "type-of-another-kind",
        "B4.2: an instance is described by the type of one",
        "module-malformed",
        defined(U8) + component.imports(component.extern("a") + INSTANCE + leb(0)),
    ),
    refused(
        "handle-of-no-resource",
        "B4.2: handles are of resources",
        "module-malformed",
        defined(U8, b"\x69\x00"),
    ),
    refused(
        "alias-of-nothing",
        "B4.2: names inside of instances",
        "module-malformed",
        IMPORTED + component.aliases(component.of_instance(TYPE, 0, "other")),
    ),
    refused(
        "alias-of-another-sort",
        "B4.2: names inside of instances",
        "module-malformed",
        IMPORTED + component.aliases(component.of_instance(FUNC, 0, "timer")),
    ),
    refused(
        "alias-too-far-out",
        "B4.2: an alias of what is around",
        "module-malformed",
        HEADER + component.aliases(component.outer_type(1, 0)),
    ),
    refused(
        "export-missing",
        "B4.2: exports are declared",
        "module-malformed",
        HEADER + component.exports(component.export("run", FUNC, 0)),
    ),
    refused(
        "export-described-as-another",
        "B4.2: a description is of the same sort",
        "module-malformed",
        defined(U8) + component.exports(component.export("a", TYPE, 0, b"\x01" + b"\x01" + leb(0))),
    ),
    refused("type-unknown", "B4.3: types that are known", "module-unsupported", defined(b"\x60")),
    refused("value", "B4.3: no values", "module-unsupported", HEADER + section(12, vector())),
    refused("start", "B4.3: no start functions", "module-unsupported", HEADER + section(9, b"\0")),
    refused(
        "core-type-in-type",
        "B4.3: no core types in types",
        "module-unsupported",
        defined(component.instance_type(b"\x00\x60\x00\x00")),
    ),
    refused(
        "canonical-of-threads",
        "B4.3: canonical definitions that are known",
        "module-unsupported",
        defined(func()) + component.canonical(b"\x40\x00"),
    ),
    refused(
        "name-of-another-form",
        "B4.3: names that are known",
        "module-unsupported",
        defined(func()) + component.imports(b"\x02" + name("a") + name("1") + FUNC + leb(0)),
    ),
    refused(
        "core-module-inside",
        "B4.4: core modules inside are read as others",
        "module-malformed",
        HEADER + component.core(SMALL[:-1]),
    ),
    refused(
        "component-as-core-module",
        "B4.4: core modules inside are read as others",
        "module-malformed",
        HEADER + component.core(HEADER),
    ),
)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "bill")
    for case in CASES:
        document = {"why": case.why, "expect": case.code or ACCEPTED}
        bill = {} if case.code else {"bill": bill_of(case.module).to_document()}
        write_case(folder, case.name, document | bill, {"module.wasm": case.module})
