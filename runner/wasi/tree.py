"""One mounted file tree in memory: inodes, links, times and quotas. It never touches a disk.

Rights are checked by the callers; this part keeps the tree in order and inside its quotas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from runner.limits import FILL_CHUNK_BYTES, MAX_NAME_BYTES, MAX_PATH_DEPTH
from runner.wasi.abi import Errno, FileType
from runner.wasi.errors import WasiError


@dataclass(slots=True, eq=False)
class Node:
    """What every inode has. `links` counts names, `opens` counts descriptors.

    `charged` is how much of the file quota a name of it takes: folders that are there at the start
    take none.
    """

    FILETYPE: ClassVar[int] = FileType.UNKNOWN

    inode: int
    atime: int
    mtime: int
    ctime: int
    links: int = 0
    opens: int = 0
    charged: int = 1

    @property
    def size(self) -> int:
        """Bytes, as `filestat` reports them."""
        return 0

    @property
    def copies(self) -> int:
        """How often the contents count: once per name, as that is how they are handed back."""
        return max(self.links, 1)


@dataclass(slots=True, eq=False)
class FileNode(Node):
    """A regular file."""

    FILETYPE: ClassVar[int] = FileType.REGULAR_FILE

    data: bytearray = field(default_factory=bytearray, repr=False)

    @property
    def size(self) -> int:
        """Length of the contents."""
        return len(self.data)


@dataclass(slots=True, eq=False)
class LinkNode(Node):
    """A symbolic link. Its target is relative; absolute ones are never made."""

    FILETYPE: ClassVar[int] = FileType.SYMBOLIC_LINK

    target: str = ""

    @property
    def size(self) -> int:
        """Length of the target."""
        return len(self.target.encode())


@dataclass(slots=True, eq=False)
class Entry:
    """A name's inode, and a number that orders names by when they were made."""

    node: Node
    order: int


@dataclass(slots=True, eq=False)
class DirectoryNode(Node):
    """A directory. The root of a tree is its own parent."""

    FILETYPE: ClassVar[int] = FileType.DIRECTORY

    entries: dict[str, Entry] = field(default_factory=dict)
    next_order: int = 0
    parent: DirectoryNode | None = None
    removed: bool = False

    def get(self, name: str) -> Node | None:
        """The inode called `name`, or None."""
        entry = self.entries.get(name)
        return entry.node if entry else None


