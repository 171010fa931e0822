"""The bill of materials of a module: what it asks for and what it offers, without its code.

It is signed in clear, so an operator can refuse "imports path_open" unseen; the runner recomputes
it from the plaintext. Our own reader, because the owner's machine has no engine.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sealing import limits
from sealing.canonical import Buffer, malformed
from sealing.errors import SealError, SealRefusal
from sealing.module_source import ByteView, ModuleSource, source_of
from sealing.wasm_reader import unsupported
from sealing.wasm_sections import MAGIC, SectionReader

CORE: Final = "core"
COMPONENT: Final = "component"
_CORE_VERSION: Final = b"\x01\x00\x00\x00"
_COMPONENT_LAYER: Final = b"\x01\x00"

Count = Annotated[int, Field(ge=0, le=limits.VERSION_MAX)]
Text = Annotated[str, Field(max_length=limits.BILL_NAME_BYTES)]
TypeText = Annotated[str, Field(max_length=limits.BILL_TYPE_CHARS)]
Kind = Literal["func", "table", "memory", "global", "tag"]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Import(_Wire):
    """One thing the module needs from its host."""

    module: Text
    name: Text
    kind: Kind
    type: TypeText


class Export(_Wire):
    """One thing the module offers to its host."""

    name: Text
    kind: Kind
    type: TypeText


class Memory(_Wire):
    """A memory the module defines, in pages of 64 KiB. `wide` means 64-bit addresses."""

    minimum: Count
    maximum: Count | None
    shared: bool
    wide: bool


class Table(_Wire):
    """A table the module defines."""

    element: Literal["funcref", "externref"]
    minimum: Count
    maximum: Count | None


class Data(_Wire):
    """How much constant data the module carries."""

    segments: Count
    bytes: Count


class Producer(_Wire):
    """One entry of the producers section: a language, a compiler or a tool."""

    field: Text
    name: Text
    version: Text


class BillOfMaterials(_Wire):
    """Everything above, for one core module."""

    kind: Literal["core"]
    imports: Annotated[tuple[Import, ...], Field(strict=False, max_length=limits.BILL_IMPORTS)]
    exports: Annotated[tuple[Export, ...], Field(strict=False, max_length=limits.BILL_EXPORTS)]
    memories: Annotated[tuple[Memory, ...], Field(strict=False, max_length=limits.BILL_MEMORIES)]
    tables: Annotated[tuple[Table, ...], Field(strict=False, max_length=limits.BILL_TABLES)]
    functions: Count
    data: Data
    start: Count | None
    producers: Annotated[
        tuple[Producer, ...], Field(strict=False, max_length=limits.BILL_PRODUCERS)
    ]

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object."""
        return self.model_dump(mode="json")

    @classmethod
    def from_document(cls, value: Any) -> Self:
        """Return the bill in a JSON object, or raise `SealError`. Proves nothing about a module."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(part)[:64] for part in first["loc"])
            if first["type"] == "extra_forbidden":
                detail = f"bill of materials has unknown member {where}"
                raise SealError(SealRefusal.UNKNOWN_MEMBER, detail) from None
            raise malformed("bill of materials", f"{where}: {first['type']}") from None


def bill_of_materials(wasm: Buffer | ModuleSource) -> BillOfMaterials:
    """Return the bill of a core module.

    Sections must be in order and exactly as long as they say. That the module is valid is not
    checked: code and constant expressions are passed over, the engine judges them. Raises
    `SealError`: not WebAssembly, malformed, over a limit, or a feature without a bill yet
    (components, garbage collection).
    """
    view = source_of(wasm).view()
    require_core_module(view)
    found = SectionReader(view)
    found.read_all()
    return BillOfMaterials(
        kind=CORE,
        imports=tuple(
            Import(module=module, name=name, kind=kind, type=text)
            for module, name, kind, text in found.imports
        ),
        exports=tuple(
            Export(name=n, kind=k, type=found.type_of(k, i)) for n, k, i in found.exports
        ),
        memories=tuple(
            Memory(minimum=m.minimum, maximum=m.maximum, shared=m.shared, wide=m.wide)
            for m in found.memories
        ),
        tables=tuple(
            Table(element=element, minimum=size.minimum, maximum=size.maximum)
            for element, size in found.tables
        ),
        functions=found.functions,
        data=Data(segments=found.data_segments, bytes=found.data_bytes),
        start=found.start,
        producers=tuple(Producer(field=f, name=n, version=v) for f, n, v in found.producers),
    )


def require_core_module(view: ByteView) -> None:
    """Accept bytes that begin as a core module, or raise `SealError`."""
    if len(view) > limits.MODULE_BYTES:
        detail = f"module is {len(view)} bytes, limit {limits.MODULE_BYTES}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    head = bytes(view[:8])
    if len(head) < 8 or head[:4] != MAGIC:
        raise SealError(SealRefusal.NOT_WASM, "does not begin with the WebAssembly magic")
    if head[4:] != _CORE_VERSION:
        if head[6:] == _COMPONENT_LAYER:
            raise unsupported(4, "components are not supported yet, only core modules")
        raise unsupported(4, "unknown version of the binary format")
