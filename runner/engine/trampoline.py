"""The edge between engine and Python: nothing that goes wrong here may reach native code.

An exception that leaves a ctypes callback is printed and lost, and the engine goes on with whatever
the result holds. So each callback catches everything: a host call parks it with its run and returns
a trap, and the run raises it again on our side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runner.engine.capi import RAW_WORDS, TRAP_INTERRUPT, HostCallback
from runner.wasi.errors import WasiError
from runner.wasi.host import Host
from runner.wasi.table import Function


@dataclass(slots=True)
class Slot:
    """What the callbacks of one program find when the guest calls: the run that is on.

    One guest runs at a time per program, so one slot serves all its callbacks.
    """

    new_trap: Callable[[int], int] = field(repr=False)
    host: Host | None = None
    parked: BaseException | None = field(default=None, repr=False)
    calls: dict[str, int] = field(default_factory=dict)

    def begin(self, host: Host) -> None:
        """A new run."""
        self.host = host
        self.parked = None
        self.calls = {}

    def end(self) -> None:
        """No run any more: a late callback finds nothing to work on."""
        self.host = None
        self.parked = None

    def park(self, error: BaseException) -> int:
        """Keep what stops the guest and return a trap for the engine."""
        self.parked = error
        return self.new_trap(TRAP_INTERRUPT)


def shielded(kind: Any, body: Callable[..., int], failed: Callable[[BaseException], int]) -> Any:
    """A native callback of type `kind` that answers `failed(error)` when `body` raises."""

    def edge(*arguments: Any) -> int:
        try:
            return body(*arguments)
        except BaseException as error:  # noqa: BLE001  nothing may cross into native code
            return failed(error)

    return kind(edge)


def host_callback(function: Function, slot: Slot) -> Any:
    """The native callback of a host function. The caller keeps it alive while it is linked."""
    if not function.returns:
        return _callback(function, slot, _narrow(function, slot), result=False)
    wide = "I" in function.parameters
    arguments = _wide(function, slot) if wide else _narrow(function, slot)
    return _callback(function, slot, arguments, result=True)


def _narrow(function: Function, slot: Slot) -> Callable[[Any], int]:
    """Calls with 32-bit arguments: every fourth word is one."""
    call, end = function.call, RAW_WORDS * len(function.parameters)
    if not end:
        # An empty slice with a step is not empty in ctypes.
        return lambda _raw: call(slot.host)
    return lambda raw: call(slot.host, *raw[0:end:RAW_WORDS])


def _wide(function: Function, slot: Slot) -> Callable[[Any], int]:
    """Calls with 64-bit arguments as well: those take a second word."""
    call, end = function.call, RAW_WORDS * len(function.parameters)
    places = [(RAW_WORDS * index, kind == "I") for index, kind in enumerate(function.parameters)]

    def invoke(raw: Any) -> int:
        words = raw[0:end]
        return call(
            slot.host,
            *[words[at] | words[at + 1] << 32 if is_wide else words[at] for at, is_wide in places],
        )

    return invoke


def _callback(function: Function, slot: Slot, invoke: Callable[[Any], int], *, result: bool) -> Any:
    name = function.name

    def edge(_env: Any, _caller: Any, raw: Any, _count: int) -> int:
        try:
            calls = slot.calls
            calls[name] = calls.get(name, 0) + 1
            answer = invoke(raw)
            if result:
                raw[0] = answer
        except WasiError as refusal:
            raw[0] = refusal.errno
        except BaseException as error:  # noqa: BLE001  nothing may cross into native code
            return slot.park(error)
        return 0

    return HostCallback(edge)
