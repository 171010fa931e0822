"""The bill of materials of a module: what it asks for and what it offers, without its code.

It is signed in clear, so an operator can refuse "imports path_open" unseen; the runner recomputes
it from the plaintext. Our own reader, because the owner's machine has no engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sealing import limits
from sealing.canonical import Buffer, malformed
from sealing.errors import SealError, SealRefusal
from sealing.module_source import ByteView, ModuleSource, source_of
from sealing.wasm.reader import Work, unsupported
from sealing.wasm.sections import CORE_HEADER, MAGIC, SectionReader

CORE: Final = "core"

Count = Annotated[int, Field(ge=0, le=limits.VERSION_MAX)]
Text = Annotated[str, Field(max_length=limits.BILL_NAME_BYTES)]
TypeText = Annotated[str, Field(max_length=limits.BILL_TYPE_CHARS)]
Kind = Literal["func", "table", "memory", "global", "tag"]


class Wire(BaseModel):
    """A part of a bill: exactly the members it names."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Import(Wire):
    """One thing the module needs from its host."""

    module: Text
    name: Text
    kind: Kind
    type: TypeText

    @property
    def label(self) -> str:
        """Return it as policies name it."""
        return f"{self.module}.{self.name}"


class Export(Wire):
    """One thing the module offers to its host."""

    name: Text
    kind: Kind
    type: TypeText


class Memory(Wire):
    """A memory the module defines, in pages of 64 KiB. `wide` means 64-bit addresses."""

    minimum: Count
    maximum: Count | None
    shared: bool
    wide: bool


class Table(Wire):
    """A table the module defines."""

    element: Literal["funcref", "externref"]
    minimum: Count
    maximum: Count | None


class Data(Wire):
    """How much constant data the module carries."""

    segments: Count
    bytes: Count


class Producer(Wire):
    """One entry of the producers section: a language, a compiler or a tool."""

    field: Text
    name: Text
    version: Text


class BillOfMaterials(Wire):
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
        return validated(cls, value)


_Model = TypeVar("_Model", bound=BaseModel)


def validated(model: type[_Model], value: Any) -> _Model:
    """Return `value` as a bill of this kind, or raise `SealError`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part)[:64] for part in first["loc"])
        if first["type"] == "extra_forbidden":
            detail = f"bill of materials has unknown member {where}"
            raise SealError(SealRefusal.UNKNOWN_MEMBER, detail) from None
        raise malformed("bill of materials", f"{where}: {first['type']}") from None


def bill_of_materials(wasm: Buffer | ModuleSource) -> BillOfMaterials:
    """Return the bill of a core module; `sealing.bill` has that of components too.

    Sections must be in order and exactly as long as they say. That the module is valid is not
    checked: code and constant expressions are passed over, the engine judges them. Raises
    `SealError`: not WebAssembly, malformed, over a limit, or what this has no bill for (components,
    types of the garbage collection proposal).
    """
    view = source_of(wasm).view()
    require_core_module(view)
    found = SectionReader(view, 0, len(view), Work(len(view)))
    found.read_all()
    exports = [(name, kind, found.type_of(kind, index)) for name, kind, index in found.exports]
    require_listable(chain.from_iterable([*found.imports, *exports, *found.producers]), CORE)
    # In one go: a model made by itself costs more than it took to read what is in it.
    return BillOfMaterials.model_validate(
        {
            "kind": CORE,
            "imports": [
                {"module": module, "name": name, "kind": kind, "type": text}
                for module, name, kind, text in found.imports
            ],
            "exports": [{"name": n, "kind": k, "type": text} for n, k, text in exports],
            "memories": memories_of(found),
            "tables": tables_of(found),
            "functions": found.functions,
            "data": {"segments": found.data_segments, "bytes": found.data_bytes},
            "start": found.start,
            "producers": [{"field": f, "name": n, "version": v} for f, n, v in found.producers],
        }
    )


def require_listable(texts: Iterable[str], what: str) -> None:
    """Accept names and types that fit a statement, or raise before they are written out.

    One type stands beside each of its exports, so few bytes of a module can be many of its bill.
    """
    size = sum(map(len, texts))
    if size > limits.BILL_CHARS:
        detail = f"bill of {what} is {size} characters, limit {limits.BILL_CHARS}"
        raise SealError(SealRefusal.TOO_LARGE, detail)


def memories_of(module: SectionReader) -> tuple[Memory, ...]:
    """Return the memories that a module defines."""
    return tuple(
        Memory(minimum=one.minimum, maximum=one.maximum, shared=one.shared, wide=one.wide)
        for one in module.memories
    )


def tables_of(module: SectionReader) -> tuple[Table, ...]:
    """Return the tables that a module defines."""
    return tuple(
        Table(element=element, minimum=size.minimum, maximum=size.maximum)
        for element, size in module.tables
    )


def require_core_module(view: ByteView) -> None:
    """Accept bytes that begin as a core module, or raise `SealError`."""
    if len(view) > limits.MODULE_BYTES:
        detail = f"module is {len(view)} bytes, limit {limits.MODULE_BYTES}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    head = bytes(view[: len(CORE_HEADER)])
    if len(head) < len(CORE_HEADER) or not head.startswith(MAGIC):
        raise SealError(SealRefusal.NOT_WASM, "does not begin with the WebAssembly magic")
    if head != CORE_HEADER:
        raise unsupported(len(MAGIC), "not a core module of version 1")
