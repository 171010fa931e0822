"""Files that many cases of one format use are written once, under their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


class SharedFiles:
    """The folder `common` of a format."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "common"
        self._folder.mkdir()

    def name(self, blob: bytes, suffix: str) -> str:
        """Return what a case calls this file, written if it was not there."""
        name = f"{hashlib.sha256(blob).hexdigest()[:16]}.{suffix}"
        (self._folder / name).write_bytes(blob)
        return f"../common/{name}"

    def names(self, blobs: Iterable[bytes], suffix: str) -> list[str]:
        """Return what a case calls these files."""
        return [self.name(blob, suffix) for blob in blobs]
