"""Ending what a thread does for others: it is woken where it waits, and goes no further.

Python ends no thread from outside. Transfers of `sealing.oci.parallel` look here between blocks,
and wherever one of them waits it says what wakes it. Elsewhere nothing of this has an effect: the
main thread is ended by the exception that Ctrl-C raises in it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

_Result = TypeVar("_Result")


class StoppedError(Exception):
    """Ends a transfer whose result nobody waits for any more."""


class Stop:
    """Tells the threads that run something under it to end. Once told, they stay told."""

    def __init__(self) -> None:
        """Tell nobody yet."""
        self._told = threading.Event()
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], object]] = []

    @property
    def is_set(self) -> bool:
        """Whether they were told."""
        return self._told.is_set()

    def set(self) -> None:
        """Tell them, and wake those that wait."""
        with self._lock:
            self._told.set()
            for wake in self._wakers:
                wake()

    def running(self, action: Callable[[], _Result]) -> _Result:
        """Return what `action` returns, run in this thread under this stop."""
        before = _CURRENT.set(self)
        try:
            return action()
        finally:
            _CURRENT.reset(before)

    def require_unset(self) -> None:
        """Return if they were not told, or raise `StoppedError`."""
        if self.is_set:
            raise StoppedError

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or raise `StoppedError` as soon as they are told."""
        self._told.wait(seconds)
        self.require_unset()

    @contextmanager
    def waking(self, wake: Callable[[], object]) -> Iterator[None]:
        """Call `wake` from another thread if they are told while the block runs.

        It has to end what the block waits for, at once, and must not wait or raise. Whatever the
        block then made of that is a `StoppedError`.
        """
        with self._lock:
            self.require_unset()
            self._wakers.append(wake)
        try:
            yield
        finally:
            # Not called from here on: what it would act on may be gone then.
            with self._lock:
                self._wakers.remove(wake)
            self.require_unset()


_CURRENT: ContextVar[Stop | None] = ContextVar("stop", default=None)


def require_going() -> None:
    """Return if this thread is to go on, or raise `StoppedError`."""
    stop = _CURRENT.get()
    if stop is not None:
        stop.require_unset()


@contextmanager
def wakeable(wake: Callable[[], object]) -> Iterator[None]:
    """Let whoever ends this thread wake what the block waits for, as `Stop.waking`."""
    stop = _CURRENT.get()
    if stop is None:
        yield
        return
    with stop.waking(wake):
        yield


def sleep(seconds: float) -> None:
    """Wait, and raise `StoppedError` as soon as this thread is told to end."""
    stop = _CURRENT.get()
    if stop is None:
        time.sleep(seconds)
    else:
        stop.wait(seconds)
