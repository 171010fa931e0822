"""A transaction in progress: statements, fail points, and the audit tree as it will be."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from keybroker.audit.merkle import NodePlace, leaf_hash
from keybroker.audit.tree import Frontier, frontier_places

StatementHook = Callable[[int], None]
Value = int | str | bytes | None


class Transaction:
    """What an act may do: run statements and append leaves. Lives on the writer's thread.

    The hook is called after every statement that was executed, with its number, from 1. It exists
    for tests that stop the process there.
    """

    __slots__ = ("_connection", "_hook", "_statements", "tree")

    def __init__(
        self, connection: sqlite3.Connection, tree: Frontier, hook: StatementHook | None
    ) -> None:
        self._connection = connection
        self._hook = hook
        self._statements = 0
        self.tree = tree

    def execute(self, sql: str, values: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        cursor = self._connection.execute(sql, values)
        self._statements += 1
        if self._hook is not None:
            self._hook(self._statements)
        return cursor

    def row(self, sql: str, values: Sequence[Value] = ()) -> tuple[Any, ...] | None:
        """Run one query for at most one row."""
        found: tuple[Any, ...] | None = self.execute(sql, values).fetchone()
        return found

    def append_leaf(self, body: bytes) -> int:
        """Add a leaf to the audit log and return its index."""
        index = self.tree.size
        self.execute("INSERT INTO leaf (position, body) VALUES (?, ?)", (index, body))
        self.tree, nodes = self.tree.append(leaf_hash(body))
        for place, digest in nodes:
            self.execute(
                "INSERT INTO node (level, position, hash) VALUES (?, ?, ?)", (*place, digest)
            )
        return index


def load_tree(connection: sqlite3.Connection) -> Frontier:
    """Return the audit tree on disk, or raise `NOT_CONSISTENT` if nodes are missing."""
    size = tree_size(connection)
    return Frontier.of(size, read_nodes(connection, frontier_places(size)))


def tree_size(connection: sqlite3.Connection) -> int:
    """Return the number of leaves on disk."""
    (size,) = connection.execute("SELECT coalesce(max(position) + 1, 0) FROM leaf").fetchone()
    return int(size)


def read_nodes(
    connection: sqlite3.Connection, places: Sequence[NodePlace]
) -> dict[NodePlace, bytes]:
    """Return the stored nodes among `places`."""
    sql = "SELECT hash FROM node WHERE level = ? AND position = ?"
    rows = ((place, connection.execute(sql, place).fetchone()) for place in places)
    return {place: row[0] for place, row in rows if row is not None}
