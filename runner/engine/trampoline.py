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

Edge = Callable[[Any, Any, Any, int], int]


@dataclass(slots=True)
class Slot:
    """What the callbacks of one program find when the guest calls: the run that is on.

    One guest runs at a time per program, so one slot serves all its callbacks.
    """

    new_trap: Callable[[int], int] = field(repr=False)
    host: Host | None = None
    parked: BaseException | None = field(default=None, repr=False)
    names: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def begin(self, host: Host) -> None:
        """A new run."""
        self.host = host
        self.parked = None
        self.counts[:] = [0] * len(self.counts)

    def calls(self) -> dict[str, int]:
        """How often the guest called what, in this run or the last one."""
        return {name: count for name, count in zip(self.names, self.counts, strict=True) if count}

    def counter(self, name: str) -> int:
        """A place in `counts` for a function."""
        self.names.append(name)
        self.counts.append(0)
        return len(self.counts) - 1

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
    if "I" in function.parameters:
        return HostCallback(_wide_edge(function, slot))
    return HostCallback(_narrow_edge(function, slot))


def _narrow_edge(function: Function, slot: Slot) -> Edge:
    """For 32-bit arguments: every fourth word is one. Written out, for it runs at every call."""
    call, returns = function.call, function.returns
    counts, place = slot.counts, slot.counter(function.name)
    # An empty slice with a step is not empty in ctypes, so without arguments none is taken.
    end = RAW_WORDS * len(function.parameters)

    def edge(_env: Any, _caller: Any, raw: Any, _count: int) -> int:
        try:
            counts[place] += 1
            answer = call(slot.host, *raw[0:end:RAW_WORDS]) if end else call(slot.host)
            if returns:
                raw[0] = answer
        except WasiError as refusal:
            raw[0] = refusal.errno
        except BaseException as error:  # noqa: BLE001  nothing may cross into native code
            return slot.park(error)
        return 0

    return edge


def _wide_edge(function: Function, slot: Slot) -> Edge:
    """For 64-bit arguments among others: those take a second word."""
    call = function.call
    counts, place = slot.counts, slot.counter(function.name)
    end = RAW_WORDS * len(function.parameters)
    places = [(RAW_WORDS * index, kind == "I") for index, kind in enumerate(function.parameters)]

    def edge(_env: Any, _caller: Any, raw: Any, _count: int) -> int:
        try:
            counts[place] += 1
            words = raw[0:end]
            raw[0] = call(
                slot.host,
                *[words[at] | words[at + 1] << 32 if wide else words[at] for at, wide in places],
            )
        except WasiError as refusal:
            raw[0] = refusal.errno
        except BaseException as error:  # noqa: BLE001  nothing may cross into native code
            return slot.park(error)
        return 0

    return edge
