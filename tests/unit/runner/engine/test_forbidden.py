"""Guests that try what they were not given. Each is stopped or told no, and it shows."""

from __future__ import annotations

from typing import Any

import pytest

from runner.ending import Ending
from runner.engine import Outcome, Program, RunInputs, run_module
from tests.guests.build import wat
from tests.guests.policies import capabilities, folder, output
from tests.unit.runner.engine.test_imports import wat_type

P1 = "wasi_snapshot_preview1"


def command(body: str, *imports: str, memory: str = "1", more: str = "") -> bytes:
    """A command that calls WASI functions by name and may exit with the last errno."""
    lines = "".join(
        f'(import "{P1}" "{name}" {wat_type(name).replace("(func", f"(func ${name}", 1)})'
        for name in {*imports, "proc_exit"}
    )
    return wat(
        f'(module {lines} {more} (memory (export "memory") {memory})'
        f'(func (export "_start") (local $i i32) {body}))'
    )


def run(wasm: bytes, **spec: Any) -> Outcome:
    return run_module(wasm, capabilities(**spec), RunInputs())


ENDLESS = command("(loop $again (br $again))")


def test_an_endless_loop_runs_out_of_fuel() -> None:
    outcome = run(ENDLESS, limits={"fuel": 100_000})
    assert outcome.ending is Ending.OUT_OF_FUEL
    assert outcome.fuel_used == 100_000


def test_fuel_is_the_same_every_time() -> None:
    body = "(loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))"
    wasm = command(body + "(i32.const 1000))))")
    assert len({run(wasm).fuel_used for _ in range(3)}) == 1


def test_an_endless_loop_meets_the_wall_clock() -> None:
    outcome = run(ENDLESS, limits={"fuel": 2**53 - 1, "wall-clock": "100ms"})
    assert (outcome.ending, outcome.exit_code) == (Ending.WALL_CLOCK, None)
    assert outcome.wall_ns >= 100_000_000
    assert not outcome.reproducible


def test_a_loop_of_host_calls_meets_the_wall_clock() -> None:
    wasm = command("(loop $again (drop (call $sched_yield)) (br $again))", "sched_yield")
    outcome = run(wasm, limits={"fuel": 2**53 - 1, "wall-clock": "100ms"})
    assert outcome.ending is Ending.WALL_CLOCK
    assert outcome.host_calls["sched_yield"] > 0


def test_a_sleep_past_the_wall_clock_is_cut_short() -> None:
    # One alarm on the monotonic clock, an hour from now.
    wasm = command(
        """(i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 3600000000000))
        (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
        (call $proc_exit (i32.const 1))""",
        "poll_oneoff",
    )
    outcome = run(wasm, clock={"kind": "real"}, limits={"wall-clock": "100ms"})
    assert outcome.ending is Ending.WALL_CLOCK


def test_a_program_runs_again_after_its_wall_clock() -> None:
    program = Program(ENDLESS, capabilities(limits={"fuel": 2**53 - 1, "wall-clock": "50ms"}))
    assert [program.run(RunInputs()).ending for _ in range(3)] == [Ending.WALL_CLOCK] * 3
    program.close()


BOMB = """(loop $again
  (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))"""


def test_memory_ends_at_its_limit() -> None:
    outcome = run(command(f"{BOMB} (call $proc_exit (i32.const 3))"), limits={"memory": "4MiB"})
    # A guest that can live without the memory goes on, but the refusal is on record.
    assert (outcome.ending, outcome.exit_code) == (Ending.EXIT, 3)
    assert 3 << 20 < outcome.peak_memory_bytes <= 4 << 20
    assert [denial.code for denial in outcome.denials] == ["memory-limit"]


def test_a_guest_that_dies_for_want_of_memory_met_the_limit() -> None:
    outcome = run(command(f"{BOMB} unreachable"), limits={"memory": "4MiB"})
    assert outcome.ending is Ending.MEMORY


