"""Folders that a guest finds: where they lie, what fills them, what it may do there."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import model_validator

from policies import limits as bounds
from policies.errors import PolicyRefusal
from policies.fields import ByteSize, Text, Whole, bad_value, field_problem
from policies.models.base import Model

Access = Literal["read-only", "read-write"]
GuestPath = Annotated[
    str,
    Text(
        r"/|(/(?!\.{1,2}(/|$))[^/\x00]+)+",
        "an absolute path without ., .., // or a slash at its end",
        bounds.MAX_PATH_CHARACTERS,
    ),
]
RelativePath = Annotated[
    str,
    Text(
        r"(?!\.{1,2}(/|$))[^/\x00]+(/(?!\.{1,2}(/|$))[^/\x00]+)*",
        "a relative path without ., .. or //",
        bounds.MAX_PATH_CHARACTERS,
    ),
]


class InlineFile(Model):
    """The bytes of one file, as text (stored as UTF-8) or as base64."""

    text: str | None = None
    base64: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.text is None) == (self.base64 is None):
            detail = "got both or neither of text and base64, expected one of them"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail)
        if self.base64 is not None:
            try:
                raw = base64.b64decode(self.base64, validate=True)
            except (binascii.Error, ValueError):
                raise bad_value(self.base64, "standard base64 with padding", "base64") from None
            if base64.b64encode(raw).decode("ascii") != self.base64:
                raise bad_value(self.base64, "canonical base64", "base64")
        return self

    @property
    def data(self) -> bytes:
        """The content of the file."""
        if self.base64 is not None:
            return base64.b64decode(self.base64)
        return (self.text or "").encode("utf-8")


class FileMount(Model):
    """One folder the guest finds at `path`.

    `empty`: a new folder in memory. `inline`: filled from `contents`. `host`: a folder the
    operator names at start (`--dir PATH=HOST`), copied into memory; with `write-back` what the
    guest leaves there is copied back after the run.
    """

    path: GuestPath
    source: Literal["empty", "inline", "host"]
    access: Access = "read-only"
    max_bytes: Annotated[int, ByteSize(0, bounds.MAX_MOUNT_BYTES)] = bounds.MIB
    max_files: Annotated[int, Whole(0, bounds.MAX_MOUNT_FILES)] = 64
    contents: Mapping[RelativePath, InlineFile] = {}
    write_back: bool = False

    @property
    def writable(self) -> bool:
        """Whether the guest may change the folder."""
        return self.access == "read-write"

    @property
    def content_bytes(self) -> int:
        """How many bytes the inline files hold."""
        return sum(len(file.data) for file in self.contents.values())

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.source == "inline") != bool(self.contents):
            detail = f"got source {self.source} with {len(self.contents)} files in contents, "
            detail += "expected contents with source inline and only there"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail)
        if self.write_back and not (self.source == "host" and self.writable):
            detail = "got write-back: true, expected it only with source host and read-write"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail, "write-back")
        return self

    @model_validator(mode="after")
    def _contents_fit(self) -> Self:
        if len(self.contents) > self.max_files:
            detail = f"got {len(self.contents)} files, expected at most max-files {self.max_files}"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail, "contents")
        if self.content_bytes > self.max_bytes:
            detail = f"files hold {self.content_bytes} bytes, "
            detail += f"expected at most max-bytes {self.max_bytes}"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail, "contents")
        names = set(self.contents)
        for name in self.contents:
            parts = name.split("/")
            if any("/".join(parts[:length]) in names for length in range(1, len(parts))):
                detail = f"got {name} below a file, expected a folder there"
                raise field_problem(PolicyRefusal.INCONSISTENT, detail, "contents", name)
        return self


def _inside(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer.rstrip('/')}/")


def check_mounts(mounts: tuple[FileMount, ...]) -> tuple[FileMount, ...]:
    """Refuse folders at or inside one another, and more bytes than a worker may hold."""
    for index, mount in enumerate(mounts):
        for other in mounts[:index]:
            if _inside(mount.path, other.path) or _inside(other.path, mount.path):
                detail = f"got {mount.path} beside {other.path}, expected folders apart"
                raise field_problem(PolicyRefusal.INCONSISTENT, detail, index, "path")
    total = sum(mount.max_bytes for mount in mounts)
    if total > bounds.MAX_ALL_MOUNTS_BYTES:
        detail = f"folders hold {total} bytes, expected at most {bounds.MAX_ALL_MOUNTS_BYTES}"
        raise field_problem(PolicyRefusal.INCONSISTENT, detail)
    return mounts
