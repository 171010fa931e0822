"""Whatever a worker or a supervisor sends: a message of the protocol, or our error."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import RunnerCode, RunnerError
from runner.worker import messages
from runner.worker.frames import PREFIX, Channel
from sealing import canonical

DIALECTS = [messages.from_worker, messages.from_supervisor]
NAMES = ["type", "name", "stream", "mount", "path", "code", "detail", "v", "key", "sealed"]
TYPES = ["hello", "locked", "output", "file", "done", "failed", "piece", "start"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
HEADERS = st.dictionaries(st.sampled_from(NAMES), VALUES | st.sampled_from(TYPES))


def read(data: bytes, dialect) -> None:
    """Read all of `data` as frames; the only way it may end is with our error."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(data)
    channel = Channel(ours.detach())
    with contextlib.closing(channel), pytest.raises(RunnerError) as caught:
        while True:
            channel.receive(dialect)
    assert caught.value.code in {RunnerCode.FRAME_MALFORMED, RunnerCode.WORKER_LOST}


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes(dialect, data: bytes) -> None:
    read(data, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=200, deadline=None)
@given(header=HEADERS, body=st.binary(max_size=50))
def test_any_header(dialect, header, body: bytes) -> None:
    head = canonical.encode(header)
    read(PREFIX.pack(len(head), len(body)) + head + body, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_long_nonsense(dialect) -> None:
    read(os.urandom(60_000), dialect)
