"""The few system calls that lock a process down, as one object that tests can replace."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
from typing import Final, Protocol

from runner.worker.syscalls import CAPSET, MACHINES

PR_SET_PDEATHSIG: Final = 1
PR_GET_DUMPABLE: Final = 3
PR_SET_DUMPABLE: Final = 4
PR_SET_NO_NEW_PRIVS: Final = 38
PR_GET_NO_NEW_PRIVS: Final = 39
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
PR_SET_MDWE: Final = 65
PR_GET_MDWE: Final = 66
PR_MDWE_REFUSE_EXEC_GAIN: Final = 1
CAPABILITY_VERSION_3: Final = 0x2008_0522

CLONE_NEWUSER: Final = 0x1000_0000
CLONE_NEWNET: Final = 0x4000_0000


class Kernel(Protocol):
    """What lock-down asks of the kernel. Every method raises `OSError` on refusal."""

    @property
    def machine(self) -> str:
        """Return the machine name of `uname`, which picks the system call numbers."""

    def prctl(self, option: int, *arguments: int) -> int:
        """Return what the kernel answers to `option`; missing arguments are zero."""

    def syscall(self, number: int, *arguments: int | ctypes.Array[ctypes.c_char]) -> int:
        """Return the result of system call `number`; byte arrays pass as pointers."""

    def unshare(self, flags: int) -> None:
        """Move this process into new namespaces."""

    def set_rlimit(self, which: int, value: int) -> None:
        """Set soft and hard limit of `which` to `value`."""

    def drop_capabilities(self) -> None:
        """Leave this thread with no capability in any set."""

    def can_open(self, path: str) -> bool:
        """Return whether `path` can be opened for reading: behaviour, not configuration."""

    def refuses(self, number: int) -> bool:
        """Return whether system call `number` answers EPERM."""


class LinuxKernel:
    """The kernel this process runs on."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.syscall.restype = ctypes.c_long

    @property
    def machine(self) -> str:
        """As `uname -m` says."""
        return platform.machine()

    def prctl(self, option: int, *arguments: int) -> int:
        """Ask libc, with all five words."""
        words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
        return self._checked(self._libc.prctl(ctypes.c_int(option), *words))

    def syscall(self, number: int, *arguments: int | ctypes.Array[ctypes.c_char]) -> int:
        """Ask through libc."""
        words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
        return self._checked(self._libc.syscall(ctypes.c_long(number), *words))

    def unshare(self, flags: int) -> None:
        """Leave the namespaces that `flags` name."""
        self._checked(self._libc.unshare(ctypes.c_int(flags)))

    def set_rlimit(self, which: int, value: int) -> None:
        """Never raises a hard limit: `value` is cut to it."""
        hard = resource.getrlimit(which)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (bound, bound))

    def can_open(self, path: str) -> bool:
        """Try it."""
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            return False
        return True

    def drop_capabilities(self) -> None:
        """Empty the effective, permitted, inheritable and ambient sets."""
        self.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
        number = CAPSET[MACHINES[self.machine]]
        # struct __user_cap_header_struct (version 3, this thread) and two empty data words.
        header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
        empty = bytes(24)
        self.syscall(
            number,
            ctypes.create_string_buffer(header, len(header)),
            ctypes.create_string_buffer(empty, len(empty)),
        )

    def refuses(self, number: int) -> bool:
        """Try it, with a scratch buffer as its first argument."""
        scratch = ctypes.create_string_buffer(512)
        try:
            self.syscall(number, scratch)
        except OSError as error:
            return error.errno == errno.EPERM
        return False

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return int(result)
