"""Text that a module or its engine chose, made fit for logs, terminals and messages."""

from __future__ import annotations

import codecs
from typing import Final

# Looked up now: a worker that is locked down can load no codec any more.
_ESCAPE: Final = codecs.getencoder("unicode_escape")


def printable(text: str, longest: int) -> str:
    """`text` in ASCII, control characters and all others escaped, cut to `longest`."""
    return _ESCAPE(text)[0].decode("ascii")[:longest]
