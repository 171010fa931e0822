"""How a WASI call leaves this package other than by success: an errno, or the end of the guest."""

from __future__ import annotations

from runner.ending import Ending
from runner.wasi.abi import Errno


class WasiError(Exception):
    """The call fails and the guest sees `errno`. Holds nothing of the guest's."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno.name)
        self.errno = errno


class ProcExit(Exception):  # noqa: N818  this is how a guest ends well
    """The guest called `proc_exit`."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit {code}")
        self.code = code


class GuestStopped(Exception):  # noqa: N818  a decision of ours about the guest, not an error
    """The guest has met a limit and goes no further."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.value)
        self.ending = ending
