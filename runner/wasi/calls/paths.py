"""Making, removing, moving and listing names."""

# ruff: noqa: PLR0917  the arguments are those of the specification
from __future__ import annotations

from runner.wasi.abi import DIRENT, U32, Errno, Rights
from runner.wasi.calls.lookup import existing, follows, require_directory, to_change, to_make
from runner.wasi.errors import WasiError
from runner.wasi.host import Host
from runner.wasi.memory import path_text, region
from runner.wasi.resolve import Found
from runner.wasi.tree import DirectoryNode, LinkNode, Node


def path_create_directory(host: Host, fd: int, path: int, length: int) -> int:
    """Make a directory."""
    directory = host.descriptors.directory(fd, Rights.PATH_CREATE_DIRECTORY)
    found, name = to_make(host, directory, path_text(host.memory.view, path, length))
    directory.tree.create_directory(found.parent, name)
    return 0


def path_remove_directory(host: Host, fd: int, path: int, length: int) -> int:
    """Take away an empty directory."""
    directory = host.descriptors.directory(fd, Rights.PATH_REMOVE_DIRECTORY)
    found, name = to_change(host, directory, path_text(host.memory.view, path, length))
    if require_directory(found.node).entries:
        raise WasiError(Errno.NOTEMPTY)
    directory.tree.unlink(found.parent, name)
    return 0


def path_unlink_file(host: Host, fd: int, path: int, length: int) -> int:
    """Take away a name that is no directory's."""
    directory = host.descriptors.directory(fd, Rights.PATH_UNLINK_FILE)
    found, name = to_change(host, directory, path_text(host.memory.view, path, length))
    if found.node is None:
        raise WasiError(Errno.NOENT)
    if isinstance(found.node, DirectoryNode):
        raise WasiError(Errno.ISDIR)
    if found.slash:
        raise WasiError(Errno.NOTDIR)
    directory.tree.unlink(found.parent, name)
    return 0


def path_rename(
    host: Host, fd: int, path: int, length: int, new_fd: int, new_path: int, new_length: int
) -> int:
    """Move a name, replacing what bears the new one."""
    view = host.memory.view
    source = host.descriptors.directory(fd, Rights.PATH_RENAME_SOURCE)
    target = host.descriptors.directory(new_fd, Rights.PATH_RENAME_TARGET)
    old, old_name = to_change(host, source, path_text(view, path, length))
    new, new_name = to_change(host, target, path_text(view, new_path, new_length))
    if old.node is None:
        raise WasiError(Errno.NOENT)
    if source.tree is not target.tree:
        raise WasiError(Errno.XDEV)
    if (old.slash or new.slash) and not isinstance(old.node, DirectoryNode):
        raise WasiError(Errno.NOTDIR)
    source.tree.rename(old.parent, old_name, new.parent, new_name)
    return 0


def path_link(
    host: Host,
    fd: int,
    lookup: int,
    path: int,
    length: int,
    new_fd: int,
    new_path: int,
    new_length: int,
) -> int:
    """Give a file one more name. Following a symbolic link is not offered."""
    view = host.memory.view
    source = host.descriptors.directory(fd, Rights.PATH_LINK_SOURCE)
    target = host.descriptors.directory(new_fd, Rights.PATH_LINK_TARGET)
    if follows(lookup):
        raise WasiError(Errno.INVAL)
    node = existing(host, source, path_text(view, path, length), follow=False)
    new, new_name = to_make(host, target, path_text(view, new_path, new_length))
    _require_no_slash(new)
    if isinstance(node, DirectoryNode):
        raise WasiError(Errno.PERM)
    if source.tree is not target.tree:
        raise WasiError(Errno.XDEV)
    target.tree.link(new.parent, new_name, node)
    return 0


def path_symlink(
    host: Host, target: int, target_length: int, fd: int, path: int, length: int
) -> int:
    """Make a symbolic link. An absolute target would lead out of every mount: ENOTCAPABLE."""
    view = host.memory.view
    directory = host.descriptors.directory(fd, Rights.PATH_SYMLINK)
    text = path_text(view, target, target_length)
    if not text:
        raise WasiError(Errno.NOENT)
    if text.startswith("/"):
        raise WasiError(Errno.NOTCAPABLE)
    found, name = to_make(host, directory, path_text(view, path, length))
    _require_no_slash(found)
    directory.tree.create_symlink(found.parent, name, text)
    return 0


def path_readlink(
    host: Host, fd: int, path: int, length: int, buffer: int, size: int, result: int
) -> int:
    """Write the target of a symbolic link, cut to the buffer, and how many bytes that were."""
    view = host.memory.view
    directory = host.descriptors.directory(fd, Rights.PATH_READLINK)
    name = path_text(view, path, length)
    target, used = region(view, buffer, size), region(view, result, 4)
    node = existing(host, directory, name, follow=False)
    if not isinstance(node, LinkNode):
        raise WasiError(Errno.INVAL)
    text = node.target.encode()[:size]
    target[: len(text)] = text
    U32.pack_into(used, 0, len(text))
    return 0


def fd_readdir(host: Host, fd: int, buffer: int, size: int, cookie: int, result: int) -> int:
    """Write entries from `cookie` on until the buffer is full; the last may be cut.

    A cookie names an entry by the order in which names were made, so names that come or go between
    two calls neither repeat nor hide others.
    """
    view = host.memory.view
    directory = host.descriptors.directory(fd, Rights.FD_READDIR)
    target, used = region(view, buffer, size), region(view, result, 4)
    written = 0
    for order, name, node in _entries(directory.node):
        if order < cookie:
            continue
        text = name.encode()
        record = DIRENT.pack(order + 1, node.inode, len(text), node.FILETYPE) + text
        piece = record[: size - written]
        target[written : written + len(piece)] = piece
        written += len(piece)
        if written == size:
            break
    U32.pack_into(used, 0, written)
    return 0


def _entries(directory: DirectoryNode) -> list[tuple[int, str, Node]]:
    parent = directory.parent or directory
    dots: list[tuple[int, str, Node]] = [(0, ".", directory), (1, "..", parent)]
    return dots + [(entry.order + 2, name, entry.node) for name, entry in directory.entries.items()]


def _require_no_slash(found: Found) -> None:
    """A name with a slash behind it cannot become anything but a directory."""
    if found.slash:
        raise WasiError(Errno.NOENT)
