"""Guests that try to get out or break their worker: in a real, locked worker process."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from policies.load import parse_document
from policies.models import CapabilityPolicy
from runner.ending import Ending
from runner.inputs import Offer
from runner.order import Place, Terms
from runner.run import run_unsealed
from runner.supervise import Clock, Ended, Sinks
from tests.guests.build import wat
from tests.guests.policies import capabilities, folder, output
from tests.unit.runner.engine.test_forbidden import command

MUCH = 2**53 - 1
RECURSION = command("(call $deeper)", more="(func $deeper (call $deeper))")
OPEN_A = """(i32.store8 (i32.const 0) (i32.const 97))
(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1)
  (i64.const 0x400040) (i64.const 0) (i32.const 0) (i32.const 64)))"""


def run(wasm: bytes, **spec: Any) -> Ended:
    policy = parse_document(capabilities(**spec))
    assert isinstance(policy, CapabilityPolicy)
    sinks = Sinks(lambda _: None, lambda _: None)
    place = Place(Clock(lambda: datetime.now(UTC)), sinks)
    return run_unsealed(wasm, policy, Offer(), Terms(), place).ended


@pytest.fixture
def small_stack() -> Iterator[None]:
    """Of the supervisor; its worker starts with the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (2 << 20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


@pytest.mark.parametrize("name", ["named", "x" * 5000, "a/b<c>"])
def test_a_trap_is_told_whatever_the_function_is_called(name: str) -> None:
    text = f'(module (memory (export "memory") 1) (func ${name} (export "_start") unreachable))'
    ended = run(wat(text))
    assert (ended.ending, ended.trap) == (Ending.TRAP, "unreachable")
    assert len(ended.frames) == 1


def test_a_denied_path_is_told() -> None:
    body = """(i32.store16 (i32.const 0) (i32.const 0x2e2e))
    (call $proc_exit (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 2)
      (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 64)))"""
    ended = run(command(body, "path_open"), files=[folder()])
    assert (ended.ending, ended.exit_code) == (Ending.EXIT, 76)
    assert ended.denials[0].startswith("path-outside-grant")


@pytest.mark.usefixtures("small_stack")
def test_endless_recursion_where_stacks_are_small() -> None:
    ended = run(RECURSION, limits={"stack": "4MiB", "fuel": MUCH})
    assert (ended.ending, ended.trap) == (Ending.TRAP, "stack-overflow")


def test_host_calls_at_the_end_of_the_stack() -> None:
    more = "(func $deeper (drop (call $sched_yield)) (call $deeper))"
    wasm = command("(call $deeper)", "sched_yield", more=more)
    ended = run(wasm, limits={"stack": "4MiB", "fuel": MUCH})
    assert (ended.ending, ended.trap) == (Ending.TRAP, "stack-overflow")


def test_the_dearest_call_per_instruction_meets_the_wall_clock() -> None:
    resize = "(drop (call $fd_filestat_set_size (i32.const 4) (i64.const {})))"
    loop = f"(loop $again {resize.format(256 << 20)} {resize.format(0)} (br $again))"
    ended = run(
        command(OPEN_A + loop, "path_open", "fd_filestat_set_size"),
        files=[folder(max_bytes=256 << 20)],
        limits={"fuel": MUCH, "wall-clock": "200ms"},
    )
    assert ended.ending is Ending.WALL_CLOCK


def test_a_file_in_the_place_of_an_output_keeps_its_own_quota() -> None:
    body = """(drop (call $fd_renumber (i32.const 4) (i32.const 1)))
    (i32.store (i32.const 12) (i32.const 60000))
    (call $proc_exit (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))"""
    wasm = command(OPEN_A + body, "path_open", "fd_renumber", "fd_write")
    ended = run(wasm, files=[folder(max_bytes=10)], stdout=output())
    assert (ended.exit_code, ended.stdout.size) == (51, 0)
