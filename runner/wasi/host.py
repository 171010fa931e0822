"""The state of one run as the host functions see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from runner.wasi.clocks import GuestClock
from runner.wasi.denials import Denials
from runner.wasi.descriptors import DescriptorTable
from runner.wasi.entropy import GuestRandom
from runner.wasi.memory import Memory, NoMemory
from runner.wasi.tree import Tree


@dataclass(frozen=True, slots=True)
class Mount:
    """A tree the guest was given, and the policy entry it comes from."""

    path: str
    tree: Tree = field(repr=False)
    write_back: bool


@dataclass(slots=True)
class Host:
    """Everything the guest can reach. Made per run, used by one thread."""

    args: Sequence[bytes] = field(repr=False)
    environ: Sequence[bytes] = field(repr=False)
    descriptors: DescriptorTable
    clock: GuestClock
    random: GuestRandom
    denials: Denials
    mounts: Sequence[Mount]
    # Whether the run's time is up; long calls ask between their pieces.
    stopped: Callable[[], bool]
    memory: Memory = field(default_factory=NoMemory, repr=False)
