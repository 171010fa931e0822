"""Text that a module or its engine chose, made fit for logs, terminals and messages."""

from __future__ import annotations


def printable(text: str, longest: int) -> str:
    """`text` in ASCII, control characters and all others escaped, cut to `longest`."""
    return text.encode("unicode_escape").decode("ascii")[:longest]
