"""Builds guests: C with zig's clang, Go if a toolchain is there, text with wat2wasm."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = Path(__file__).resolve().parent
OUTPUT = ROOT / "build" / "guests"
# A stack of 64 KiB: zig's own default of 16 MiB makes every guest start with 257 pages.
C_FLAGS = ["-target", "wasm32-wasi", "-O2", "-s", "-Wall", "-Werror", "-Wl,-z,stack-size=65536"]
OLDEST_GO = (1, 21)


def c_guest(name: str) -> bytes:
    """The module made of tests/guests/c/NAME.c."""
    source = SOURCES / "c" / f"{name}.c"
    command = [sys.executable, "-m", "ziglang", "cc", *C_FLAGS, str(source), "-o"]
    return _built(name, [source, *SOURCES.glob("c/*.h")], command, {
        "ZIG_GLOBAL_CACHE_DIR": str(ROOT / "build" / "zig-cache"),
        "ZIG_LOCAL_CACHE_DIR": str(ROOT / "build" / "zig-cache" / "local"),
    })  # fmt: skip


def go_guest(name: str) -> bytes:
    """The module made of tests/guests/go/NAME; skips without Go 1.21 or newer."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not installed: only the guests written in Go need it (1.21 or newer)")
    version = subprocess.run([go, "version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"go(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GO:
        pytest.skip(f"needs Go 1.21 for wasip1, found {version.strip()}")
    folder = SOURCES / "go" / name
    command = [go, "build", "-C", str(folder), "-ldflags", "-s -w", "-o"]
    return _built(f"go-{name}", sorted(folder.iterdir()), command, {
        "GOOS": "wasip1", "GOARCH": "wasm", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod",
        "GOPROXY": "off", "GOCACHE": str(ROOT / "build" / "go-cache"),
    })  # fmt: skip


@cache
def wat(text: str) -> bytes:
    """The module written in WebAssembly's text format."""
    from wasmtime import wat2wasm

    return bytes(wat2wasm(text))


def wheel_module(distribution: str, file_name: str) -> bytes:
    """A module that lies in an installed wheel as data; its package is never imported."""
    from importlib.metadata import files

    for path in files(distribution) or []:
        if path.name == file_name:
            return Path(str(path.locate())).read_bytes()
    raise FileNotFoundError(f"{distribution} has no {file_name}")


def _built(name: str, sources: list[Path], command: list[str], env: dict[str, str]) -> bytes:
    """The output for these sources and this command; built once, also by tests side by side."""
    digest = hashlib.sha256(repr(command).encode())
    for source in sources:
        digest.update(source.read_bytes())
    OUTPUT.mkdir(parents=True, exist_ok=True)
    target = OUTPUT / f"{name}-{digest.hexdigest()[:16]}.wasm"
    with (OUTPUT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_file():
            _run([*command, f"{target}.part"], {**os.environ, **env})
            Path(f"{target}.part").rename(target)
    return target.read_bytes()


def _run(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")


C_GUESTS = sorted(path.stem for path in SOURCES.glob("c/*.c"))
