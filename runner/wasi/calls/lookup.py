"""From a directory descriptor and a path to what lies there, with every denial noted."""

from __future__ import annotations

from runner.wasi.abi import SYMLINK_FOLLOW, Errno
from runner.wasi.denials import DenialCode
from runner.wasi.descriptors import OpenDirectory
from runner.wasi.errors import WasiError
from runner.wasi.host import Host
from runner.wasi.resolve import Found, resolve
from runner.wasi.tree import DirectoryNode, Node, Tree


def follows(lookup: int) -> bool:
    """Whether `lookupflags` ask to follow a last symbolic link; unknown flags are EINVAL."""
    if lookup & ~SYMLINK_FOLLOW:
        raise WasiError(Errno.INVAL)
    return bool(lookup & SYMLINK_FOLLOW)


def locate(
    host: Host, directory: OpenDirectory, path: str, *, follow: bool, through_slash: bool = True
) -> Found:
    """As `resolve`, from an open directory. A way that leads out is noted."""
    try:
        return resolve(directory.node, path, follow=follow, through_slash=through_slash)
    except WasiError as error:
        if error.errno is Errno.NOTCAPABLE:
            host.denials.note(DenialCode.PATH_OUTSIDE, "spec.files: a mount of that path", path)
        raise


def existing(host: Host, directory: OpenDirectory, path: str, *, follow: bool) -> Node:
    """What is there, or ENOENT."""
    found = locate(host, directory, path, follow=follow)
    if found.node is None:
        raise WasiError(Errno.NOENT)
    return found.node


def to_make(host: Host, directory: OpenDirectory, path: str) -> tuple[Found, str]:
    """Where a new name is to be made, in a tree that may be changed; EEXIST if it is there."""
    found, name = to_change(host, directory, path, nameless=Errno.EXIST)
    directory.tree.check_new_name(found.parent, name)
    return found, name


def to_change(
    host: Host, directory: OpenDirectory, path: str, *, nameless: Errno = Errno.INVAL
) -> tuple[Found, str]:
    """Where a name is to be taken away or moved, in a tree that may be changed.

    A last symbolic link is never followed, whatever is behind it.
    """
    found = locate(host, directory, path, follow=False, through_slash=False)
    require_writable(host, directory.tree, path)
    if found.name is None:
        raise WasiError(nameless)
    return found, found.name


def require_writable(host: Host, tree: Tree, path: str) -> None:
    """Raise EROFS for a read-only mount and note it."""
    if not tree.writable:
        host.denials.note(DenialCode.READ_ONLY, "spec.files[].access: read-write", path)
        raise WasiError(Errno.ROFS)


def require_directory(node: Node | None) -> DirectoryNode:
    """The directory, or ENOENT, or ENOTDIR."""
    if node is None:
        raise WasiError(Errno.NOENT)
    if not isinstance(node, DirectoryNode):
        raise WasiError(Errno.NOTDIR)
    return node
