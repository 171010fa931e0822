"""The sequence against a kernel that offers more or less. Behaviour is in test_locked.py."""

from __future__ import annotations

import os
import resource
import struct

import pytest

from runner.errors import RunnerCode, RunnerError
from runner.worker import kernel as k
from runner.worker import landlock
from runner.worker.lockdown import ALWAYS_REQUIRED, Lockdown, Part
from tests.unit.runner.worker.fakes import FakeKernel

BREAKS = {
    Part.NOT_DUMPABLE: f"prctl {k.PR_SET_DUMPABLE}",
    Part.NET_NAMESPACE: f"unshare {k.CLONE_NEWUSER | k.CLONE_NEWNET:#x}",
    Part.NO_NEW_PRIVS: f"prctl {k.PR_SET_NO_NEW_PRIVS}",
    Part.NO_CAPABILITIES: "capset",
    Part.LANDLOCK: "landlock-restrict",
    Part.NO_NEW_CODE: f"prctl {k.PR_SET_MDWE}",
    Part.SECCOMP: "seccomp",
}
PLAIN_NETNS = f"unshare {k.CLONE_NEWNET:#x}"


OPTIONAL = frozenset(Part) - ALWAYS_REQUIRED


def lock(kernel: FakeKernel, required: frozenset[Part] = frozenset()):
    lockdown = Lockdown(kernel)
    lockdown.enter(parent=os.getppid())
    return lockdown.complete(required)


def test_a_generous_kernel_gives_every_part() -> None:
    kernel = FakeKernel()
    report = lock(kernel, frozenset(Part))
    assert set(report.held) == set(Part)
    assert not report.missing
    assert kernel.calls[-1] == "seccomp"
    assert kernel.rlimits[resource.RLIMIT_CORE] == 0
    assert kernel.rlimits[resource.RLIMIT_FSIZE] == 0


@pytest.mark.parametrize("part", BREAKS)
def test_a_required_part_that_is_not_to_be_had(part: Part) -> None:
    with pytest.raises(RunnerError) as caught:
        lock(FakeKernel().without(BREAKS[part], PLAIN_NETNS), frozenset({part}))
    assert caught.value.code is RunnerCode.LOCKDOWN_FAILED
    assert part in caught.value.detail


@pytest.mark.parametrize("part", sorted(OPTIONAL))
def test_an_optional_part_that_is_not_to_be_had_is_told(part: Part) -> None:
    report = lock(FakeKernel().without(BREAKS[part], PLAIN_NETNS))
    assert report.missing == {part: "EPERM"}
    assert part not in report.held


@pytest.mark.parametrize("part", sorted(ALWAYS_REQUIRED & set(BREAKS)))
def test_no_guest_runs_without_the_parts_every_kernel_has(part: Part) -> None:
    with pytest.raises(RunnerError) as caught:
        lock(FakeKernel().without(BREAKS[part]))
    assert caught.value.code is RunnerCode.LOCKDOWN_FAILED


@pytest.mark.parametrize("part", sorted(set(BREAKS) - {Part.NET_NAMESPACE, Part.NO_CAPABILITIES}))
def test_a_kernel_that_says_yes_and_does_nothing_is_noticed(part: Part) -> None:
    with pytest.raises(RunnerError) as caught:
        lock(FakeKernel().pretending(BREAKS[part]), frozenset({part}))
    assert "ENOTSUP" in caught.value.detail


def test_a_net_namespace_without_privileges() -> None:
    assert "user namespace" in lock(FakeKernel().without(PLAIN_NETNS)).held[Part.NET_NAMESPACE]


def test_an_orphan_does_not_start() -> None:
    with pytest.raises(RunnerError) as caught:
        Lockdown(FakeKernel()).enter(parent=os.getppid() + 1)
    assert caught.value.code is RunnerCode.WORKER_LOST


def test_no_filter_for_this_machine_is_a_missing_part() -> None:
    with pytest.raises(RunnerError):
        lock(FakeKernel("riscv64"))


def test_the_report_names_parts_by_their_public_names() -> None:
    document = lock(FakeKernel().without("landlock")).to_document()
    assert document["missing"] == {"landlock": "EPERM"}
    assert document["held"]["memory-deny-write-execute"] == "set"


@pytest.mark.parametrize(
    ("abi", "rights"),
    [
        (1, (0x1FFF,)),
        (2, (0x3FFF,)),
        (3, (0x7FFF,)),
        (4, (0x7FFF, 3)),
        (5, (0xFFFF, 3)),
        (6, (0xFFFF, 3, 3)),
        (9, (0xFFFF, 3, 3)),
    ],
)
def test_landlock_handles_all_that_its_version_knows(abi: int, rights: tuple[int, ...]) -> None:
    assert landlock.ruleset_attributes(abi) == struct.pack(f"={len(rights)}Q", *rights)
