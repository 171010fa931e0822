"""Frames over a real socket pair: whole, within bounds, or the conversation ends."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from runner.errors import RunnerCode, RunnerError
from runner.worker import limits, messages
from runner.worker.frames import PREFIX, Channel
from sealing import canonical


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    channels = Channel(ours.detach()), Channel(theirs.detach())
    yield channels
    for channel in channels:
        channel.close()


@pytest.fixture
def raw():
    """A channel and the bare descriptor of its other end."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours.detach())
    yield channel, theirs
    channel.close()
    theirs.close()


def frame(header: object, body: bytes = b"") -> bytes:
    head = canonical.encode(header)
    return PREFIX.pack(len(head), len(body)) + head + body


OUTPUT = {"type": "output", "stream": "stdout"}


def test_a_message_arrives_with_its_body(pair) -> None:
    ours, theirs = pair
    theirs.send(messages.Output(stream="stderr").to_header(), b"text")
    got = ours.receive(messages.from_worker)
    assert got.message == messages.Output(stream="stderr")
    assert bytes(got.body) == b"text"


def test_a_body_larger_than_the_socket_buffer_arrives(pair) -> None:
    ours, theirs = pair
    body = os.urandom(5 << 20)
    header = messages.Piece(name=messages.PieceName.LAYER).to_header()
    sender = threading.Thread(target=ours.send, args=(header, body))
    sender.start()
    got = theirs.receive(messages.from_supervisor, deadline=time.monotonic() + 60)
    sender.join()
    assert got.body == body


@pytest.mark.parametrize("size", [limits.MAX_OUTPUT_CHUNK_BYTES, limits.MAX_OUTPUT_CHUNK_BYTES + 1])
def test_body_bound(raw, size: int) -> None:
    channel, other = raw
    thread = threading.Thread(target=other.sendall, args=(frame(OUTPUT, bytes(size)),))
    thread.start()
    try:
        if size <= limits.MAX_OUTPUT_CHUNK_BYTES:
            assert len(channel.receive(messages.from_worker).body) == size
        else:
            with pytest.raises(RunnerError) as caught:
                channel.receive(messages.from_worker)
            assert caught.value.code is RunnerCode.FRAME_MALFORMED
    finally:
        channel.close()
        other.close()
        thread.join()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PREFIX.pack(0, 0), id="no header"),
        pytest.param(PREFIX.pack(limits.MAX_HEADER_BYTES + 1, 0), id="header too large"),
        pytest.param(PREFIX.pack(7, 0) + b'{"a":1 ', id="not json"),
        pytest.param(PREFIX.pack(9, 0) + b'{"a": 1 }', id="not canonical"),
        pytest.param(frame([1]), id="not an object"),
        pytest.param(frame({}), id="no type"),
        pytest.param(frame({"type": "piece", "name": "layer"}), id="the other side's message"),
        pytest.param(frame({"type": ["output"]}), id="type of another type"),
        pytest.param(frame({"type": "output", "stream": "stdlog"}), id="unknown stream"),
        pytest.param(frame({**OUTPUT, "more": 1}), id="unknown member"),
        pytest.param(frame({"type": "failed", "code": "X", "detail": ""}), id="bad code"),
        pytest.param(frame({"type": "failed", "code": "x", "detail": ""}, b"1"), id="body unasked"),
    ],
)
def test_malformed(raw, data: bytes) -> None:
    channel, other = raw
    other.sendall(data)
    with pytest.raises(RunnerError) as caught:
        channel.receive(messages.from_worker)
    assert caught.value.code is RunnerCode.FRAME_MALFORMED


@pytest.mark.parametrize("cut", range(1, len(frame(OUTPUT, b"abc"))))
def test_a_truncated_frame_is_a_lost_worker(raw, cut: int) -> None:
    channel, other = raw
    other.sendall(frame(OUTPUT, b"abc")[:cut])
    other.close()
    with pytest.raises(RunnerError) as caught:
        channel.receive(messages.from_worker)
    assert caught.value.code is RunnerCode.WORKER_LOST


def test_reading_ends_at_the_deadline(raw) -> None:
    channel, other = raw
    other.sendall(frame(OUTPUT, b"abc")[:5])
    with pytest.raises(TimeoutError):
        channel.receive(messages.from_worker, deadline=time.monotonic() + 0.02)


def test_writing_ends_at_the_deadline(raw) -> None:
    channel, _other = raw
    header = messages.Piece(name=messages.PieceName.LAYER).to_header()
    with pytest.raises(TimeoutError):
        channel.send(header, bytes(4 << 20), deadline=time.monotonic() + 0.02)


def test_writing_to_nobody_is_a_lost_worker(raw) -> None:
    channel, other = raw
    other.close()
    with pytest.raises(RunnerError) as caught:
        channel.send(OUTPUT, b"abc")
    assert caught.value.code is RunnerCode.WORKER_LOST


def test_reading_from_a_reset_peer_is_a_lost_worker(raw) -> None:
    channel, other = raw
    channel.send(OUTPUT, b"never read")
    other.close()
    with pytest.raises(RunnerError) as caught:
        channel.receive(messages.from_worker)
    assert caught.value.code is RunnerCode.WORKER_LOST


def test_body_limits_follow_the_message() -> None:
    piece = {"type": "piece", "name": "layer"}
    assert messages.from_supervisor(piece)[1] == limits.MAX_MODULE_BYTES
    assert messages.from_supervisor({**piece, "name": "grant"})[1] == limits.MAX_DOCUMENT_BYTES
    tree = {"type": "file", "mount": "/d", "path": "a"}
    assert messages.from_supervisor(tree)[1] == limits.MAX_FILE_BYTES
    assert messages.from_worker(tree)[1] == limits.MAX_FILE_BYTES
    start = messages.Start(brokers=None, mounts=(), required=())
    assert messages.from_supervisor(start.to_header()) == (start, 0)


def test_closing_twice_is_safe(pair) -> None:
    pair[0].close()
    pair[0].close()
