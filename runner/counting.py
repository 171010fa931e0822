"""What a worker hands over, counted against the grant again: nobody takes its word for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from policies.models import CapabilityPolicy
from runner.errors import RunnerCode, RunnerError
from runner.host_files import check_relative
from runner.receipt import Stream
from runner.worker.frames import malformed
from runner.worker.messages import TreeFile

Sink = Callable[[bytes], object]


class CountedStream:
    """One output of the guest, counted against its grant again."""

    def __init__(self, sink: Sink, max_bytes: int) -> None:
        self._sink = sink
        self._left = max_bytes
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Pass `data` on. Raises `RunnerError` beyond the grant, or if nobody takes it."""
        self._left -= len(data)
        if self._left < 0:
            raise malformed("worker sent more output than granted")
        self._hash.update(data)
        self._size += len(data)
        try:
            self._sink(data)
        except OSError as error:
            detail = f"the guest's output is not taken: {error.strerror}"
            raise RunnerError(RunnerCode.OUTPUT_CLOSED, detail) from error

    def facts(self) -> Stream:
        """Return digest and size of what was passed on."""
        return Stream(digest=f"sha256:{self._hash.hexdigest()}", size=self._size)


class CountedFiles:
    """What a guest leaves in folders that are written back, counted against their grants again."""

    def __init__(self, grant: CapabilityPolicy) -> None:
        granted = [mount for mount in grant.spec.files if mount.write_back]
        self.trees: dict[str, dict[str, bytes]] = {mount.path: {} for mount in granted}
        self._bytes = {mount.path: mount.max_bytes for mount in granted}
        self._files = {mount.path: mount.max_files for mount in granted}

    @property
    def room(self) -> int:
        """How many bytes the next file may have at most."""
        return max(self._bytes.values(), default=0)

    def add(self, message: TreeFile, data: bytes) -> None:
        """Keep one file. Raises `RunnerError` beyond the grant."""
        mount = message.mount
        if mount not in self.trees:
            raise malformed("worker sent a file for a folder that is not written back")
        check_relative(message.path)
        self._bytes[mount] -= len(data)
        self._files[mount] -= 1
        if self._bytes[mount] < 0 or self._files[mount] < 0:
            raise malformed("worker sent more files than granted")
        if message.path in self.trees[mount]:
            raise malformed("worker sent a file twice")
        self.trees[mount][message.path] = data
