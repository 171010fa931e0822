"""The engine and how a module runs in it. The only part that touches wasmtime."""

from __future__ import annotations

from runner.engine.outcome import Outcome, RunInputs, Sources
from runner.engine.profile import BASE_PROFILE
from runner.engine.program import Program
from runner.engine.run import describe_imports, run_module

__all__ = [
    "BASE_PROFILE",
    "Outcome",
    "Program",
    "RunInputs",
    "Sources",
    "describe_imports",
    "run_module",
]
