"""What the sections of a component declare, index space by index space, within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, Self

from sealing import limits
from sealing.wasm.reader import Work, malformed, require_at_most, unsupported

Kind = Literal["func", "type", "resource", "instance", "component", "module"]
Space = Literal["func", "type", "instance", "component", "module"]
_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})
SPACES: Final[tuple[Space, ...]] = ("func", "type", "instance", "component", "module")


# What one costs beside the definition that makes it: measured.
_ENTRY_STEPS, _NAME_STEPS = 2, 8


class Member(NamedTuple):
    """Something exported or imported under a name, and the index space it is in."""

    name: str
    space: Space
    item: Item


class Item(NamedTuple):
    """One entry of an index space: what it is, its text, and what it exports if it is an instance.

    In the space of types a "func" is the type of one.
    """

    kind: Kind
    text: str
    members: tuple[Member, ...] = ()
    # The same by name, made once: a component may ask for each of them as often as it likes.
    by_name: Mapping[tuple[str, Space], Item] = _NOTHING

    @classmethod
    def exporting(cls, kind: Kind, text: str, members: Iterable[Member]) -> Self:
        """Return an instance or component with these exports."""
        found = tuple(members)
        return cls(kind, text, found, {(one.name, one.space): one.item for one in found})

    def named(self, name: str) -> Item:
        """Return the same thing, written by this name from now on."""
        return Item(self.kind, name, self.members, self.by_name)


class Budget:
    """What all entries and texts of a component may come to, nested ones included."""

    __slots__ = ("_entries", "_text", "components", "sections", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self._entries = 0
        self._text = 0
        self.sections = 0
        self.components = 0

    def spend(self, offset: int, item: Item) -> None:
        """Count `item`, or raise `SealError` where there is too much of everything."""
        size = len(item.text)
        self._entries += 1
        self._text += size
        self.work.take(offset, _ENTRY_STEPS)
        require_at_most(offset, self._entries, limits.BILL_COMPONENT_ENTRIES, "entries")
        require_at_most(offset, size, limits.BILL_TYPE_CHARS, "characters of a type")
        require_at_most(offset, self._text, limits.BILL_COMPONENT_CHARS, "characters of types")


class Scope:
    """The index spaces of one component, or of one component or instance type."""

    __slots__ = ("budget", "depth", "exports", "imports", "parent", "spaces")

    def __init__(self, budget: Budget, parent: Scope | None = None) -> None:
        self.budget = budget
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.spaces: dict[Space, list[Item]] = {space: [] for space in SPACES}
        self.imports: list[Member] = []
        self.exports: list[Member] = []

    def inner(self, offset: int) -> Self:
        """Return a scope inside this one, or raise `SealError` where they are too many."""
        require_at_most(offset, self.depth + 1, limits.BILL_COMPONENT_DEPTH, "components deep")
        return type(self)(self.budget, self)

    def add(self, space: Space, item: Item, offset: int) -> None:
        """Append an entry to an index space."""
        self.budget.spend(offset, item)
        self.spaces[space].append(item)

    def at(self, space: Space, index: int, offset: int) -> Item:
        """Return an entry of an index space, or raise `SealError`."""
        found = self.spaces[space]
        if index >= len(found):
            raise malformed(offset, f"{space} {index} is not declared")
        return found[index]

    def type_of(self, kind: Kind, index: int, offset: int) -> Item:
        """Return a type of this kind, or raise `SealError`."""
        item = self.at("type", index, offset)
        if item.kind != kind:
            raise malformed(offset, f"type {index} is that of a {item.kind}, expected a {kind}")
        return item

    def outer(self, count: int, offset: int) -> Scope:
        """Return the scope `count` levels out; 0 is this one. Raises `SealError`."""
        scope: Scope | None = self
        for _ in range(min(count, limits.BILL_COMPONENT_DEPTH + 1)):
            scope = None if scope is None else scope.parent
        if scope is None:
            raise malformed(offset, f"there is nothing {count} levels out")
        return scope

    def declare(self, listed: list[Member], member: Member, offset: int) -> None:
        """Note an import or export; from here on its types are written by their name."""
        limit = limits.BILL_IMPORTS if listed is self.imports else limits.BILL_EXPORTS
        require_at_most(offset, len(listed) + 1, limit, "names")
        self.budget.work.take(offset, _NAME_STEPS)
        listed.append(member)
        item = member.item
        named = item.named(member.name) if member.space in ("type", "instance") else item
        self.add(member.space, named, offset)

    def alias(self, space: Space, instance: int, name: str, offset: int) -> None:
        """Take something out of an instance. Its types are written with the instance's name."""
        found = self.at("instance", instance, offset)
        item = found.by_name.get((name, space))
        if item is None:
            raise malformed(offset, f"instance {instance} exports no such {space}")
        text = f"{found.text}.{name}" if found.text and space == "type" else item.text
        self.add(space, item.named(text), offset)


def space_of_sort(offset: int, sort: int) -> Space:
    """Return the index space of a sort, or raise `SealError`."""
    known: dict[int, Space] = {1: "func", 3: "type", 4: "component", 5: "instance"}
    if sort not in known:
        raise unsupported(offset, f"sort 0x{sort:02x}")
    return known[sort]
