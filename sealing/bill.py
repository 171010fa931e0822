"""The bill of materials of whatever can be sealed: a core module, or a component."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field

from sealing import limits
from sealing.bom import (
    BillOfMaterials,
    Count,
    Data,
    Memory,
    Producer,
    Table,
    Text,
    TypeText,
    Wire,
    bill_of_materials,
    memories_of,
    require_core_module,
    require_listable,
    tables_of,
    validated,
)
from sealing.canonical import Buffer
from sealing.module_source import ByteView, ModuleSource, source_of
from sealing.wasm.component_scope import Item, Member
from sealing.wasm.component_sections import COMPONENT_HEADER, ComponentReader
from sealing.wasm.reader import require_at_most

COMPONENT: Final = "component"
# What a member of an interface costs that is listed: measured.
_MEMBER_STEPS: Final = 2

WitKind = Literal["func", "type", "resource", "instance", "component", "module"]
_Item = TypeVar("_Item")
_Some = Annotated[tuple[_Item, ...], Field(strict=False, max_length=limits.BILL_EXPORTS)]


class WitMember(Wire):
    """A function, type or resource of an interface, its type as WIT writes it."""

    name: Text
    kind: WitKind
    type: TypeText


class WitItem(Wire):
    """What a component imports or exports under a WIT name; an interface has members."""

    name: Text
    kind: WitKind
    type: TypeText
    members: _Some[WitMember]

    @property
    def label(self) -> str:
        """Return it as policies name it."""
        return self.name


class InnerModule(Wire):
    """A core module inside a component, without what it imports from its neighbours."""

    functions: Count
    memories: Annotated[tuple[Memory, ...], Field(strict=False, max_length=limits.BILL_MEMORIES)]
    tables: Annotated[tuple[Table, ...], Field(strict=False, max_length=limits.BILL_TABLES)]
    data: Data


class ComponentBill(Wire):
    """What a component asks for and offers: its imports and exports are its WIT world."""

    kind: Literal["component"]
    imports: Annotated[tuple[WitItem, ...], Field(strict=False, max_length=limits.BILL_IMPORTS)]
    exports: _Some[WitItem]
    modules: Annotated[tuple[InnerModule, ...], Field(strict=False, max_length=limits.BILL_MODULES)]
    components: Count
    producers: Annotated[
        tuple[Producer, ...], Field(strict=False, max_length=limits.BILL_PRODUCERS)
    ]

    @property
    def functions(self) -> int:
        """How many functions the core modules have together."""
        return sum(module.functions for module in self.modules)

    @property
    def memories(self) -> tuple[Memory, ...]:
        """The memories of all core modules; each may exist more than once."""
        return tuple(memory for module in self.modules for memory in module.memories)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables of all core modules; each may exist more than once."""
        return tuple(table for module in self.modules for table in module.tables)

    @property
    def data(self) -> Data:
        """How much constant data the core modules carry together."""
        found = [module.data for module in self.modules]
        return Data(segments=sum(one.segments for one in found), bytes=sum(o.bytes for o in found))

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object."""
        return self.model_dump(mode="json")


AnyBill = BillOfMaterials | ComponentBill


def bill_of(module: Buffer | ModuleSource) -> AnyBill:
    """Return the bill of a core module or a component, or raise `SealError`.

    Types are read, code is passed over: that it is valid is the engine's to say.
    """
    source = source_of(module)
    view = source.view()
    if bytes(view[: len(COMPONENT_HEADER)]) != COMPONENT_HEADER:
        return bill_of_materials(source)
    return _bill_of_component(view)


def require_module(view: ByteView) -> None:
    """Accept bytes that begin as a core module or a component, or raise `SealError`."""
    if bytes(view[: len(COMPONENT_HEADER)]) != COMPONENT_HEADER:
        require_core_module(view)


def parse_bill(value: Any) -> AnyBill:
    """Return the bill in a JSON object, or raise `SealError`. Proves nothing about a module."""
    if isinstance(value, dict) and value.get("kind") == COMPONENT:
        return validated(ComponentBill, value)
    return BillOfMaterials.from_document(value)


def _bill_of_component(view: ByteView) -> ComponentBill:
    reader = ComponentReader(view)
    scope = reader.read_all()
    require_listable(chain.from_iterable(map(_texts, (*scope.imports, *scope.exports))), COMPONENT)
    # One interface may be exported under many names, and is listed under each.
    listed = sum(len(one.item.members) for one in (*scope.imports, *scope.exports))
    require_at_most(len(view), listed, limits.BILL_EXPORTS, "members of interfaces")
    reader.spend(_MEMBER_STEPS * listed)
    # In one go: a model made by itself costs more than it took to read what is in it.
    return ComponentBill.model_validate(
        {
            "kind": COMPONENT,
            "imports": [_item(one) for one in scope.imports],
            "exports": [_item(one) for one in scope.exports],
            "modules": tuple(
                InnerModule(
                    functions=one.functions,
                    memories=memories_of(one),
                    tables=tables_of(one),
                    data=Data(segments=one.data_segments, bytes=one.data_bytes),
                )
                for one in reader.modules
            ),
            "components": reader.components,
            "producers": [{"field": f, "name": n, "version": v} for f, n, v in reader.producers],
        }
    )


def _texts(listed: Member) -> Iterator[str]:
    for name, _, item in (listed, *listed.item.members):
        yield name
        yield item.text


def _item(found: Member) -> dict[str, Any]:
    item = found.item
    inside = item.members if item.kind == "instance" else ()
    members = [{"name": n, "kind": i.kind, "type": _text(i)} for n, _, i in inside]
    return {"name": found.name, "kind": item.kind, "type": _text(item), "members": members}


def _text(item: Item) -> str:
    return "instance" if item.kind == "instance" else item.text
