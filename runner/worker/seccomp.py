"""A seccomp filter for the worker: a list of what it may call, everything else refused.

Written as classic BPF by hand, so that no library has to be loaded (and trusted) inside the worker.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Iterator
from typing import Final

from runner.worker import syscalls
from runner.worker.kernel import Kernel

# include/uapi/linux/audit.h
AUDIT_ARCH: Final = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
# include/uapi/linux/seccomp.h
SET_MODE_FILTER: Final = 1
FILTER_FLAG_TSYNC: Final = 1
RET_KILL_PROCESS: Final = 0x8000_0000
RET_ERRNO: Final = 0x0005_0000
RET_ALLOW: Final = 0x7FFF_0000
# struct seccomp_data: nr, arch, instruction_pointer, args[6]. Low halves first on both machines.
NR_OFFSET: Final = 0
ARCH_OFFSET: Final = 4
FIRST_ARGUMENT_OFFSET: Final = 16
# Numbers from here on are the x32 ABI of x86_64: a second door to the same calls.
X32_SYSCALL_BIT: Final = 0x4000_0000
PROT_EXEC: Final = 4
CLONE_THREAD: Final = 0x0001_0000

LOAD_WORD: Final = 0x20
JUMP_IF_EQUAL: Final = 0x15
JUMP_IF_AT_LEAST: Final = 0x35
JUMP_IF_SET: Final = 0x45
RETURN: Final = 0x06

Instruction = tuple[int, int, int, int]


def filter_program(machine: str) -> bytes:
    """Return the BPF program for `machine`.

    Raises `KeyError` for a machine without a table: a filter for another would allow anything.
    """
    column = syscalls.MACHINES[machine]
    instructions = list(_instructions(AUDIT_ARCH[machine], column))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


def install(kernel: Kernel) -> None:
    """Put the filter on every thread of this process; it cannot be taken off again."""
    program = filter_program(kernel.machine)
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: unsigned short length, pointer.
    head = struct.pack("=H6xQ", len(program) // 8, ctypes.addressof(code))
    pointer = ctypes.create_string_buffer(head, len(head))
    number = syscalls.SECCOMP[syscalls.MACHINES[kernel.machine]]
    stranger = kernel.syscall(number, SET_MODE_FILTER, FILTER_FLAG_TSYNC, pointer)
    if stranger != 0:
        raise OSError(errno.EBUSY, f"thread {stranger} could not take the filter")


def _instructions(arch: int, column: int) -> Iterator[Instruction]:
    yield (LOAD_WORD, 0, 0, ARCH_OFFSET)
    yield (JUMP_IF_EQUAL, 1, 0, arch)
    yield (RETURN, 0, 0, RET_KILL_PROCESS)
    yield (LOAD_WORD, 0, 0, NR_OFFSET)
    yield (JUMP_IF_AT_LEAST, 0, 1, X32_SYSCALL_BIT)
    yield (RETURN, 0, 0, RET_KILL_PROCESS)
    yield from _table(syscalls.ALLOWED, column, RET_ALLOW)
    # No page becomes executable: what is compiled was compiled before.
    for call in (syscalls.MMAP, syscalls.MPROTECT):
        yield from _unless_flag(call[column], argument=2, flag=PROT_EXEC)
    # Threads yes, processes no. clone3 hides its flags behind a pointer, so libc is sent to clone.
    yield from _only_flag(syscalls.CLONE[column], argument=0, flag=CLONE_THREAD)
    yield from _equal(syscalls.CLONE3[column], RET_ERRNO | errno.ENOSYS)
    yield from _table(syscalls.DEADLY, column, RET_KILL_PROCESS)
    yield (RETURN, 0, 0, RET_ERRNO | errno.EPERM)


def _table(
    table: dict[str, tuple[int | None, int | None]], column: int, answer: int
) -> Iterator[Instruction]:
    for numbers in table.values():
        number = numbers[column]
        if number is not None:
            yield from _equal(number, answer)


def _equal(number: int, answer: int) -> Iterator[Instruction]:
    yield (JUMP_IF_EQUAL, 0, 1, number)
    yield (RETURN, 0, 0, answer)


def _unless_flag(number: int, *, argument: int, flag: int) -> Iterator[Instruction]:
    yield (JUMP_IF_EQUAL, 0, 4, number)
    yield (LOAD_WORD, 0, 0, FIRST_ARGUMENT_OFFSET + 8 * argument)
    yield (JUMP_IF_SET, 0, 1, flag)
    yield (RETURN, 0, 0, RET_ERRNO | errno.EPERM)
    yield (RETURN, 0, 0, RET_ALLOW)


def _only_flag(number: int, *, argument: int, flag: int) -> Iterator[Instruction]:
    yield (JUMP_IF_EQUAL, 0, 4, number)
    yield (LOAD_WORD, 0, 0, FIRST_ARGUMENT_OFFSET + 8 * argument)
    yield (JUMP_IF_SET, 1, 0, flag)
    yield (RETURN, 0, 0, RET_ERRNO | errno.EPERM)
    yield (RETURN, 0, 0, RET_ALLOW)
