"""Programs: what comes out of a run, how it ends, and that nothing is left behind."""

from __future__ import annotations

import gc
import resource
import threading
from typing import Any

import pytest

from runner.ending import Ending
from runner.engine import Outcome, Program, RunInputs, Sources, describe_imports, run_module
from runner.engine.engine import Engine
from runner.errors import RunnerCode, RunnerError
from tests.guests.build import wat
from tests.guests.policies import capabilities, output

P1 = "wasi_snapshot_preview1"
HELLO = f"""(module
  (import "{P1}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\06\\00\\00\\00")
  (data (i32.const 16) "hello\\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""


def module(body: str, *, head: str = "", memory: str = "1") -> bytes:
    """A command whose `_start` is `body`."""
    return wat(
        f'(module {head} (memory (export "memory") {memory}) (func (export "_start") {body}))'
    )


def exits(code: str) -> bytes:
    head = f'(import "{P1}" "proc_exit" (func $exit (param i32)))'
    return module(f"(call $exit {code})", head=head)


def run(wasm: bytes, **spec: Any) -> Outcome:
    return run_module(wasm, capabilities(**spec), RunInputs())


def test_hello() -> None:
    outcome = run(wat(HELLO), stdout=output())
    assert (outcome.ending, outcome.exit_code, outcome.trap) == (Ending.EXIT, 0, "")
    assert outcome.stdout == b"hello\n"
    assert outcome.stdout_bytes == 6
    assert outcome.host_calls == {"fd_write": 1}
    assert outcome.denials == ()
    assert outcome.peak_memory_bytes == 65536
    assert 0 < outcome.fuel_used < 100
    assert outcome.usage()["host-calls"] == 1
    assert b"hello" not in repr(outcome).encode()


def test_output_can_be_taken_as_it_comes() -> None:
    seen: list[bytes] = []
    program = Program(wat(HELLO), capabilities(stdout=output()))
    outcome = program.run(RunInputs(), stdout=seen.append)
    program.close()
    assert seen == [b"hello\n"]
    assert (outcome.stdout, outcome.stdout_bytes) == (b"", 6)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("(i32.const 0)", 0), ("(i32.const 7)", 7), ("(i32.const 200)", 200),
     ("(i32.const -1)", 2**32 - 1)],
)  # fmt: skip
def test_exit_codes_are_the_guests_own(code: str, expected: int) -> None:
    outcome = run(exits(code))
    assert (outcome.ending, outcome.exit_code) == (Ending.EXIT, expected)


@pytest.mark.parametrize(
    ("body", "trap"),
    [
        ("unreachable", "unreachable"),
        ("(drop (i32.load (i32.const 65533)))", "memory-out-of-bounds"),
        ("(drop (i32.load (i32.const -1)))", "memory-out-of-bounds"),
        ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "integer-division-by-zero"),
        ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", "integer-overflow"),
        ("(drop (i32.trunc_f32_s (f32.const nan)))", "bad-conversion-to-integer"),
        ("(drop (i32.trunc_f32_s (f32.const 1e30)))", "integer-overflow"),
    ],
)
def test_traps_have_names(body: str, trap: str) -> None:
    outcome = run(module(body))
    assert (outcome.ending, outcome.exit_code, outcome.trap) == (Ending.TRAP, None, trap)
    assert len(outcome.frames) == 1
    assert outcome.frames[0].startswith("function 0 at 0x")


@pytest.mark.parametrize(
    ("element", "trap"),
    [("(elem (i32.const 0) $other)", "bad-signature"), ("", "indirect-call-to-null"),],
)  # fmt: skip
def test_indirect_calls_trap(element: str, trap: str) -> None:
    wasm = wat(f"""(module (type $none (func)) (table 2 funcref) {element}
        (func $other (param i32))
        (func (export "_start") (call_indirect (type $none) (i32.const 0))))""")
    assert run(wasm).trap == trap


def test_frames_name_functions() -> None:
    wasm = wat("""(module (func $inner unreachable)
        (func $outer (export "_start") (call $inner)))""")
    frames = run(wasm).frames
    assert [frame.split()[2] for frame in frames] == ["inner", "outer"]


def test_a_start_function_runs_under_the_same_rules() -> None:
    wasm = wat(f"""(module (import "{P1}" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (start $begin)
        (func $begin (call $exit (i32.const 9))) (func (export "_start")))""")
    assert run(wasm).exit_code == 9
    endless = wat('(module (start $go) (func $go (loop (br 0))) (func (export "_start")))')
    assert run(endless, limits={"fuel": 1000}).ending is Ending.OUT_OF_FUEL


def test_a_program_runs_again_from_a_clean_state() -> None:
    wasm = module(
        """(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (call $exit (i32.load (i32.const 0)))""",
        head=f'(import "{P1}" "proc_exit" (func $exit (param i32)))',
    )
    program = Program(wasm, capabilities())
    assert [program.run(RunInputs()).exit_code for _ in range(3)] == [1, 1, 1]
    program.close()


def test_the_module_may_be_wiped_once_the_program_is_ready() -> None:
    buffer = bytearray(wat(HELLO))
    program = Program(memoryview(buffer), capabilities(stdout=output()))
    buffer[:] = bytes(len(buffer))
    assert program.run(RunInputs()).stdout == b"hello\n"
    program.close()


def test_facts_name_engine_and_profile() -> None:
    program = Program(wat(HELLO), capabilities())
    facts = program.facts()
    program.close()
    assert (facts["name"], facts["version"]) == ("wasmtime", "50.0.1")
    assert facts["profile"] == program.profile.digest


class BrokenError(Exception):
    pass


def test_what_a_sink_raises_stops_the_guest_and_reaches_the_caller() -> None:
    def broken(_data: bytes) -> None:
        raise BrokenError

    program = Program(wat(HELLO), capabilities(stdout=output()))
    with pytest.raises(BrokenError):
        program.run(RunInputs(), stdout=broken)
    assert program.run(RunInputs()).stdout == b"hello\n"
    program.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, BrokenError])
def test_no_exception_reaches_the_engine(error: type[BaseException]) -> None:
    def raising(_size: int) -> bytes:
        raise error

    wasm = module(
        "(drop (call $random (i32.const 0) (i32.const 4))) unreachable",
        head=f'(import "{P1}" "random_get" (func $random (param i32 i32) (result i32)))',
    )
    program = Program(wasm, capabilities(random={"kind": "real"}))
    with pytest.raises(error):
        program.run(RunInputs(), sources=Sources(entropy=raising))
    program.close()


def test_one_run_at_a_time() -> None:
    inside, leave = threading.Event(), threading.Event()

    def wait(_data: bytes) -> None:
        inside.set()
        leave.wait(30)

    program = Program(wat(HELLO), capabilities(stdout=output()))
    thread = threading.Thread(target=program.run, args=(RunInputs(),), kwargs={"stdout": wait})
    thread.start()
    assert inside.wait(30)
    with pytest.raises(RunnerError, match="running already"):
        program.run(RunInputs())
    leave.set()
    thread.join()
    program.close()


def test_two_programs_run_side_by_side() -> None:
    endless = Program(module("(loop (br 0))"), capabilities(limits={"wall-clock": "200ms"}))
    other = Program(wat(HELLO), capabilities(stdout=output()))
    ends: list[Ending] = []
    thread = threading.Thread(target=lambda: ends.append(endless.run(RunInputs()).ending))
    thread.start()
    while thread.is_alive():
        assert other.run(RunInputs()).ending is Ending.EXIT
    thread.join()
    assert ends == [Ending.WALL_CLOCK]
    endless.close()
    other.close()


@pytest.mark.parametrize(
    ("wasm", "code"),
    [
        (b"", RunnerCode.MODULE_INVALID),
        (b"\0as", RunnerCode.MODULE_INVALID),
        (b"#!/bin/sh\n", RunnerCode.MODULE_INVALID),
        (b"(module)", RunnerCode.MODULE_INVALID),
        (b"\0asm\1\0\0\0\xff", RunnerCode.MODULE_INVALID),
        (b"\0asm\x0d\0\1\0", RunnerCode.MODULE_INVALID),
        (wat(HELLO)[:-1], RunnerCode.MODULE_INVALID),
        (wat("(module)"), RunnerCode.ENTRYPOINT_MISSING),
        (wat('(module (func (export "_start") (param i32)))'), RunnerCode.ENTRYPOINT_MISSING),
        (wat('(module (memory (export "_start") 1))'), RunnerCode.ENTRYPOINT_MISSING),
    ],
)
def test_what_is_no_command_is_refused(wasm: bytes, code: RunnerCode) -> None:
    with pytest.raises(RunnerError) as refused:
        run(wasm)
    assert refused.value.code is code


def test_a_reactor_is_named() -> None:
    with pytest.raises(RunnerError, match="it is a reactor"):
        run(wat('(module (func (export "_initialize")))'))


def test_a_module_beyond_our_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.engine.engine.MAX_MODULE_BYTES", len(wat(HELLO)) - 1)
    with pytest.raises(RunnerError) as refused:
        run(wat(HELLO))
    assert refused.value.code is RunnerCode.MODULE_TOO_LARGE


@pytest.mark.parametrize(
    "document",
    [{}, {**capabilities(), "kind": "Guardrails"}, {**capabilities(), "kind": "Guardrails",
      "spec": {"grant": {}}}, capabilities(imports=["x"]),
     capabilities(limits={"memory": "-1"}), capabilities(surprise=True)],
)  # fmt: skip
def test_a_grant_that_is_none_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(RunnerError) as refused:
        Program(wat(HELLO), document)
    assert refused.value.code is RunnerCode.GRANT_INVALID


def test_imports_are_described_with_types() -> None:
    wasm = wat("""(module (import "a" "f" (func (param i32 i64 f32 f64) (result i32)))
        (import "a" "m" (memory 1)) (import "b" "t" (table 1 funcref))
        (import "b" "g" (global i64)) (import "c" "v" (func)))""")
    assert [(item.label, item.type) for item in describe_imports(wasm)] == [
        ("a.f", "(i32, i64, f32, f64) -> (i32)"),
        ("a.m", "memory"),
        ("b.t", "table"),
        ("b.g", "global"),
        ("c.v", "() -> ()"),
    ]


def test_a_thousand_runs_leave_nothing_behind() -> None:
    program = Program(wat(HELLO), capabilities(stdout=output()))
    engine: Engine = program._engine
    for _ in range(50):
        program.run(RunInputs())
    gc.collect()
    before, objects = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(gc.get_objects())
    for _ in range(1000):
        program.run(RunInputs())
    gc.collect()
    assert len(gc.get_objects()) - objects < 200
    assert engine.memories.alive == 0
    # Kibibytes; a leak of one page of guest memory per run would be 64,000.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_000
    program.close()


def test_a_hundred_programs_leave_no_thread_and_no_mapping() -> None:
    def mappings() -> int:
        with open("/proc/self/maps", encoding="ascii") as maps:
            return sum(1 for _ in maps)

    for _ in range(5):
        run(wat(HELLO), stdout=output())
    threads, before = threading.active_count(), mappings()
    for _ in range(100):
        run(wat(HELLO), stdout=output())
    assert threading.active_count() == threads
    assert mappings() - before < 50