class Tree:
    """A tree with its quotas. Every failure is a `WasiError`; a failed change changes nothing."""

    def __init__(
        self,
        *,
        device: int,
        writable: bool,
        max_bytes: int,
        max_files: int,
        now: Callable[[], int],
        on_full: Callable[[], None],
    ) -> None:
        self.device = device
        self.writable = writable
        self._now = now
        self._on_full = on_full
        self._room_bytes = max_bytes
        self._room_files = max_files
        self._next_inode = 1
        self.root = DirectoryNode(*self._identity(), links=1, charged=0)
        self.root.parent = self.root

    def create_file(self, parent: DirectoryNode, name: str) -> FileNode:
        """An empty file called `name`."""
        self._take(0, 1)
        node = FileNode(*self._identity())
        self._attach(parent, name, node)
        return node

    def create_directory(
        self, parent: DirectoryNode, name: str, *, charged: int = 1
    ) -> DirectoryNode:
        """An empty directory called `name`."""
        _check_depth(parent, 1)
        self._take(0, charged)
        node = DirectoryNode(*self._identity(), parent=parent, charged=charged)
        self._attach(parent, name, node)
        return node

    def create_symlink(self, parent: DirectoryNode, name: str, target: str) -> None:
        """A symbolic link called `name`; the target counts as its contents."""
        self._take(len(target.encode()), 1)
        self._attach(parent, name, LinkNode(*self._identity(), target=target))

    def link(self, parent: DirectoryNode, name: str, node: Node) -> None:
        """One more name for a file or symbolic link, which counts like one more file."""
        self._take(node.size, node.charged)
        node.ctime = self._now()
        self._attach(parent, name, node)

    def unlink(self, parent: DirectoryNode, name: str) -> None:
        """Take a name away; contents that nobody has open go with the last name."""
        node = parent.entries.pop(name).node
        node.links -= 1
        parent.mtime = parent.ctime = node.ctime = self._now()
        if isinstance(node, DirectoryNode):
            node.removed = True
        if node.links:
            self._give_back(node)
        self._settle(node)

    def rename(self, old: DirectoryNode, old_name: str, new: DirectoryNode, new_name: str) -> None:
        """Move a name; what bears the new one already is replaced, by the rules of POSIX."""
        node, target = old.entries[old_name].node, new.get(new_name)
        if target is node:
            return
        if isinstance(node, DirectoryNode):
            if self._contains(node, new):
                raise WasiError(Errno.INVAL)
            _check_depth(new, _height(node))
        self._check_name(new, new_name)
        if target is not None:
            self._check_replaceable(node, target)
            self.unlink(new, new_name)
        del old.entries[old_name]
        node.links -= 1
        old.mtime = old.ctime = node.ctime = self._now()
        self._attach(new, new_name, node)
        if isinstance(node, DirectoryNode):
            node.parent = new

    def opened(self, node: Node) -> None:
        """A descriptor holds `node` from now on."""
        node.opens += 1

    def closed(self, node: Node) -> None:
        """A descriptor let go of `node`; without names its contents go too."""
        node.opens -= 1
        self._settle(node)

    def write(self, node: FileNode, offset: int, buffers: Sequence[memoryview]) -> int:
        """Write all of `buffers` at `offset`, or nothing. Returns how many bytes that were."""
        total = sum(len(buffer) for buffer in buffers)
        if total == 0:
            return 0
        self._grow_to(node, offset + total)
        for buffer in buffers:
            end = offset + len(buffer)
            node.data[offset:end] = buffer
            offset = end
        node.mtime = node.ctime = self._now()
        return total

    def resize(self, node: FileNode, size: int) -> None:
        """Cut the file to `size`, or fill it up with zeros."""
        surplus = len(node.data) - size
        if surplus > 0:
            del node.data[size:]
            self._room_bytes += surplus * node.copies
        else:
            self._grow_to(node, size)
        node.mtime = node.ctime = self._now()

    def allocate(self, node: FileNode, size: int) -> None:
        """Make sure the file has at least `size` bytes."""
        if size > len(node.data):
            self.resize(node, size)

    def add_file(self, path: str, contents: bytes) -> None:
        """Put a file there before the guest starts, with the directories that lead to it."""
        *folders, name = names = path.split("/")
        if "\0" in path or not {"", ".", ".."}.isdisjoint(names):
            raise WasiError(Errno.INVAL)
        directory = self.root
        for folder in folders:
            child = directory.get(folder)
            if child is None:
                self._check_name(directory, folder)
                child = self.create_directory(directory, folder, charged=0)
            if not isinstance(child, DirectoryNode):
                raise WasiError(Errno.NOTDIR)
            directory = child
        self.check_new_name(directory, name)
        self.write(self.create_file(directory, name), 0, [memoryview(contents)])

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every regular file with its path, in order of path; symbolic links stay inside.

        Names of one file share one copy of its contents.
        """
        pending: list[tuple[str, DirectoryNode]] = [("", self.root)]
        found: list[tuple[str, FileNode]] = []
        while pending:
            prefix, directory = pending.pop()
            for name, entry in directory.entries.items():
                if isinstance(entry.node, DirectoryNode):
                    pending.append((f"{prefix}{name}/", entry.node))
                elif isinstance(entry.node, FileNode):
                    found.append((f"{prefix}{name}", entry.node))
        contents: dict[int, bytes] = {}
        for path, node in sorted(found, key=lambda pair: pair[0]):
            if node.inode not in contents:
                contents[node.inode] = bytes(node.data)
            yield path, contents[node.inode]

    def _identity(self) -> tuple[int, int, int, int]:
        now = self._now()
        inode = self._next_inode
        self._next_inode += 1
        return inode, now, now, now

    def _attach(self, parent: DirectoryNode, name: str, node: Node) -> None:
        parent.entries[name] = Entry(node, parent.next_order)
        parent.next_order += 1
        node.links += 1
        parent.mtime = parent.ctime = self._now()

    def check_new_name(self, parent: DirectoryNode, name: str) -> None:
        """Raise `WasiError` unless `name` can be made in `parent`."""
        self._check_name(parent, name)
        if name in parent.entries:
            raise WasiError(Errno.EXIST)

    @staticmethod
    def _check_name(parent: DirectoryNode, name: str) -> None:
        if parent.removed:
            raise WasiError(Errno.NOENT)
        if len(name.encode()) > MAX_NAME_BYTES:
            raise WasiError(Errno.NAMETOOLONG)

    @staticmethod
    def _check_replaceable(node: Node, target: Node) -> None:
        if isinstance(target, DirectoryNode):
            if not isinstance(node, DirectoryNode):
                raise WasiError(Errno.ISDIR)
            if target.entries:
                raise WasiError(Errno.NOTEMPTY)
        elif isinstance(node, DirectoryNode):
            raise WasiError(Errno.NOTDIR)

    @staticmethod
    def _contains(node: DirectoryNode, inner: DirectoryNode) -> bool:
        at: DirectoryNode | None = inner
        while at is not None and at is not node:
            at = at.parent if at.parent is not at else None
        return at is node

    def _grow_to(self, node: FileNode, size: int) -> None:
        growth = size - len(node.data)
        if growth > 0:
            self._take(growth * node.copies, 0)
            # In pieces: all the zeros at once would need the memory twice.
            for start in range(0, growth, FILL_CHUNK_BYTES):
                node.data.extend(bytes(min(FILL_CHUNK_BYTES, growth - start)))

    def _take(self, size: int, files: int) -> None:
        if size > self._room_bytes or files > self._room_files:
            self._on_full()
            raise WasiError(Errno.NOSPC)
        self._room_bytes -= size
        self._room_files -= files

    def _settle(self, node: Node) -> None:
        if node.links == 0 and node.opens == 0:
            self._give_back(node)
            if isinstance(node, FileNode):
                node.data.clear()

    def _give_back(self, node: Node) -> None:
        """Undo what one name of `node` took."""
        self._room_files += node.charged
        self._room_bytes += node.size


def _check_depth(parent: DirectoryNode, height: int) -> None:
    """Raise `WasiError` if directories `height` deep in `parent` leave no room for a file."""
    at, depth = parent, height
    while at.parent is not None and at.parent is not at:
        at, depth = at.parent, depth + 1
    if depth >= MAX_PATH_DEPTH:
        raise WasiError(Errno.NAMETOOLONG)


def _height(directory: DirectoryNode) -> int:
    """How many levels of directories there are, itself included."""
    height, level = 0, [directory]
    while level:
        height += 1
        nodes = [entry.node for one in level for entry in one.entries.values()]
        level = [node for node in nodes if isinstance(node, DirectoryNode)]
    return height
