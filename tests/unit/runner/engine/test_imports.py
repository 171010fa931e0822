"""Imports: everything is checked, and named, before any guest code runs."""

from __future__ import annotations

import pytest

from policies.load import parse_document
from policies.models import CapabilityPolicy
from policies.wasi import NEEDS
from runner.ending import Ending
from runner.engine import Program, RunInputs, run_module
from runner.engine.imports import grant_lines, wasi_type
from runner.errors import RunnerCode, RunnerError
from runner.wasi.table import ABSENT, FUNCTIONS, SIGNATURES
from tests.guests.build import wat
from tests.guests.policies import EVERY_IMPORT, capabilities

P1 = "wasi_snapshot_preview1"


def wat_type(name: str) -> str:
    """The type of a WASI function in text format."""
    values = " ".join({"i": "i32", "I": "i64"}[letter] for letter in SIGNATURES[name])
    result = "" if name == "proc_exit" else "(result i32)"
    return f"(func (param {values}) {result})"


def importing(*imports: str) -> bytes:
    """A command that would trap if it ever ran."""
    lines = "".join(f"(import {line})" for line in imports)
    return wat(f'(module {lines} (func (export "_start") unreachable))')


def wasi(name: str) -> str:
    return f'"{P1}" "{name}" {wat_type(name)}'


def refusal(wasm: bytes, **grant: object) -> RunnerError:
    with pytest.raises(RunnerError) as refused:
        Program(wasm, capabilities(**grant))  # type: ignore[arg-type]
    return refused.value


def test_all_46_functions_are_accounted_for() -> None:
    assert len(SIGNATURES) == 46
    assert set(SIGNATURES) == set(NEEDS)
    assert set(FUNCTIONS) | set(ABSENT) == set(SIGNATURES)
    assert not set(FUNCTIONS) & set(ABSENT)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_must_be_granted_by_itself(name: str) -> None:
    wasm = importing(wasi(name))
    others = [label for label in EVERY_IMPORT if label != f"{P1}.{name}"]
    error = refusal(wasm, imports=others)
    assert error.code is RunnerCode.IMPORT_NOT_GRANTED
    assert error.detail == f"imports not granted: {P1}.{name}"
    assert error.remedy == f"spec:\n  imports:\n    - {P1}.{name}"
    outcome = run_module(wasm, capabilities(imports=[f"{P1}.{name}"]), RunInputs())
    assert outcome.trap == "unreachable"


def test_every_missing_grant_is_named_at_once_and_the_remedy_grants_them() -> None:
    import yaml

    wasm = importing(wasi("fd_write"), wasi("path_open"), wasi("fd_write"), wasi("args_get"))
    error = refusal(wasm, imports=[f"{P1}.args_get"])
    assert f"{P1}.fd_write, {P1}.path_open" in error.detail
    granted = yaml.safe_load(error.remedy)["spec"]["imports"]
    assert granted == [f"{P1}.fd_write", f"{P1}.path_open"]
    Program(wasm, capabilities(imports=[*granted, f"{P1}.args_get"])).close()


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (wasi("sock_accept"), "sock_accept (there are no sockets)"),
        (wasi("proc_raise"), "proc_raise (there are no signals)"),
        (f'"{P1}" "fd_frobnicate" (func)', "fd_frobnicate (no such function)"),
        (f'"{P1}" "fd_write" (global i32)', "fd_write (a global)"),
        ('"env" "memory" (memory 1)', "env.memory (a memory)"),
        ('"env" "t" (table 1 funcref)', "env.t (a table)"),
        ('"env" "abort" (func)', f"env.abort (only {P1} is here)"),
        ('"wasi_unstable" "fd_write" (func)', f"wasi_unstable.fd_write (only {P1} is here)"),
        ('"" "" (func)', f". (only {P1} is here)"),
    ],
)
def test_what_this_runner_does_not_have_is_named(line: str, named: str) -> None:
    error = refusal(importing(line, wasi("fd_read")))
    assert error.code is RunnerCode.IMPORT_UNKNOWN
    assert error.detail == f"imports this runner does not have: {P1}.".replace(
        f"{P1}.", named if "." in named.split("(", maxsplit=1)[0] else f"{P1}.{named}"
    )


def test_names_of_a_module_are_shown_harmlessly_and_not_without_end() -> None:
    error = refusal(importing(r'"e\1b[2J" "n\n\c3\bc" (func)'))
    assert error.detail.startswith(r"imports this runner does not have: e\x1b[2J.n\n\xfc (only")
    many = [f'"env" "{"x" * 200}{number}" (func)' for number in range(40)]
    error = refusal(importing(*[line.replace("x" * 200, "") for line in many]))
    assert error.detail.endswith(" and 8 more")
    assert len(refusal(importing(many[0])).detail) < 250


@pytest.mark.parametrize(
    "kind", ["(func)", "(func (param i32))", "(func (param i64 i64 i64 i64) (result i32))"]
)
def test_a_function_of_another_type_is_named(kind: str) -> None:
    error = refusal(importing(f'"{P1}" "fd_write" {kind}'))
    assert error.code is RunnerCode.IMPORT_MISMATCH
    assert error.detail.endswith("expected (i32, i32, i32, i32) -> (i32))")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_table_has_the_types_of_the_specification(name: str) -> None:
    """A module made with the type in text links; so the engine agrees with `wasi_type`."""
    assert wasi_type(name).count("i") == len(SIGNATURES[name]) + (name != "proc_exit")
    Program(importing(wasi(name)), capabilities()).close()


def test_audit_records_what_is_not_granted_and_refuses_it() -> None:
    wasm = wat(f"""(module (import {wasi("random_get")[: -len(wat_type("random_get"))]}
        (func $random (param i32 i32) (result i32)))
        (import "{P1}" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
          (call $exit (call $random (i32.const 0) (i32.const 4)))))""")
    granted = [f"{P1}.proc_exit"]
    spec = {"random": {"kind": "real"}, "imports": granted}
    assert refusal(wasm, **spec).code is RunnerCode.IMPORT_NOT_GRANTED
    outcome = run_module(wasm, capabilities(mode="audit", **spec), RunInputs())  # type: ignore[arg-type]
    assert (outcome.ending, outcome.exit_code) == (Ending.EXIT, 76)
    [denial] = outcome.denials
    assert (denial.code, denial.grant) == ("import-not-granted", f"spec.imports: {P1}.random_get")


def test_audit_does_not_invent_functions() -> None:
    error = refusal(importing(wasi("sock_send")), mode="audit")
    assert error.code is RunnerCode.IMPORT_UNKNOWN


def test_grant_lines_are_a_policy() -> None:
    import yaml

    document = {**capabilities(), **yaml.safe_load(grant_lines(EVERY_IMPORT))}
    assert isinstance(parse_document(document), CapabilityPolicy)
