"""Bad pointers, through the engine: every function, every pointer it takes, every way to be bad."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from runner.engine import RunInputs, run_module
from runner.wasi.abi import Errno
from runner.wasi.table import FUNCTIONS, SIGNATURES
from tests.guests.build import wat
from tests.guests.policies import capabilities, folder, output
from tests.unit.runner.engine.test_imports import P1, wat_type

PAGE = 65536
GOOD = 1024
# Arguments with which each function works, and which of them are pointers: position -> how many
# bytes it must be able to touch. A path is at 2048 (`file`), an iovec at 4096, an alarm at 5120.
PATH, IOVS, ALARM = (2048, 4), (4096, 1), 5120
CALLS: dict[str, tuple[tuple[int, ...], dict[int, int]]] = {
    "args_get": ((GOOD, GOOD + 64), {0: 4, 1: 6}),
    "args_sizes_get": ((GOOD, GOOD + 4), {0: 4, 1: 4}),
    "environ_get": ((GOOD, GOOD + 64), {0: 4, 1: 4}),
    "environ_sizes_get": ((GOOD, GOOD + 4), {0: 4, 1: 4}),
    "clock_res_get": ((0, GOOD), {1: 8}),
    "clock_time_get": ((0, 0, GOOD), {2: 8}),
    "fd_fdstat_get": ((4, GOOD), {1: 24}),
    "fd_filestat_get": ((4, GOOD), {1: 64}),
    "fd_pread": ((4, *IOVS, 0, GOOD), {1: 8, 4: 4}),
    "fd_prestat_dir_name": ((3, GOOD, 5), {1: 5}),
    "fd_prestat_get": ((3, GOOD), {1: 8}),
    "fd_pwrite": ((4, *IOVS, 0, GOOD), {1: 8, 4: 4}),
    "fd_read": ((4, *IOVS, GOOD), {1: 8, 3: 4}),
    "fd_readdir": ((3, GOOD, 100, 0, GOOD + 200), {1: 100, 4: 4}),
    "fd_seek": ((4, 0, 0, GOOD), {3: 8}),
    "fd_tell": ((4, GOOD), {1: 8}),
    "fd_write": ((4, *IOVS, GOOD), {1: 8, 3: 4}),
    "path_create_directory": ((3, *PATH), {1: 4}),
    "path_filestat_get": ((3, 0, *PATH, GOOD), {2: 4, 4: 64}),
    "path_filestat_set_times": ((3, 0, *PATH, 0, 0, 0), {2: 4}),
    "path_link": ((3, 0, *PATH, 3, *PATH), {2: 4, 5: 4}),
    "path_open": ((3, 0, *PATH, 0, 2, 0, 0, GOOD), {2: 4, 8: 4}),
    "path_readlink": ((3, *PATH, GOOD, 10, GOOD + 64), {1: 4, 3: 10, 5: 4}),
    "path_remove_directory": ((3, *PATH), {1: 4}),
    "path_rename": ((3, *PATH, 3, *PATH), {1: 4, 4: 4}),
    "path_symlink": ((*PATH, 3, *PATH), {0: 4, 3: 4}),
    "path_unlink_file": ((3, *PATH), {1: 4}),
    "poll_oneoff": ((ALARM, GOOD, 1, GOOD + 64), {0: 48, 1: 32, 3: 4}),
    "random_get": ((GOOD, 16), {0: 16}),
}
# These take no pointer at all.
POINTERLESS = {
    "fd_advise", "fd_allocate", "fd_close", "fd_datasync", "fd_fdstat_set_flags",
    "fd_fdstat_set_rights", "fd_filestat_set_size", "fd_filestat_set_times", "fd_renumber",
    "fd_sync", "proc_exit", "sched_yield",
}  # fmt: skip


def test_every_function_is_covered() -> None:
    assert set(CALLS) | POINTERLESS == set(FUNCTIONS)
    for name, (arguments, pointers) in CALLS.items():
        assert len(arguments) == len(SIGNATURES[name])
        assert all(SIGNATURES[name][at] == "i" for at in pointers)


def errnos(name: str, calls: list[tuple[int, ...]]) -> list[int]:
    """What a guest gets for each call, in a world with one file open as descriptor 4."""
    body = []
    for index, arguments in enumerate(calls):
        values = " ".join(
            f"({ {'i': 'i32', 'I': 'i64'}[letter] }.const {value})"
            for letter, value in zip(SIGNATURES[name], arguments, strict=True)
        )
        body.append(f"(i32.store8 (i32.const {8192 + index}) (call ${name} {values}))")
    imported = {name, "path_open", "fd_write"}
    lines = "".join(
        f'(import "{P1}" "{item}" {wat_type(item).replace("(func", f"(func ${item}", 1)})'
        for item in sorted(imported)
    )
    wasm = wat(f"""(module {lines} (memory (export "memory") 1)
      (data (i32.const 2048) "file") (data (i32.const 4096) "\\00\\10\\00\\00\\08\\00\\00\\00")
      (data (i32.const 5136) "\\01")
      (data (i32.const 6144) "\\00\\20\\00\\00\\{len(calls):02x}\\00\\00\\00")
      (func (export "_start")
        (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 2048) (i32.const 4)
          (i32.const 0) (i64.const 0xfffffff) (i64.const 0) (i32.const 0) (i32.const 7000)))
        {"".join(body)}
        (drop (call $fd_write (i32.const 1) (i32.const 6144) (i32.const 1) (i32.const 7000)))))""")
    grant = capabilities(
        env={"A": {"value": "b"}}, stdout=output(), clock={"kind": "real"},
        random={"kind": "real"},
        files=[folder(source="inline", contents={"file": {"text": "contents"}})],
    )  # fmt: skip
    outcome = run_module(wasm, grant, RunInputs())
    assert len(outcome.stdout) == len(calls), outcome
    return list(outcome.stdout)


def bad_pointers(size: int) -> Iterator[int]:
    """The end of the memory, one byte too near to it, and where 32 bits would wrap."""
    yield from (PAGE - size + 1, PAGE, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 2**32 - size)


@pytest.mark.parametrize("name", CALLS)
def test_bad_pointers_are_efault(name: str) -> None:
    arguments, pointers = CALLS[name]
    calls = [
        (*arguments[:at], pointer, *arguments[at + 1 :])
        for at, size in pointers.items()
        for pointer in bad_pointers(size)
    ]
    assert set(errnos(name, calls)) == {Errno.FAULT}


# Which calls of the table succeed as they stand; the others fail for what lies at the path.
SUCCEEDS = set(CALLS) - {
    "path_create_directory", "path_link", "path_readlink", "path_remove_directory", "path_symlink",
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_last_good_pointer_is_good(name: str) -> None:
    """So that the test above fails for the pointer and nothing else."""
    arguments, pointers = CALLS[name]
    if name.startswith("path") or name == "poll_oneoff" or "iovs" in name:
        calls = [arguments]
    else:
        calls = [
            (*arguments[:at], PAGE - size, *arguments[at + 1 :])
            for at, size in pointers.items()
            if arguments[at] != IOVS[0]
        ]
    for call in calls:
        [errno] = errnos(name, [call])
        assert (errno == Errno.SUCCESS) == (name in SUCCEEDS), (call, Errno(errno))


@pytest.mark.parametrize("name", ["fd_read", "fd_write", "fd_pread", "fd_pwrite"])
@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, 0), (1024, 0), (1025, Errno.INVAL), (2**28, Errno.INVAL), (2**29, Errno.INVAL),
     (2**32 - 1, Errno.INVAL)],
)  # fmt: skip
def test_huge_counts_of_buffers(name: str, count: int, expected: int) -> None:
    arguments = list(CALLS[name][0])
    # Far from everything else, so that all buffers are empty.
    arguments[1], arguments[2] = 16384, count
    assert errnos(name, [tuple(arguments)]) == [expected]


@pytest.mark.parametrize("name", ["fd_read", "fd_write", "fd_pread", "fd_pwrite"])
@pytest.mark.parametrize(
    ("pointer", "length"),
    [(0, PAGE + 1), (PAGE, 1), (PAGE - 1, 2), (2**32 - 1, 1), (1, 2**32 - 1), (2**32 - 8, 16)],
)
def test_buffers_outside_the_memory(name: str, pointer: int, length: int) -> None:
    from tests.fakes.guest import RESULT, FakeGuest

    guest = FakeGuest(files=[folder()])
    fd = guest.open("file", oflags=1, rights=(1 << 28) - 1)
    iovs = guest.iovs((0, 1), (pointer, length))
    offset = (0,) if name in {"fd_pread", "fd_pwrite"} else ()
    assert guest.call(name, fd, *iovs, *offset, RESULT) == Errno.FAULT
    assert guest.fstat(fd)["size"] == 0


def test_a_guest_that_shows_no_memory_has_none() -> None:
    wasm = wat(f"""(module (import "{P1}" "random_get" (func $r (param i32 i32) (result i32)))
      (import "{P1}" "proc_exit" (func $exit (param i32))) (memory 1)
      (func (export "_start") (call $exit (call $r (i32.const 0) (i32.const 1)))))""")
    outcome = run_module(wasm, capabilities(random={"kind": "real"}), RunInputs())
    assert outcome.exit_code == Errno.FAULT


def test_a_bad_result_pointer_changes_nothing() -> None:
    from tests.fakes.guest import FakeGuest

    guest = FakeGuest(files=[folder()], stdout=output(), stdin={"allow": True, "max-bytes": 4})
    bad = PAGE - 3
    path = guest.put("new")
    assert guest.call("path_open", 3, 0, *path, 1, 2, 0, 0, bad) == Errno.FAULT
    assert guest.stat("new") == Errno.NOENT
    assert guest.call("fd_write", 1, *guest.iovs(path), bad) == Errno.FAULT
    assert guest.out == []
    guest.host.descriptors.get(0)
    struct.pack_into("<I", guest.memory.view, 0, 0)
