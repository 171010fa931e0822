"""Length-prefixed frames over a socket pair: a canonical JSON header and a raw body.

docs/specs/worker.md section 2. Whoever reads does not trust who writes: a frame that is not exactly
right ends the conversation.
"""

from __future__ import annotations

import os
import select
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from runner.errors import RunnerCode, RunnerError
from runner.worker import limits
from sealing import canonical
from sealing.errors import SealError

PREFIX: Final = struct.Struct("!II")
# What one write hands to the kernel; its socket buffers are smaller anyway.
WRITE_BYTES: Final = 1 << 20
# Up to here one copy is cheaper than a second system call.
JOINED_BYTES: Final = 1 << 16

Message = TypeVar("Message")
# From a header to its message and the largest body that may follow; raises `RunnerError`.
Dialect = Callable[[Mapping[str, Any]], tuple[Message, int]]


@dataclass(frozen=True, slots=True)
class Frame(Generic[Message]):
    """One message of the other end, with its body."""

    message: Message
    body: bytearray = field(repr=False)


class Channel:
    """One end of the pair. Owns its descriptor."""

    def __init__(self, fd: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._monotonic = monotonic
        self._poll = select.poll()

    def close(self) -> None:
        """Give the descriptor back. Safe to call again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def send(
        self,
        header: Mapping[str, Any],
        body: bytes | bytearray | memoryview = b"",
        *,
        deadline: float | None = None,
    ) -> None:
        """Send one frame. Raises `RunnerError` if the other end is gone, `TimeoutError` if slow."""
        self.send_encoded(canonical.encode(dict(header)), body, deadline=deadline)

    def send_encoded(
        self,
        head: bytes,
        body: bytes | bytearray | memoryview = b"",
        *,
        deadline: float | None = None,
    ) -> None:
        """As `send`, for a header that is in canonical form already."""
        start = PREFIX.pack(len(head), len(body)) + head
        if len(body) <= JOINED_BYTES:
            self._write(memoryview(start + body), deadline)
            return
        self._write(memoryview(start), deadline)
        with memoryview(body) as view:
            self._write(view, deadline)

    def receive(
        self, dialect: Dialect[Message], *, deadline: float | None = None
    ) -> Frame[Message]:
        """Return the next frame, read in `dialect`.

        Raises `RunnerError` for anything but a whole frame within its limits, and `TimeoutError`
        at `deadline` (of the clock this channel was made with).
        """
        prefix = self._read(PREFIX.size, deadline)
        header_bytes, body_bytes = PREFIX.unpack(prefix)
        if not 2 <= header_bytes <= limits.MAX_HEADER_BYTES:
            raise malformed(f"header is {header_bytes} bytes, at most {limits.MAX_HEADER_BYTES}")
        message, most = dialect(_parse_header(bytes(self._read(header_bytes, deadline))))
        if body_bytes > most:
            raise malformed(f"body is {body_bytes} bytes, at most {most}")
        return Frame(message, self._read(body_bytes, deadline))

    def _read(self, count: int, deadline: float | None) -> bytearray:
        data = bytearray(count)
        with memoryview(data) as view:
            done = 0
            while done < count:
                try:
                    got = os.readv(self._fd, [view[done:]])
                except BlockingIOError:
                    self._wait(select.POLLIN, deadline)
                    continue
                except OSError as error:
                    raise _lost(error) from error
                if got == 0:
                    raise RunnerError(RunnerCode.WORKER_LOST, "the other end closed the channel")
                done += got
        return data

    def _write(self, view: memoryview, deadline: float | None) -> None:
        done = 0
        while done < len(view):
            try:
                done += os.write(self._fd, view[done : done + WRITE_BYTES])
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
            except OSError as error:
                raise _lost(error) from error

    def _wait(self, event: int, deadline: float | None) -> None:
        left = None if deadline is None else deadline - self._monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._poll.register(self._fd, event)
        self._poll.poll(None if left is None else max(1, int(left * 1000)))


def malformed(detail: str) -> RunnerError:
    """Return the error for a frame that is not what it must be."""
    return RunnerError(RunnerCode.FRAME_MALFORMED, detail)


def _lost(error: OSError) -> RunnerError:
    return RunnerError(RunnerCode.WORKER_LOST, f"channel: {error.strerror}")


def _parse_header(data: bytes) -> dict[str, Any]:
    try:
        header = canonical.parse_canonical(
            data, limit_bytes=limits.MAX_HEADER_BYTES, what="frame header"
        )
    except SealError as error:
        raise malformed(error.detail) from error
    if not isinstance(header, dict):
        raise malformed("header is not an object")
    return header
