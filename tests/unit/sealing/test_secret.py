from __future__ import annotations

import pickle

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


def test_a_page_is_locked_here() -> None:
    assert isinstance(SecretBuffer(4096).locked, bool)


def test_an_empty_buffer_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        SecretBuffer(0)


def test_content_stays_out_of_core_files() -> None:
    buffer = SecretBuffer.of(b"x" * 8192)
    address = buffer._address().value
    with open("/proc/self/smaps", encoding="ascii") as smaps:
        flags = ""
        inside = False
        for line in smaps:
            head = line.split(" ", 1)[0]
            if "-" in head and ":" not in head:
                low, high = (int(part, 16) for part in head.split("-"))
                inside = low <= address < high
            if inside and line.startswith("VmFlags:"):
                flags = line
    assert " dd" in flags
