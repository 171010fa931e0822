from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest

from sealing.secret import SecretBuffer


def test_content_is_writable_and_wiped() -> None:
    buffer = SecretBuffer.of(b"canary")
    view = buffer.view
    assert bytes(view) == b"canary"
    assert len(buffer) == 6
    buffer.wipe()
    assert bytes(view) == bytes(6)
    buffer.wipe()


def test_cleared_memory_can_be_used_again() -> None:
    with SecretBuffer.of(b"canary") as buffer:
        buffer.clear()
        assert bytes(buffer.view) == bytes(6)


def test_leaving_the_block_wipes() -> None:
    with SecretBuffer(3) as buffer:
        buffer.view[:] = b"abc"
    assert len(buffer) == 0
    with pytest.raises(ValueError, match="released"):
        _ = buffer.view
    buffer.wipe()


def test_repr_and_pickle_give_nothing_away() -> None:
    buffer = SecretBuffer.of(b"canary")
    assert repr(buffer) == "<SecretBuffer of 6 bytes>"
    with pytest.raises(TypeError):
        pickle.dumps(buffer)


def test_an_empty_buffer_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        SecretBuffer(0)


def flags_of(buffer: SecretBuffer) -> list[str]:
    """Return what the kernel says of the mapping that holds the buffer."""
    address, inside = buffer._address().value, False
    for line in Path("/proc/self/smaps").read_text(encoding="ascii").splitlines():
        head = line.split(" ", 1)[0]
        if "-" in head and ":" not in head:
            low, high = (int(part, 16) for part in head.split("-"))
            inside = low <= address < high
        if inside and line.startswith("VmFlags:"):
            return line.split()[1:]
    raise AssertionError("the buffer is in no mapping")


def test_content_stays_out_of_core_files_and_swap() -> None:
    buffer = SecretBuffer.of(b"x" * 8192)
    flags = flags_of(buffer)
    assert "dd" in flags, "left out of core files"
    assert ("lo" in flags) is buffer.locked


def test_a_buffer_that_cannot_be_locked_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealing.secret._LIBC", SimpleNamespace(mlock=lambda *_: -1))
    with SecretBuffer.of(b"canary") as buffer:
        assert buffer.locked is ("lo" in flags_of(buffer)) is False
        assert bytes(buffer.view) == b"canary"
