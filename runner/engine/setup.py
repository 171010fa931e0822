"""From a grant and the inputs of one run to the host the guest will see.

What was not granted is refused, and so is a grant whose input did not come: a guest never runs with
less than its policy says without anybody noticing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from policies.models import CapabilityPolicy
from policies.models.capability import Output
from policies.models.files import FileMount
from runner.engine.outcome import Files, RunInputs, Sources
from runner.errors import RunnerCode, RunnerError
from runner.grants import require_arguments_granted
from runner.wasi.abi import ALL_RIGHTS, DIRECTORY_RIGHTS
from runner.wasi.clocks import (
    DeniedClock,
    DeterministicClock,
    GuestClock,
    Pause,
    RealClock,
    TimeSources,
    coarse_clock,
)
from runner.wasi.denials import DenialCode, Denials
from runner.wasi.descriptors import (
    DescriptorTable,
    InputStream,
    OpenDirectory,
    OutputStream,
    Sink,
)
from runner.wasi.entropy import DeniedRandom, GuestRandom, RealRandom, SeededRandom
from runner.wasi.errors import WasiError
from runner.wasi.host import Host, Mount
from runner.wasi.tree import Tree

NANOSECONDS_PER_MS = 1_000_000
NANOSECONDS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Streams:
    """The two output streams of a run, whose counters are read afterwards."""

    stdout: OutputStream
    stderr: OutputStream


def is_reproducible(grant: CapabilityPolicy) -> bool:
    """Whether nothing in the grant differs from run to run: clock and randomness are made up."""
    spec = grant.spec
    return spec.clock.kind in {"deny", "deterministic"} and spec.random.kind in {"deny", "seeded"}


def build_host(
    grant: CapabilityPolicy,
    inputs: RunInputs,
    *,
    sources: Sources,
    sinks: tuple[Sink, Sink],
    pause: Pause,
    stopped: Callable[[], bool],
) -> tuple[Host, Streams]:
    """The host of one run. Raises `RunnerError` naming what is not granted or did not come."""
    denials = Denials()
    clock = _clock(grant, sources, pause, denials)
    streams = Streams(
        _output("stdout", grant.spec.stdout, sinks[0], denials),
        _output("stderr", grant.spec.stderr, sinks[1], denials),
    )
    descriptors = DescriptorTable(
        max_open=grant.spec.limits.open_files,
        on_full=_noter(denials, DenialCode.OPEN_FILES, "spec.limits.open-files"),
    )
    for stream in (_stdin(grant, inputs, denials), streams.stdout, streams.stderr):
        descriptors.add(stream)
    mounts = _mounts(grant, inputs, clock, denials)
    for mount in mounts:
        descriptors.add(_preopen(mount))
    host = Host(
        args=_arguments(grant, inputs),
        environ=_environment(grant, inputs),
        descriptors=descriptors,
        clock=clock,
        random=_random(grant, sources, denials),
        denials=denials,
        mounts=mounts,
        stopped=stopped,
    )
    return host, streams


def _not_granted(detail: str, remedy: str) -> RunnerError:
    return RunnerError(RunnerCode.INPUT_NOT_GRANTED, detail, remedy)


def _noter(denials: Denials, code: DenialCode, grant: str) -> Callable[[], None]:
    return lambda: denials.note(code, grant)


def _arguments(grant: CapabilityPolicy, inputs: RunInputs) -> tuple[bytes, ...]:
    require_arguments_granted(grant, inputs.args)
    return (grant.name.encode(), *_encoded(inputs.args or grant.spec.args.literal))


def _encoded(texts: Iterable[str]) -> list[bytes]:
    encoded = []
    for text in texts:
        if "\0" in text:
            raise RunnerError(RunnerCode.INPUT_NOT_GRANTED, "an argument holds a NUL byte")
        encoded.append(text.encode("utf-8", "surrogateescape"))
    return encoded


def _environment(grant: CapabilityPolicy, inputs: RunInputs) -> tuple[bytes, ...]:
    from_runner = {name for name, item in grant.spec.env.items() if item.origin == "runner"}
    for name in sorted(set(inputs.env) - from_runner):
        detail = f"the variable {name} is given, but the policy does not take it from the runner"
        raise _not_granted(detail, f"spec:\n  env:\n    {name}: {{from: runner}}")
    for name in sorted(from_runner - set(inputs.env)):
        detail = f"the policy takes the variable {name} from the runner, which has none"
        raise RunnerError(RunnerCode.INPUT_MISSING, detail, f"--env {name}=VALUE")
    pairs = []
    for name, item in grant.spec.env.items():
        value = inputs.env[name] if item.value is None else item.value
        pairs += _encoded([f"{name}={value}"])
    return tuple(pairs)


def _stdin(grant: CapabilityPolicy, inputs: RunInputs, denials: Denials) -> InputStream:
    allowed = grant.spec.stdin
    if not allowed.allow:
        if inputs.stdin:
            detail = "standard input is given, but the policy does not grant it"
            raise _not_granted(detail, "spec:\n  stdin: {allow: true, max-bytes: 1MiB}")
        return InputStream(b"", _noter(denials, DenialCode.STDIN, "spec.stdin.allow: true"))
    if len(inputs.stdin) > allowed.max_bytes:
        detail = f"standard input is {len(inputs.stdin)} bytes, "
        detail += f"but the policy grants {allowed.max_bytes}"
        remedy = f"spec:\n  stdin: {{allow: true, max-bytes: {len(inputs.stdin)}}}"
        raise RunnerError(RunnerCode.INPUT_TOO_LARGE, detail, remedy)
    return InputStream(inputs.stdin)


def _output(name: str, allowed: Output, sink: Sink, denials: Denials) -> OutputStream:
    return OutputStream(
        sink,
        max_bytes=allowed.max_bytes,
        trap=allowed.on_quota == "trap",
        on_full=_noter(denials, DenialCode.OUTPUT, f"spec.{name}.max-bytes"),
    )


def _mounts(
    grant: CapabilityPolicy, inputs: RunInputs, clock: GuestClock, denials: Denials
) -> tuple[Mount, ...]:
    from_host = {mount.path for mount in grant.spec.files if mount.source == "host"}
    for path in sorted(set(inputs.files) - from_host):
        detail = f"a folder is given for {path}, but the policy does not take one from the host"
        lines = f"    - {{path: {path}, source: host, access: read-only}}"
        raise _not_granted(detail, f"spec:\n  files:\n{lines}")
    for path in sorted(from_host - set(inputs.files)):
        detail = f"the policy takes {path} from the host, but no folder is given for it"
        raise RunnerError(RunnerCode.INPUT_MISSING, detail, f"--dir {path}=FOLDER")
    return tuple(
        _mount(index, mount, inputs.files.get(mount.path, {}), clock, denials)
        for index, mount in enumerate(grant.spec.files)
    )


def _mount(
    index: int, mount: FileMount, given: Files, clock: GuestClock, denials: Denials
) -> Mount:
    grant = f"spec.files[{index}]"
    tree = Tree(
        device=index + 1,
        writable=mount.writable,
        max_bytes=mount.max_bytes,
        max_files=mount.max_files,
        now=clock.stamp,
        on_full=_noter(denials, DenialCode.FILES_QUOTA, f"{grant}.max-bytes, {grant}.max-files"),
    )
    contents: Files = given or {name: file.data for name, file in mount.contents.items()}
    for path in sorted(contents):
        try:
            tree.add_file(path, contents[path])
        except WasiError as error:
            detail = f"the files for {mount.path} do not fit: {error.errno.name}; the policy grants"
            detail += f" {mount.max_files} files and {mount.max_bytes} bytes"
            raise RunnerError(RunnerCode.INPUT_TOO_LARGE, detail, f"{grant}.max-bytes") from error
    return Mount(mount.path, tree, mount.write_back)


def _preopen(mount: Mount) -> OpenDirectory:
    return OpenDirectory(
        mount.tree,
        mount.tree.root,
        rights=DIRECTORY_RIGHTS,
        # Also for a read-only mount: a guest that asks for more is told EROFS when it does, instead
        # of getting a descriptor that fails later.
        inheriting=ALL_RIGHTS,
        preopen=mount.path,
    )


def _clock(grant: CapabilityPolicy, sources: Sources, pause: Pause, denials: Denials) -> GuestClock:
    allowed = grant.spec.clock
    if allowed.kind in {"real", "coarse"}:
        real = TimeSources(sources.realtime_ns, sources.monotonic_ns, pause)
        return RealClock(real) if allowed.kind == "real" else coarse_clock(real)
    if allowed.kind == "deterministic" and allowed.start is not None:
        return DeterministicClock(
            start_ns=int(allowed.start.timestamp()) * NANOSECONDS_PER_S,
            step_ns=allowed.step_ms * NANOSECONDS_PER_MS,
        )
    return DeniedClock(_noter(denials, DenialCode.CLOCK, "spec.clock.kind: coarse"))


def _random(grant: CapabilityPolicy, sources: Sources, denials: Denials) -> GuestRandom:
    allowed = grant.spec.random
    if allowed.kind == "real":
        return RealRandom(sources.entropy)
    if allowed.kind == "seeded" and allowed.seed is not None:
        return SeededRandom(allowed.seed)
    return DeniedRandom(_noter(denials, DenialCode.RANDOM, "spec.random.kind: real"))
