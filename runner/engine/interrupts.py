"""Keeps Ctrl-C out of the guest's host calls.

Python runs signal handlers between bytecodes of the main thread, so the first bytecode of a
callback is where a KeyboardInterrupt would appear: outside any `try`, where ctypes prints and
forgets it. While a guest runs on the main thread the signal is only noted, and raised after.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_interrupts(stop: Callable[[], None]) -> Iterator[None]:
    """Turn Ctrl-C into a call of `stop`, and into KeyboardInterrupt when the block is left.

    Does nothing off the main thread or where somebody handles the signal already.
    """
    on_main = threading.get_ident() == threading.main_thread().ident
    if not on_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    noted = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal noted
        noted = True
        stop()

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if noted:
            raise KeyboardInterrupt