@pytest.mark.parametrize(("pages", "ending"), [(64, Ending.EXIT), (65, Ending.MEMORY)])
def test_the_first_memory_counts(pages: int, ending: Ending) -> None:
    assert run(command("", memory=str(pages)), limits={"memory": "4MiB"}).ending is ending


@pytest.mark.parametrize(("grow", "expected"), [(63, 1), (64, -1)])
def test_the_limit_is_exact(grow: int, expected: int) -> None:
    wasm = command(f"(call $proc_exit (memory.grow (i32.const {grow})))")
    outcome = run(wasm, limits={"memory": "4MiB"})
    assert outcome.exit_code == expected % 2**32


def test_grown_memory_is_usable_by_host_and_guest() -> None:
    wasm = command(
        """(drop (memory.grow (i32.const 3)))
        (i32.store (i32.const 262140) (i32.const 0x21212121))
        (i32.store (i32.const 0) (i32.const 262140)) (i32.store (i32.const 4) (i32.const 4))
        (call $proc_exit (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1)
          (i32.const 131072)))""",
        "fd_write",
    )
    outcome = run(wasm, stdout=output())
    assert (outcome.exit_code, outcome.stdout) == (0, b"!!!!")


@pytest.mark.parametrize(
    ("table", "limit", "ending"),
    [(100, 100, Ending.EXIT), (101, 100, Ending.MEMORY)],
)
def test_tables_are_bounded(table: int, limit: int, ending: Ending) -> None:
    wasm = command("", more=f"(table {table} funcref)")
    assert run(wasm, limits={"table-elements": limit}).ending is ending


def test_tables_do_not_grow_past_their_limit() -> None:
    wasm = command(
        "(call $proc_exit (table.grow (ref.null func) (i32.const 101)))", more="(table 0 funcref)"
    )
    assert run(wasm, limits={"table-elements": 100}).exit_code == 2**32 - 1
    assert run(wasm, limits={"table-elements": 101}).exit_code == 0


def test_more_than_a_few_tables_are_refused() -> None:
    assert run(command("", more="(table 1 funcref)" * 4)).ending is Ending.EXIT
    assert run(command("", more="(table 1 funcref)" * 5)).ending is Ending.MEMORY


@pytest.mark.parametrize("stack", ["16KiB", "512KiB", "4MiB"])
def test_recursion_ends_in_a_trap(stack: str) -> None:
    wasm = command("(call $deep)", more="(func $deep (call $deep) (call $deep))")
    outcome = run(wasm, limits={"stack": stack})
    assert (outcome.ending, outcome.trap) == (Ending.TRAP, "stack-overflow")


def test_a_host_call_from_the_end_of_the_stack_is_safe() -> None:
    more = """(func $deep (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1)
        (i32.const 8))) (call $deep))"""
    wasm = command("(call $deep)", "fd_write", more=more)
    outcome = run(wasm, stdout=output(), limits={"stack": "4MiB"})
    assert outcome.trap == "stack-overflow"


WRITE = """(i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 4096))
  (loop $again
    (br_if $again (i32.eqz (local.tee $i (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1)
      (i32.const 8))))))
  (call $proc_exit (local.get $i))"""


def test_a_flood_of_output_is_stopped() -> None:
    outcome = run(command(WRITE, "fd_write"), stdout=output(10_000))
    assert outcome.ending is Ending.OUTPUT
    assert outcome.stdout == bytes(10_000)
    assert [denial.code for denial in outcome.denials] == ["output-quota"]


def test_a_flood_of_output_can_be_told_no_instead() -> None:
    grant = output(10_000, **{"on-quota": "enospc"})
    outcome = run(command(WRITE, "fd_write"), stdout=grant)
    assert (outcome.ending, outcome.exit_code, len(outcome.stdout)) == (Ending.EXIT, 51, 10_000)


