"""Numbers and layouts of `wasi_snapshot_preview1` (WebAssembly/WASI, preview1 docs and witx).

Names are the specification's own. Plain integers where guests send them in bulk.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final

MODULE: Final = "wasi_snapshot_preview1"

U32_MAX: Final = 0xFFFF_FFFF
U64_MAX: Final = 0xFFFF_FFFF_FFFF_FFFF
# Offsets are signed 64 bit in files; nothing of ours may go beyond.
OFFSET_MAX: Final = 0x7FFF_FFFF_FFFF_FFFF


class Errno(IntEnum):
    """The error numbers this host answers with."""

    SUCCESS = 0
    BADF = 8
    EXIST = 20
    FAULT = 21
    ILSEQ = 25
    INVAL = 28
    ISDIR = 31
    LOOP = 32
    MFILE = 33
    NAMETOOLONG = 37
    NOENT = 44
    NOSPC = 51
    NOTDIR = 54
    NOTEMPTY = 55
    NOTSUP = 58
    PERM = 63
    ROFS = 69
    SPIPE = 70
    XDEV = 75
    NOTCAPABLE = 76


class FileType:
    """`filetype`."""

    UNKNOWN: Final = 0
    DIRECTORY: Final = 3
    REGULAR_FILE: Final = 4
    SYMBOLIC_LINK: Final = 7


class Rights:
    """`rights`: one bit each."""

    FD_DATASYNC: Final = 1 << 0
    FD_READ: Final = 1 << 1
    FD_SEEK: Final = 1 << 2
    FD_FDSTAT_SET_FLAGS: Final = 1 << 3
    FD_SYNC: Final = 1 << 4
    FD_TELL: Final = 1 << 5
    FD_WRITE: Final = 1 << 6
    FD_ADVISE: Final = 1 << 7
    FD_ALLOCATE: Final = 1 << 8
    PATH_CREATE_DIRECTORY: Final = 1 << 9
    PATH_CREATE_FILE: Final = 1 << 10
    PATH_LINK_SOURCE: Final = 1 << 11
    PATH_LINK_TARGET: Final = 1 << 12
    PATH_OPEN: Final = 1 << 13
    FD_READDIR: Final = 1 << 14
    PATH_READLINK: Final = 1 << 15
    PATH_RENAME_SOURCE: Final = 1 << 16
    PATH_RENAME_TARGET: Final = 1 << 17
    PATH_FILESTAT_GET: Final = 1 << 18
    PATH_FILESTAT_SET_SIZE: Final = 1 << 19
    PATH_FILESTAT_SET_TIMES: Final = 1 << 20
    FD_FILESTAT_GET: Final = 1 << 21
    FD_FILESTAT_SET_SIZE: Final = 1 << 22
    FD_FILESTAT_SET_TIMES: Final = 1 << 23
    PATH_SYMLINK: Final = 1 << 24
    PATH_REMOVE_DIRECTORY: Final = 1 << 25
    PATH_UNLINK_FILE: Final = 1 << 26
    POLL_FD_READWRITE: Final = 1 << 27


# Every right but those of sockets, of which there are none.
ALL_RIGHTS: Final = (1 << 28) - 1

FILE_RIGHTS: Final = (
    Rights.FD_DATASYNC
    | Rights.FD_READ
    | Rights.FD_SEEK
    | Rights.FD_FDSTAT_SET_FLAGS
    | Rights.FD_SYNC
    | Rights.FD_TELL
    | Rights.FD_WRITE
    | Rights.FD_ADVISE
    | Rights.FD_ALLOCATE
    | Rights.FD_FILESTAT_GET
    | Rights.FD_FILESTAT_SET_SIZE
    | Rights.FD_FILESTAT_SET_TIMES
    | Rights.POLL_FD_READWRITE
)
# Directories are neither read as bytes nor resized, and have no offset.
DIRECTORY_RIGHTS: Final = ALL_RIGHTS & ~(
    Rights.FD_READ
    | Rights.FD_SEEK
    | Rights.FD_TELL
    | Rights.FD_WRITE
    | Rights.FD_ADVISE
    | Rights.FD_ALLOCATE
    | Rights.FD_FILESTAT_SET_SIZE
    | Rights.POLL_FD_READWRITE
)
STREAM_RIGHTS: Final = (
    Rights.FD_DATASYNC
    | Rights.FD_FDSTAT_SET_FLAGS
    | Rights.FD_SYNC
    | Rights.FD_FILESTAT_GET
    | Rights.POLL_FD_READWRITE
)
# Whoever asks for one of these at `path_open` means to change the file.
MODIFYING_RIGHTS: Final = Rights.FD_WRITE | Rights.FD_ALLOCATE | Rights.FD_FILESTAT_SET_SIZE


class OpenFlags:
    """`oflags`."""

    CREAT: Final = 1
    DIRECTORY: Final = 2
    EXCL: Final = 4
    TRUNC: Final = 8
    ALL: Final = 15


class FdFlags:
    """`fdflags`. Only APPEND means anything here; the others are kept and reported."""

    APPEND: Final = 1
    ALL: Final = 31


class TimeFlags:
    """`fstflags`."""

    ATIM: Final = 1
    ATIM_NOW: Final = 2
    MTIM: Final = 4
    MTIM_NOW: Final = 8
    ALL: Final = 15


class Whence:
    """`whence`."""

    SET: Final = 0
    CUR: Final = 1
    END: Final = 2


class ClockId:
    """`clockid`; the two CPU-time clocks are not offered."""

    REALTIME: Final = 0
    MONOTONIC: Final = 1
    PROCESS_CPUTIME: Final = 2
    THREAD_CPUTIME: Final = 3


class EventType:
    """`eventtype`."""

    CLOCK: Final = 0
    FD_READ: Final = 1
    FD_WRITE: Final = 2


SYMLINK_FOLLOW: Final = 1
SUBCLOCK_ABSTIME: Final = 1
EVENT_HANGUP: Final = 1
PREOPEN_DIRECTORY: Final = 0
HIGHEST_ADVICE: Final = 5

U32: Final = Struct("<I")
U64: Final = Struct("<Q")
# filetype, flags, rights, inheriting rights
FDSTAT: Final = Struct("<BxH4xQQ")
# device, inode, filetype, links, size, atim, mtim, ctim
FILESTAT: Final = Struct("<QQB7xQQQQQ")
# tag, length of the name
PRESTAT: Final = Struct("<B3xI")
# next cookie, inode, length of the name, filetype
DIRENT: Final = Struct("<QQIB3x")
# userdata, tag; then 32 bytes that depend on the tag
SUBSCRIPTION: Final = Struct("<QB7x32s")
# clock, timeout, precision, flags
SUBSCRIPTION_CLOCK: Final = Struct("<I4xQQH6x")
# userdata, errno, type, bytes available, flags
EVENT: Final = Struct("<QHB5xQH6x")
