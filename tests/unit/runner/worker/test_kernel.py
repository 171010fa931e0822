"""The real kernel calls that a test process survives; the rest runs in test_locked.py."""

from __future__ import annotations

import errno
import os
import platform
import resource
import threading
from pathlib import Path

import pytest

from runner.worker import kernel as k
from runner.worker import syscalls
from runner.worker.kernel import LinuxKernel
from runner.worker.lockdown import leave_no_core

KERNEL = LinuxKernel()
COLUMN = syscalls.MACHINES[platform.machine()]
GETPID = syscalls.ALLOWED["getpid"][COLUMN]
NOBODY_HAS_THIS = 0x3FFF


def test_calls_answer_or_raise() -> None:
    assert GETPID is not None
    assert KERNEL.machine == platform.machine()
    assert KERNEL.syscall(GETPID) == os.getpid()
    assert KERNEL.prctl(k.PR_GET_NO_NEW_PRIVS) == 0
    KERNEL.unshare(0)
    with pytest.raises(OSError, match="not implemented") as caught:
        KERNEL.syscall(NOBODY_HAS_THIS)
    assert caught.value.errno == errno.ENOSYS
    with pytest.raises(OSError, match="Invalid"):
        KERNEL.prctl(0xFFFF)


def test_what_is_tried_is_told() -> None:
    assert KERNEL.can_open("/")
    assert not KERNEL.can_open("/nonexistent")
    assert not KERNEL.refuses(syscalls.UNAME[COLUMN])
    assert not KERNEL.refuses(NOBODY_HAS_THIS)


def test_limits_only_go_down() -> None:
    KERNEL.set_rlimit(resource.RLIMIT_CORE, 0)
    KERNEL.set_rlimit(resource.RLIMIT_CORE, 1 << 40)
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def test_a_supervisor_leaves_no_core() -> None:
    assert leave_no_core(KERNEL) == "core size 0"
    assert KERNEL.prctl(k.PR_GET_DUMPABLE) == 0


def test_capabilities_go_from_every_set_of_the_thread() -> None:
    left: list[str] = []

    def drop() -> None:
        KERNEL.drop_capabilities()
        status = Path("/proc/thread-self/status").read_text(encoding="ascii").splitlines()
        left.extend(line for line in status if line[:6] in {"CapInh", "CapPrm", "CapEff", "CapAmb"})

    thread = threading.Thread(target=drop)
    thread.start()
    thread.join()
    assert [line.split()[1] for line in left] == ["0" * 16] * 4
