"""Lock this process down as far as its kernel allows, in an order that works, and say what held.

Each part is checked by what the kernel does or reports afterwards, not by having been asked for.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from runner.errors import RunnerCode, RunnerError
from runner.worker import kernel as k
from runner.worker import landlock, limits, seccomp, syscalls
from runner.worker.kernel import Kernel


class Part(StrEnum):
    """One thing that lock-down takes away. The names are in receipts and policies."""

    NOT_DUMPABLE = "not-dumpable"
    NET_NAMESPACE = "net-namespace"
    NO_NEW_PRIVS = "no-new-privs"
    NO_CAPABILITIES = "no-capabilities"
    LANDLOCK = "landlock"
    RLIMITS = "rlimits"
    NO_NEW_CODE = "memory-deny-write-execute"
    SECCOMP = "seccomp"


# Every kernel that a runner is installed on has these; no guest runs without them.
ALWAYS_REQUIRED: Final = frozenset(
    {Part.NOT_DUMPABLE, Part.NO_NEW_PRIVS, Part.RLIMITS, Part.SECCOMP}
)


@dataclass(frozen=True, slots=True)
class LockdownReport:
    """What held: part → how, and what the kernel did not offer: part → its error."""

    held: Mapping[Part, str]
    missing: Mapping[Part, str]

    def to_document(self) -> dict[str, dict[str, str]]:
        """Return the report as it goes into the receipt."""
        return {
            "held": {part.value: how for part, how in self.held.items()},
            "missing": {part.value: why for part, why in self.missing.items()},
        }


class Lockdown:
    """Two stages: `enter` before anything secret arrives, `complete` before the guest runs."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._held: dict[Part, str] = {}
        self._missing: dict[Part, str] = {}

    def enter(self, *, parent: int) -> None:
        """Die with the parent, leave no core, have no network, use bounded memory and stack.

        Must run while the process has one thread: namespaces are a matter of single threads.
        Raises `RunnerError` if the parent is gone already. What did not hold, `complete` says.
        """
        self._kernel.prctl(k.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            raise RunnerError(RunnerCode.WORKER_LOST, "the supervisor is gone")
        self._kernel.set_rlimit(resource.RLIMIT_DATA, limits.MAX_DATA_BYTES)
        self._kernel.set_rlimit(resource.RLIMIT_STACK, limits.STACK_BYTES)
        self._take(Part.NOT_DUMPABLE, lambda: leave_no_core(self._kernel))
        self._take(Part.NET_NAMESPACE, lambda: _empty_net_namespace(self._kernel))

    def complete(self, required: frozenset[Part]) -> LockdownReport:
        """Take away everything else and return what held. There is no way back.

        Whatever the process still needs must be imported, opened, compiled and linked before.
        Raises `RunnerError` if a part does not hold that is in `required` or in `ALWAYS_REQUIRED`.
        """
        # Landlock and seccomp without privileges need no_new_privs, so it comes first.
        self._take(Part.NO_NEW_PRIVS, lambda: _no_new_privs(self._kernel))
        self._take(Part.NO_CAPABILITIES, lambda: _no_capabilities(self._kernel))
        # Landlock needs a descriptor, and the rlimits leave none.
        self._take(Part.LANDLOCK, lambda: _landlock(self._kernel))
        self._take(Part.RLIMITS, lambda: _rlimits(self._kernel))
        self._take(Part.NO_NEW_CODE, lambda: _no_new_code(self._kernel))
        # Last, because the filter forbids prctl and all the rest.
        self._take(Part.SECCOMP, lambda: _seccomp(self._kernel))
        for part in sorted(self._missing.keys() & (required | ALWAYS_REQUIRED)):
            detail = f"{part} does not hold: {self._missing[part]}"
            raise RunnerError(RunnerCode.LOCKDOWN_FAILED, detail)
        return LockdownReport(dict(self._held), dict(self._missing))

    def _take(self, part: Part, action: Callable[[], str]) -> None:
        try:
            self._held[part] = action()
        except OSError as error:
            self._missing[part] = errno.errorcode.get(error.errno or 0, "unknown")


def leave_no_core(kernel: Kernel) -> str:
    """Make this process leave no core file and close its memory to its own user.

    Not a defence against root, which reads any process's memory. Raises `OSError`.
    """
    kernel.set_rlimit(resource.RLIMIT_CORE, 0)
    kernel.prctl(k.PR_SET_DUMPABLE, 0)
    _expect(kernel.prctl(k.PR_GET_DUMPABLE), 0)
    return "core size 0"


def _empty_net_namespace(kernel: Kernel) -> str:
    try:
        kernel.unshare(k.CLONE_NEWNET)
    except OSError:
        kernel.unshare(k.CLONE_NEWUSER | k.CLONE_NEWNET)
        return "own, in an own user namespace"
    return "own"


def _no_new_privs(kernel: Kernel) -> str:
    kernel.prctl(k.PR_SET_NO_NEW_PRIVS, 1)
    _expect(kernel.prctl(k.PR_GET_NO_NEW_PRIVS), 1)
    return "set"


def _no_capabilities(kernel: Kernel) -> str:
    kernel.drop_capabilities()
    return "none left"


def _landlock(kernel: Kernel) -> str:
    abi = landlock.deny_all(kernel)
    if kernel.can_open("/"):
        raise OSError(errno.ENOTSUP, "files still open")
    return f"abi {abi}"


def _rlimits(kernel: Kernel) -> str:
    kernel.set_rlimit(resource.RLIMIT_FSIZE, 0)
    # One, not zero: poll(2) refuses to wait on more descriptors than this, and it needs one.
    kernel.set_rlimit(resource.RLIMIT_NOFILE, 1)
    return "core 0, file size 0, no new descriptor, data bounded"


def _no_new_code(kernel: Kernel) -> str:
    kernel.prctl(k.PR_SET_MDWE, k.PR_MDWE_REFUSE_EXEC_GAIN)
    _expect(kernel.prctl(k.PR_GET_MDWE), k.PR_MDWE_REFUSE_EXEC_GAIN)
    return "set"


def _seccomp(kernel: Kernel) -> str:
    if kernel.machine not in syscalls.MACHINES:
        raise OSError(errno.ENOSYS, f"no filter for {kernel.machine}")
    seccomp.install(kernel)
    if not kernel.refuses(syscalls.UNAME[syscalls.MACHINES[kernel.machine]]):
        raise OSError(errno.ENOTSUP, "the filter does not answer")
    return f"allow-list of {len(syscalls.ALLOWED)}, all threads"


def _expect(got: int, expected: int) -> None:
    if got != expected:
        raise OSError(errno.ENOTSUP, f"kernel says {got}, expected {expected}")
