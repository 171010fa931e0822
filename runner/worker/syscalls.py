"""Which system calls a locked worker needs, with their numbers on each machine we run on.

Numbers are those of the kernel's `asm/unistd_64.h` and `asm-generic/unistd.h`; None means that the
machine has no such call.
"""

from __future__ import annotations

from typing import Final

# name: (x86_64, aarch64). The hot ones come first: the filter is read from top to bottom.
ALLOWED: Final[dict[str, tuple[int | None, int | None]]] = {
    "futex": (202, 98),
    "write": (1, 64),
    "read": (0, 63),
    "readv": (19, 65),
    "clock_gettime": (228, 113),
    "munmap": (11, 215),
    "madvise": (28, 233),
    "brk": (12, 214),
    "mremap": (25, 216),
    "rt_sigprocmask": (14, 135),
    "rt_sigaction": (13, 134),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "poll": (7, None),
    "ppoll": (271, 73),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getrandom": (318, 278),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "membarrier": (324, 283),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getrusage": (98, 165),
    "mlock": (149, 228),
    "mlock2": (325, 284),
    "munlock": (150, 229),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "exit": (60, 93),
    "exit_group": (231, 94),
}

# Nothing honest in a worker ever tries these: the process dies at once instead of getting EPERM.
DEADLY: Final[dict[str, tuple[int | None, int | None]]] = {
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "perf_event_open": (298, 241),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
}

# Allowed only where an argument is right; `seccomp.py` has the conditions.
MMAP: Final = (9, 222)
MPROTECT: Final = (10, 226)
CLONE: Final = (56, 220)
CLONE3: Final = (435, 435)

SECCOMP: Final = (317, 277)
CAPSET: Final = (126, 91)
# Not in the list above and harmless: asking for the host name shows whether the filter answers.
UNAME: Final = (63, 160)

# The same numbers on both machines.
LANDLOCK_CREATE_RULESET: Final = 444
LANDLOCK_RESTRICT_SELF: Final = 446

MACHINES: Final = {"x86_64": 0, "aarch64": 1}
