"""`path_open`: from a path to a descriptor with the rights that were asked for."""

# ruff: noqa: PLR0917  the arguments are those of the specification
from __future__ import annotations

from runner.wasi.abi import (
    DIRECTORY_RIGHTS,
    FILE_RIGHTS,
    MODIFYING_RIGHTS,
    U32,
    Errno,
    FdFlags,
    OpenFlags,
    Rights,
)
from runner.wasi.calls.lookup import follows, locate, require_writable
from runner.wasi.descriptors import Descriptor, OpenDirectory, OpenFile
from runner.wasi.errors import WasiError
from runner.wasi.host import Host
from runner.wasi.memory import path_text, region
from runner.wasi.resolve import Found
from runner.wasi.tree import DirectoryNode, FileNode, Node


def path_open(
    host: Host,
    fd: int,
    lookup: int,
    path: int,
    length: int,
    oflags: int,
    base: int,
    inheriting: int,
    fdflags: int,
    result: int,
) -> int:
    """Open, and if asked make or empty, the file at a path; write its descriptor's number."""
    view = host.memory.view
    directory = host.descriptors.directory(fd, Rights.PATH_OPEN)
    name, target = path_text(view, path, length), region(view, result, 4)
    _check_flags(oflags, fdflags)
    _check_rights(directory, oflags, base, inheriting)
    found = _locate(host, directory, name, oflags, follow=follows(lookup))
    host.descriptors.check_room()
    node = _existing(found, oflags)
    if node is None or oflags & OpenFlags.TRUNC or base & MODIFYING_RIGHTS:
        _check_changeable(host, directory, node, name)
    if node is None:
        node = _create(directory, found)
    descriptor = _describe(directory, node, base, inheriting, fdflags)
    if isinstance(descriptor, OpenFile) and oflags & OpenFlags.TRUNC:
        directory.tree.resize(descriptor.node, 0)
    U32.pack_into(target, 0, host.descriptors.add(descriptor))
    return 0


def _check_flags(oflags: int, fdflags: int) -> None:
    if oflags & ~OpenFlags.ALL or fdflags & ~FdFlags.ALL:
        raise WasiError(Errno.INVAL)
    if oflags & OpenFlags.DIRECTORY and oflags & (OpenFlags.CREAT | OpenFlags.EXCL):
        raise WasiError(Errno.INVAL)


def _check_rights(directory: OpenDirectory, oflags: int, base: int, inheriting: int) -> None:
    """A descriptor never gets a right that its directory does not hand on."""
    if (base | inheriting) & ~directory.inheriting:
        raise WasiError(Errno.NOTCAPABLE)
    if oflags & OpenFlags.CREAT:
        directory.need(Rights.PATH_CREATE_FILE)
    if oflags & OpenFlags.TRUNC:
        directory.need(Rights.PATH_FILESTAT_SET_SIZE)


def _locate(host: Host, directory: OpenDirectory, path: str, oflags: int, *, follow: bool) -> Found:
    if not oflags & OpenFlags.CREAT:
        return locate(host, directory, path, follow=follow)
    # With EXCL a symbolic link in the place of the new file must not be followed.
    follow = follow and not (oflags & OpenFlags.EXCL or path.endswith("/"))
    found = locate(host, directory, path, follow=follow, through_slash=False)
    if found.slash:
        raise WasiError(Errno.ISDIR)
    return found


def _existing(found: Found, oflags: int) -> Node | None:
    """What is to be opened, or None if it is to be made."""
    node = found.node
    if node is None:
        if not oflags & OpenFlags.CREAT:
            raise WasiError(Errno.NOENT)
        return None
    if oflags & OpenFlags.CREAT and oflags & OpenFlags.EXCL:
        raise WasiError(Errno.EXIST)
    if not isinstance(node, FileNode | DirectoryNode):
        raise WasiError(Errno.LOOP)
    if oflags & OpenFlags.DIRECTORY and not isinstance(node, DirectoryNode):
        raise WasiError(Errno.NOTDIR)
    return node


def _check_changeable(host: Host, directory: OpenDirectory, node: Node | None, name: str) -> None:
    if isinstance(node, DirectoryNode):
        raise WasiError(Errno.ISDIR)
    require_writable(host, directory.tree, name)


def _create(directory: OpenDirectory, found: Found) -> FileNode:
    if found.name is None:
        raise WasiError(Errno.NOENT)
    directory.tree.check_new_name(found.parent, found.name)
    return directory.tree.create_file(found.parent, found.name)


def _describe(
    directory: OpenDirectory, node: Node, base: int, inheriting: int, fdflags: int
) -> Descriptor:
    if isinstance(node, DirectoryNode):
        return OpenDirectory(
            directory.tree,
            node,
            rights=base & DIRECTORY_RIGHTS,
            inheriting=inheriting,
            flags=fdflags,
        )
    if not isinstance(node, FileNode):
        raise WasiError(Errno.LOOP)
    return OpenFile(
        directory.tree, node, rights=base & FILE_RIGHTS, inheriting=inheriting, flags=fdflags
    )