def test_ungranted_output_is_stopped_at_the_first_byte() -> None:
    outcome = run(command(WRITE, "fd_write"))
    assert (outcome.ending, outcome.stdout) == (Ending.OUTPUT, b"")


@pytest.mark.parametrize(
    ("body", "call", "denial"),
    [
        ("(i32.const 0) (i64.const 0) (i32.const 0)", "clock_time_get", "clock-not-granted"),
        ("(i32.const 0) (i32.const 0)", "clock_res_get", "clock-not-granted"),
        ("(i32.const 0) (i32.const 8)", "random_get", "random-not-granted"),
    ],
)
def test_time_and_randomness_are_denied(body: str, call: str, denial: str) -> None:
    outcome = run(command(f"(call $proc_exit (call ${call} {body}))", call))
    assert (outcome.exit_code, [item.code for item in outcome.denials]) == (76, [denial])


def opening(path: str, oflags: int, rights: int, fd: int = 3) -> bytes:
    """A command that opens a path and exits with the errno."""
    return command(
        f"""(call $proc_exit (call $path_open (i32.const {fd}) (i32.const 1) (i32.const 256)
          (i32.const {len(path)}) (i32.const {oflags}) (i64.const {rights}) (i64.const 0)
          (i32.const 0) (i32.const 0)))""",
        "path_open",
        more=f'(data (i32.const 256) "{path}")',
    )


@pytest.mark.parametrize(
    ("path", "oflags", "rights", "access", "errno", "denial"),
    [
        ("new", 1, 64, "read-write", 0, None),
        ("new", 1, 64, "read-only", 69, "path-read-only"),
        ("../new", 1, 64, "read-write", 76, "path-outside-grant"),
        ("/etc/passwd", 0, 2, "read-write", 76, "path-outside-grant"),
        ("a/../../x", 0, 2, "read-write", 44, None),
        ("./../x", 0, 2, "read-write", 76, "path-outside-grant"),
    ],
)
def test_files_outside_the_grant(
    path: str, oflags: int, rights: int, access: str, errno: int, denial: str | None
) -> None:
    outcome = run(opening(path, oflags, rights), files=[folder(access=access)])
    assert outcome.exit_code == errno
    assert [item.code for item in outcome.denials] == ([denial] if denial else [])


def test_without_a_mount_there_is_no_descriptor() -> None:
    assert run(opening("new", 1, 64)).exit_code == 8


def test_written_files_come_back_only_if_the_policy_says_so() -> None:
    wasm = opening("new", 1, 64)
    inputs = RunInputs(files={"/data": {"old": b"x"}})
    for write_back in (True, False):
        mount = folder(source="host", write_back=write_back)
        outcome = run_module(wasm, capabilities(files=[mount]), inputs)
        assert outcome.written == ({"/data": {"new": b"", "old": b"x"}} if write_back else {})


def test_the_same_run_twice_gives_the_same_bytes() -> None:
    wasm = command(
        """(drop (call $random_get (i32.const 64) (i32.const 32)))
        (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 96)))
        (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 104)))
        (f64.store (i32.const 112) (f64.div (f64.const 0) (f64.const 0)))
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 56))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))""",
        "random_get", "clock_time_get", "fd_write",
    )  # fmt: skip
    made_up = {"kind": "deterministic", "start": "2026-11-22T10:00:00Z"}
    grant = {"clock": made_up, "random": {"kind": "seeded", "seed": "s"}, "stdout": output()}
    outcomes = [run(wasm, **grant) for _ in range(2)]
    assert outcomes[0].stdout == outcomes[1].stdout
    assert outcomes[0].stdout[48:] == bytes.fromhex("000000000000f87f")
    assert outcomes[0].fuel_used == outcomes[1].fuel_used
    assert outcomes[0].reproducible
    real = {**grant, "clock": {"kind": "real"}}
    assert not run(wasm, **real).reproducible
