"""The short ways in: run a module once, or look at what it imports."""

from __future__ import annotations

from runner.engine.engine import Buffer, Engine, Module
from runner.engine.outcome import Outcome, RunInputs, Sources
from runner.engine.profile import FEATURES, OPTIMIZE_NOTHING, Profile, profile_for
from runner.engine.program import Capabilities, Program
from runner.engine.types import Import
from runner.limits import KIB
from runner.wasi.descriptors import Sink


def run_module(
    module: Buffer,
    capabilities: Capabilities,
    inputs: RunInputs,
    *,
    stdout: Sink | None = None,
    stderr: Sink | None = None,
    sources: Sources | None = None,
) -> Outcome:
    """Run a module once under a grant and say how it ended.

    Does not ask where module or grant come from. Raises `RunnerError` before any guest code runs if
    the module is not valid, imports or features are not granted, or inputs do not fit the grant.
    """
    with Program(module, capabilities) as program:
        return program.run(inputs, stdout=stdout, stderr=stderr, sources=sources)


def describe_imports(module: Buffer) -> tuple[Import, ...]:
    """What a module imports, with types, whatever this host has or a policy grants.

    Compiles the module to find out. Raises `RunnerError` if it is not valid.
    """
    everything = profile_for(FEATURES, stack_bytes=512 * KIB, deterministic=False)
    # The code is thrown away, so it need not be good.
    engine = Engine(Profile({**everything.settings, "cranelift_opt_level": OPTIMIZE_NOTHING}))
    try:
        compiled = Module(engine, module)
        imports = compiled.imports
        compiled.close()
        return imports
    finally:
        engine.close()
