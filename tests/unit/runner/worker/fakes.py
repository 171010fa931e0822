"""A kernel that grants everything except what a test takes away."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable

from runner.worker import kernel as k
from runner.worker import syscalls

GETTERS = {
    k.PR_GET_DUMPABLE: k.PR_SET_DUMPABLE,
    k.PR_GET_NO_NEW_PRIVS: k.PR_SET_NO_NEW_PRIVS,
    k.PR_GET_MDWE: k.PR_SET_MDWE,
}


class FakeKernel:
    """Remembers in which order it was asked; verbs break one thing at a time."""

    def __init__(self, machine: str = "x86_64") -> None:
        self.machine = machine
        self.calls: list[str] = []
        self.rlimits: dict[int, int] = {}
        self.state = {k.PR_SET_DUMPABLE: 1, k.PR_SET_NO_NEW_PRIVS: 0, k.PR_SET_MDWE: 0}
        self.landlock_abi = 7
        self._refused: set[str] = set()
        self._pretended: set[str] = set()
        self._stranger = 0

    def without(self, *names: str) -> FakeKernel:
        self._refused |= set(names)
        return self

    def pretending(self, *names: str) -> FakeKernel:
        """The call succeeds and does nothing."""
        self._pretended |= set(names)
        return self

    def with_stubborn_thread(self) -> FakeKernel:
        self._stranger = 4711
        return self

    def _note(self, name: str) -> bool:
        self.calls.append(name)
        if name in self._refused:
            raise OSError(errno.EPERM, "Operation not permitted")
        return name not in self._pretended

    def prctl(self, option: int, *arguments: int) -> int:
        if option in GETTERS:
            return self.state[GETTERS[option]]
        if self._note(f"prctl {option}") and option in self.state:
            self.state[option] = arguments[0]
        return 0

    def syscall(self, number: int, *arguments: object) -> int:
        if number == syscalls.LANDLOCK_CREATE_RULESET:
            self._note("landlock")
            if arguments[2] == 1:
                return self.landlock_abi
            return os.open("/dev/null", os.O_RDONLY)
        if number == syscalls.LANDLOCK_RESTRICT_SELF:
            self._note("landlock-restrict")
            return 0
        self._note("seccomp")
        return self._stranger

    def unshare(self, flags: int) -> None:
        self._note(f"unshare {flags:#x}")

    def set_rlimit(self, which: int, value: int) -> None:
        self._note("rlimit")
        self.rlimits[which] = value

    def drop_capabilities(self) -> None:
        self._note("capset")

    def can_open(self, path: str) -> bool:
        return "landlock-restrict" in self._pretended or "landlock-restrict" not in self.calls

    def refuses(self, number: int) -> bool:
        return "seccomp" in self.calls and "seccomp" not in self._pretended


def run_filter(program: bytes, *, arch: int, number: int, arguments: Iterable[int] = ()) -> int:
    """Interpret the classic BPF of a seccomp filter as the kernel would; return its answer."""
    words = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("=IIQ6Q", number, arch, 0, *words)
    instructions = list(struct.iter_unpack("=HBBI", program))
    accumulator = position = 0
    while True:
        code, if_true, if_false, value = instructions[position]
        position += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif code == 0x06:
            return value
        else:
            holds = {
                0x15: accumulator == value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }[code]
            position += if_true if holds else if_false
