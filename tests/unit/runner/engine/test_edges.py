"""The edges to native code and to the operating system: memory, interrupts, the watchdog."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.ending import Ending
from runner.engine import Program, RunInputs
from runner.engine.interrupts import held_interrupts
from runner.engine.memory import GuestMemory, MemorySource
from runner.engine.watchdog import Watchdog
from tests.guests.build import wat
from tests.guests.policies import capabilities, output
from tests.unit.runner.engine.test_program import HELLO

PAGE = 65536


def flags_of(address: int) -> set[str]:
    """The kernel's flags of the mapping at `address`."""
    inside = False
    for line in Path("/proc/self/smaps").read_text(encoding="ascii").splitlines():
        first = line.split()[0]
        if "-" in first:
            low, high = (int(part, 16) for part in first.split("-"))
            inside = low <= address < high
        elif inside and first == "VmFlags:":
            return set(line.split()[1:])
    return set()


def test_guest_memory_is_reserved_opened_and_given_back() -> None:
    memory = GuestMemory(PAGE, reserve=16 * PAGE, guard=PAGE)
    view = memory.view
    assert len(view) == PAGE
    view[:3] = b"abc"
    memory.grow(3 * PAGE)
    # It has not moved: the old view and the new one are the same bytes.
    view[3] = ord("d")
    assert bytes(memory.view[:4]) == b"abcd"
    assert len(memory.view) == 3 * PAGE
    assert bytes(memory.view[-3:]) == bytes(3)
    assert "wr" in flags_of(memory.address)
    assert "wr" not in flags_of(memory.address + 3 * PAGE)
    # Not in any core file.
    assert "dd" in flags_of(memory.address)
    memory.unmap()
    assert len(memory.view) == 0
    assert flags_of(memory.address) == set()


def test_memory_that_cannot_be_had_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match="cannot be reserved"):
        GuestMemory(PAGE, reserve=1 << 60, guard=PAGE)


def test_memory_beyond_what_the_process_may_have_is_given_back() -> None:
    low, high = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (1 << 32, high))
    before = Path("/proc/self/maps").read_text(encoding="ascii").count("\n")
    try:
        with pytest.raises(OSError, match="cannot be made accessible"):
            GuestMemory(1 << 33, reserve=1 << 33, guard=PAGE)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (low, high))
    assert Path("/proc/self/maps").read_text(encoding="ascii").count("\n") <= before + 1


def test_a_failing_mapping_becomes_an_engine_error_and_nothing_else() -> None:
    errors: list[bytes] = []
    source = MemorySource(lambda text: errors.append(text) or 1)  # type: ignore[func-returns-value]
    source.begin(1 << 62)
    assert source.creator.new_memory(None, None, PAGE, 0, 1 << 60, PAGE, None) == 1
    assert errors == [b"guest memory refused"]
    assert source.alive == 0
    assert len(source.view) == 0


def test_refusals_are_counted() -> None:
    source = MemorySource(lambda _text: 1)
    source.begin(PAGE)
    assert source.creator.new_memory(None, None, PAGE + 1, 0, 16 * PAGE, PAGE, None) == 1
    assert source.refusals == 1
    source.begin(PAGE)
    assert source.refusals == 0


# Interrupts


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Interrupts arrive, also where a shell runs the tests in the background, ignoring them."""
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, old)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_is_held_until_the_guest_has_ended() -> None:
    seen: list[str] = []
    with pytest.raises(KeyboardInterrupt), held_interrupts(lambda: seen.append("stopped")):
        os.kill(os.getpid(), signal.SIGINT)
        seen.append("still here")
    assert seen == ["stopped", "still here"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_somebody_elses_handler_is_left_alone() -> None:
    old = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_interrupts(lambda: None):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, old)


@pytest.mark.usefixtures("interruptible")
def test_other_threads_have_nothing_to_hold() -> None:
    entered: list[object] = []

    def enter() -> None:
        with held_interrupts(lambda: None):
            entered.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered == [signal.default_int_handler]


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_in_a_host_call_stops_the_guest_and_is_raised() -> None:
    def interrupt(_data: bytes) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    wasm = wat(
        HELLO.replace("(drop (call $write", "(loop $l (drop (call $write").replace(
            "(i32.const 8)))))", "(i32.const 8))) (br $l))))"
        )
    )
    program = Program(wasm, capabilities(stdout=output(), limits={"wall-clock": "30s"}))
    with pytest.raises(KeyboardInterrupt):
        program.run(RunInputs(), stdout=interrupt)
    assert program.run(RunInputs(), stdout=lambda _data: None).ending is Ending.OUTPUT
    program.close()


# Watchdog


def test_the_watchdog_barks_once_at_the_deadline() -> None:
    barks: list[int] = []
    watchdog = Watchdog(lambda: barks.append(1))
    watchdog.arm(0.02)
    assert watchdog.pause(30)
    assert watchdog.expired.is_set()
    watchdog.arm(3600)
    assert not watchdog.expired.is_set()
    watchdog.disarm()
    watchdog.close()
    assert barks == [1]


def test_a_disarmed_watchdog_stays_quiet() -> None:
    barks: list[int] = []
    watchdog = Watchdog(lambda: barks.append(1))
    watchdog.arm(0.05)
    watchdog.disarm()
    assert not watchdog.pause(0.15)
    # An earlier deadline than the one it sleeps towards is not missed.
    watchdog.arm(3600)
    watchdog.arm(0.02)
    assert watchdog.pause(30)
    watchdog.close()
    assert barks == [1]
