"""Paths to inodes, strictly inside the directory a path starts from.

`..` above that directory, absolute paths and symbolic links that lead out are ENOTCAPABLE. The way
taken is remembered as a list, so `..` goes back along it and never along a parent pointer.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.limits import MAX_NAME_BYTES, MAX_SYMLINKS
from runner.wasi.abi import Errno
from runner.wasi.errors import WasiError
from runner.wasi.tree import DirectoryNode, LinkNode, Node


@dataclass(frozen=True, slots=True)
class Found:
    """Where a path leads: the directory and name it ends in, and what is there, if anything.

    `name` is None when the path ends in `.`, in `..` or in the start itself: such a place cannot be
    made, renamed or removed. `slash`: the path ended in a slash, so only a directory will do.
    """

    parent: DirectoryNode
    name: str | None
    node: Node | None
    slash: bool


def resolve(start: DirectoryNode, path: str, *, follow: bool, through_slash: bool = True) -> Found:
    """Walk `path` from `start`. `follow` says whether a symbolic link at its end is followed.

    With a slash behind it a last symbolic link is followed too, and must lead to a directory.
    `through_slash` turns that off: calls that make or take away a name must not be led elsewhere
    by a slash, and look at `slash` themselves. Raises `WasiError`.
    """
    if not path:
        raise WasiError(Errno.NOENT)
    return _Walk(start, follow=follow, through_slash=through_slash).run(path)


class _Walk:
    def __init__(self, start: DirectoryNode, *, follow: bool, through_slash: bool) -> None:
        self._way = [start]
        self._follow = follow
        self._through_slash = through_slash
        self._pending: list[str] = []
        self._slash = False
        self._links = 0

    def run(self, path: str) -> Found:
        self._push(path)
        while self._pending:
            name = self._pending.pop()
            if name == ".":
                continue
            if name == "..":
                self._leave()
                continue
            found = self._enter(name)
            if found is not None:
                return found
        here = self._way[-1]
        return Found(here, None, here, self._slash)

    def _push(self, path: str) -> None:
        if path.startswith("/"):
            raise WasiError(Errno.NOTCAPABLE)
        last = not self._pending
        *names, end = path.split("/")
        if last and not end:
            self._slash = True
        # A dot at the end stays: it says that what comes before it is a directory.
        if end:
            self._pending.append(end)
        self._pending.extend(name for name in reversed(names) if name not in {"", "."})

    def _leave(self) -> None:
        if len(self._way) == 1:
            raise WasiError(Errno.NOTCAPABLE)
        self._way.pop()

    def _enter(self, name: str) -> Found | None:
        """One step; the answer if it was the last one."""
        if len(name.encode()) > MAX_NAME_BYTES:
            raise WasiError(Errno.NAMETOOLONG)
        here = self._way[-1]
        node = here.get(name)
        last = not self._pending
        if isinstance(node, LinkNode) and self._follows(last=last):
            self._links += 1
            if self._links > MAX_SYMLINKS:
                raise WasiError(Errno.LOOP)
            self._push(node.target)
            return None
        if last:
            is_file = node is not None and not isinstance(node, DirectoryNode)
            if is_file and self._slash and self._through_slash:
                raise WasiError(Errno.NOTDIR)
            return Found(here, name, node, self._slash)
        if node is None:
            raise WasiError(Errno.NOENT)
        if not isinstance(node, DirectoryNode):
            raise WasiError(Errno.NOTDIR)
        self._way.append(node)
        return None

    def _follows(self, *, last: bool) -> bool:
        return not last or self._follow or (self._slash and self._through_slash)
