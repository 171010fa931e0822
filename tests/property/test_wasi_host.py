"""Whatever a guest passes: an errno, an end of the guest, never an exception of ours."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine import RunInputs, run_module
from runner.wasi.abi import Errno
from runner.wasi.errors import GuestStopped, ProcExit, WasiError
from runner.wasi.table import FUNCTIONS, SIGNATURES
from runner.wasi.tree import DirectoryNode, FileNode, LinkNode, Tree
from tests.fakes.guest import BUFFER, PAGE, TEXT, FakeGuest
from tests.guests.build import wat
from tests.guests.policies import capabilities, folder, output
from tests.unit.runner.engine.test_imports import P1, wat_type

MAX_BYTES, MAX_FILES = 5000, 12
SMALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 24, 32, 48, 64, 100, 255, 256]
PLACES = [512, TEXT, TEXT + 6, TEXT + 4200, BUFFER, 32768, PAGE - 4, PAGE - 1, PAGE]
NARROW = [*SMALL, *PLACES, 2**16 + 1, 2**28 - 1, 2**31 - 1, 2**31, 2**32 - 1]
WIDE = [*NARROW, 2**32, 2**63 - 1, 2**63, 2**64 - 1]
TEXTS = [b"file\0dir/../x", b"dir/link/", b"..", b"\xff", b"/", b"a" * 300, b"file/", b".", b"new"]


def world() -> FakeGuest:
    guest = FakeGuest(
        files=[folder(max_bytes=MAX_BYTES, max_files=MAX_FILES), folder("/more")],
        stdout=output(500), stderr=output(500, **{"on-quota": "enospc"}),
        clock={"kind": "deterministic", "start": "2026-11-22T10:00:00Z"},
        random={"kind": "seeded", "seed": "s"}, limits={"open-files": 16},
    )  # fmt: skip
    guest.make("file", b"contents")
    guest.mkdir("dir")
    guest.symlink("file", "link")
    guest.open("file", rights=(1 << 28) - 1)
    guest.open_folder("dir")
    return guest


def check_tree(tree: Tree, max_bytes: int, max_files: int) -> None:
    """What must hold of every tree, whatever was done to it."""
    seen: dict[int, Any] = {}
    pending = [tree.root]
    while pending:
        directory = pending.pop()
        assert not directory.removed
        for name, entry in directory.entries.items():
            assert name not in {"", ".", ".."}
            assert "/" not in name
            node = entry.node
            if isinstance(node, DirectoryNode):
                assert node.inode not in seen
                assert node.parent is directory
                pending.append(node)
            seen[node.inode] = node
    names = [entry.node.inode for node in [tree.root, *seen.values()]
             if isinstance(node, DirectoryNode) for entry in node.entries.values()]  # fmt: skip
    for inode, node in seen.items():
        assert node.links == names.count(inode)
    used = sum(node.size for node in seen.values() if isinstance(node, FileNode | LinkNode))
    assert used <= max_bytes
    assert len(seen) <= max_files


def argument(letter: str) -> st.SearchStrategy[int]:
    bits = 32 if letter == "i" else 64
    return st.sampled_from(NARROW if letter == "i" else WIDE) | st.integers(0, 2**bits - 1)


CALL = st.sampled_from(sorted(FUNCTIONS)).flatmap(
    lambda name: st.tuples(st.just(name), *[argument(letter) for letter in SIGNATURES[name]])
)


@settings(max_examples=150, deadline=None)
@given(st.lists(CALL, max_size=60), st.sampled_from(TEXTS), st.binary(max_size=64))
def test_any_calls_leave_the_host_whole(calls: list[Any], text: bytes, words: bytes) -> None:
    guest = world()
    guest.put(text)
    guest.put(words, 512)
    for name, *arguments in calls:
        try:
            answer = FUNCTIONS[name].call(guest.host, *arguments)
        except WasiError as error:
            answer = error.errno
        except (ProcExit, GuestStopped):
            continue
        assert answer in set(Errno)
        check_tree(guest.host.mounts[0].tree, MAX_BYTES, MAX_FILES)
    assert len(b"".join(guest.out)) <= 500
    assert len(b"".join(guest.err)) <= 500


@pytest.mark.parametrize("seed", range(8))
def test_any_calls_through_the_engine_end_the_run_properly(seed: int) -> None:
    """A guest that calls everything with rubbish, many times over."""
    rng = random.Random(seed)
    names = sorted(set(FUNCTIONS) - {"proc_exit"})
    imports = "".join(
        f'(import "{P1}" "{name}" {wat_type(name).replace("(func", f"(func ${name}", 1)})'
        for name in names
    )
    calls = []
    for name in rng.choices(names, k=600):
        values = " ".join(
            f"(i32.const {rng.choice(NARROW)})"
            if letter == "i"
            else f"(i64.const {rng.choice(WIDE)})"
            for letter in SIGNATURES[name]
        )
        calls.append(f"(drop (call ${name} {values}))")
    wasm = wat(
        f'(module {imports} (memory (export "memory") 1) (data (i32.const {TEXT}) "dir/file")'
        f'(func (export "_start") {"".join(calls)}))'
    )
    grant = capabilities(
        files=[folder()], stdout=output(500, **{"on-quota": "enospc"}),
        stderr=output(500, **{"on-quota": "enospc"}), random={"kind": "real"},
        clock={"kind": "deterministic", "start": "2026-11-22T10:00:00Z"},
    )  # fmt: skip
    outcome = run_module(wasm, grant, RunInputs())
    assert (outcome.ending, outcome.exit_code) == ("exit", 0)
    assert sum(outcome.host_calls.values()) == 600
