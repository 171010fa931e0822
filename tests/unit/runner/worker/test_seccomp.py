"""The filter, interpreted as the kernel would, on both machines."""

from __future__ import annotations

import errno
import platform
from pathlib import Path

import pytest

from runner.worker import seccomp, syscalls
from tests.unit.runner.worker.fakes import FakeKernel, run_filter

MACHINES = sorted(syscalls.MACHINES)
HEADERS = [
    Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    Path("/usr/include/asm-generic/unistd.h"),
]
EPERM = seccomp.RET_ERRNO | errno.EPERM


def answer(machine: str, numbers: tuple[int | None, int | None], *arguments: int) -> int:
    number = numbers[syscalls.MACHINES[machine]]
    assert number is not None
    program = seccomp.filter_program(machine)
    arch = seccomp.AUDIT_ARCH[machine]
    return run_filter(program, arch=arch, number=number, arguments=arguments)


def cases(table: dict[str, tuple[int | None, int | None]]) -> list[tuple[str, str]]:
    return [
        (m, n) for m in MACHINES for n, v in table.items() if v[syscalls.MACHINES[m]] is not None
    ]


@pytest.mark.parametrize(("machine", "name"), cases(syscalls.ALLOWED))
def test_allowed(machine: str, name: str) -> None:
    assert answer(machine, syscalls.ALLOWED[name]) == seccomp.RET_ALLOW


@pytest.mark.parametrize(("machine", "name"), cases(syscalls.DEADLY))
def test_deadly(machine: str, name: str) -> None:
    assert answer(machine, syscalls.DEADLY[name]) == seccomp.RET_KILL_PROCESS


@pytest.mark.parametrize("machine", MACHINES)
def test_everything_else_is_refused(machine: str) -> None:
    column = syscalls.MACHINES[machine]
    special = {
        c[column] for c in (syscalls.MMAP, syscalls.MPROTECT, syscalls.CLONE, syscalls.CLONE3)
    }
    tables = (syscalls.ALLOWED, syscalls.DEADLY)
    named = special | {numbers[column] for table in tables for numbers in table.values()}
    for number in set(range(600)) - named:
        assert answer(machine, (number, number)) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("call", [syscalls.MMAP, syscalls.MPROTECT])
@pytest.mark.parametrize("protection", range(8))
def test_no_page_becomes_executable(machine: str, call: tuple[int, int], protection: int) -> None:
    expected = EPERM if protection & seccomp.PROT_EXEC else seccomp.RET_ALLOW
    assert answer(machine, call, 0, 4096, protection) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_threads_but_no_processes(machine: str) -> None:
    assert answer(machine, syscalls.CLONE, 0x3D0F00) == seccomp.RET_ALLOW
    assert answer(machine, syscalls.CLONE, 17) == EPERM
    assert answer(machine, syscalls.CLONE3, 0) == seccomp.RET_ERRNO | errno.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
def test_another_architecture_dies(machine: str) -> None:
    program = seccomp.filter_program(machine)
    # AUDIT_ARCH_I386: the same numbers mean other calls there.
    assert run_filter(program, arch=0x4000_0003, number=1) == seccomp.RET_KILL_PROCESS


def test_the_x32_door_is_closed() -> None:
    write = syscalls.ALLOWED["write"][0]
    assert write is not None
    number = write | seccomp.X32_SYSCALL_BIT
    assert answer("x86_64", (number, None)) == seccomp.RET_KILL_PROCESS


def test_no_filter_for_an_unknown_machine() -> None:
    with pytest.raises(KeyError):
        seccomp.filter_program("riscv64")


def test_a_thread_without_the_filter_is_an_error() -> None:
    with pytest.raises(OSError, match="4711"):
        seccomp.install(FakeKernel().with_stubborn_thread())


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the header of x86_64")
def test_numbers_are_those_of_the_kernel_headers() -> None:
    for column, path in enumerate(HEADERS):
        if not path.exists():
            pytest.skip("kernel headers are not installed")
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        defined = [words for words in lines if len(words) == 3 and words[0] == "#define"]
        plain = {w[1].removeprefix("__NR_"): w[2] for w in defined if w[1].startswith("__NR_")}
        wide = {w[1].removeprefix("__NR3264_"): w[2] for w in defined if "__NR3264_" in w[1]}
        numbers = {**plain, **wide}
        for name, columns in {**syscalls.ALLOWED, **syscalls.DEADLY}.items():
            if columns[column] is not None:
                assert numbers[name] == str(columns[column]), name
