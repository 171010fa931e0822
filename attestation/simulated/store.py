"""Where simulated silicon keeps its keys and certificates: a folder, or memory for tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """Named blobs."""

    def load(self, name: str) -> bytes | None:
        """Return the blob, or None if it was never saved."""
        ...

    def save(self, name: str, data: bytes) -> None:
        """Keep the blob; one that holds a key is readable by its owner only."""
        ...


class MemoryStore:
    """Blobs that are gone with the process."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def load(self, name: str) -> bytes | None:
        """Return the blob, or None if it was never saved."""
        return self._blobs.get(name)

    def save(self, name: str, data: bytes) -> None:
        """Keep the blob."""
        self._blobs[name] = data


class FolderStore:
    """One file per blob, written whole or not at all, mode 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str) -> bytes | None:
        """Return the file's bytes, or None if there is none."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def save(self, name: str, data: bytes) -> None:
        """Write the file beside its place and move it there."""
        path = self._folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        unfinished.replace(path)
