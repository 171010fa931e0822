"""Landlock with no rules at all: no file, no TCP port, no signal or socket outside this process.

Numbers and access bits are those of the kernel's `include/uapi/linux/landlock.h`.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

from runner.worker.kernel import Kernel
from runner.worker.syscalls import LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF

CREATE_RULESET_VERSION: Final = 1
# From which ABI version on each group of file system rights exists.
FS_BASE: Final = (1 << 13) - 1
FS_REFER: Final = 1 << 13
FS_TRUNCATE: Final = 1 << 14
FS_IOCTL_DEVICE: Final = 1 << 15
NET_BIND_AND_CONNECT: Final = 3
SCOPE_SOCKETS_AND_SIGNALS: Final = 3


def abi_version(kernel: Kernel) -> int:
    """Return the Landlock ABI of the running kernel; raises `OSError` where there is none."""
    return kernel.syscall(LANDLOCK_CREATE_RULESET, 0, 0, CREATE_RULESET_VERSION)


def ruleset_attributes(abi: int) -> bytes:
    """Return `struct landlock_ruleset_attr` handling every right that `abi` knows."""
    fs = FS_BASE
    fs |= FS_REFER if abi >= 2 else 0
    fs |= FS_TRUNCATE if abi >= 3 else 0
    fs |= FS_IOCTL_DEVICE if abi >= 5 else 0
    if abi < 4:
        return struct.pack("=Q", fs)
    if abi < 6:
        return struct.pack("=QQ", fs, NET_BIND_AND_CONNECT)
    return struct.pack("=QQQ", fs, NET_BIND_AND_CONNECT, SCOPE_SOCKETS_AND_SIGNALS)


def deny_all(kernel: Kernel) -> int:
    """Take every right that Landlock handles from this thread; return the ABI version.

    Threads that exist already keep their rights: seccomp, which reaches them all, comes after.
    """
    abi = abi_version(kernel)
    attributes = ruleset_attributes(abi)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    ruleset = kernel.syscall(LANDLOCK_CREATE_RULESET, buffer, len(attributes), 0)
    try:
        kernel.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi
