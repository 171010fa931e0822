"""Blobs on their way out (`Blob`) and in (`Receiver`): digest and size always go along."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sealing import limits as format_limits
from sealing.canonical import Buffer, digest_of
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.stopping import require_going

Sink = Callable[[Buffer], object]


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes to store, their digest and size known before the first one leaves.

    `chunks` starts from the beginning at every call: a retry sends the same bytes again.
    """

    digest: str
    size: int
    chunks: Callable[[], Iterator[Buffer]] = field(repr=False)

    @classmethod
    def of(cls, data: Buffer) -> Blob:
        """Return `data` as a blob; it is not copied."""
        view = memoryview(data).cast("B")

        def chunks() -> Iterator[Buffer]:
            for start in range(0, len(view), limits.CHUNK_BYTES):
                yield view[start : start + limits.CHUNK_BYTES]

        return cls(digest=digest_of(view), size=len(view), chunks=chunks)


class Receiver:
    """Passes on at most the declared bytes, and tells at the end whether they were the right ones.

    What it passed on before `finish` returned is unchecked: the sink must not use it yet.
    """

    def __init__(self, digest: str, size: int, sink: Sink) -> None:
        if not 0 <= size <= format_limits.MODULE_BYTES:
            raise SealError(
                SealRefusal.TOO_LARGE,
                f"{digest} is {size} bytes, limit {format_limits.MODULE_BYTES}",
            )
        self._digest = digest
        self.size = size
        self._sink = sink
        self._hash = hashlib.sha256()
        self.received = 0

    def require_size(self, declared: str | None, *, start: int = 0) -> None:
        """Raise `SealError` if a Content-Length is there and is not all there is from `start`."""
        if declared is not None and declared != str(self.size - start):
            raise self._wrong_size(declared)

    def feed(self, chunk: Buffer) -> None:
        """Pass on the next bytes, or raise `SealError` as soon as there are more than declared."""
        require_going()
        if self.received + len(chunk) > self.size:
            raise self._wrong_size("more")
        self.received += len(chunk)
        self._hash.update(chunk)
        self._sink(chunk)

    def finish(self) -> None:
        """Return if everything passed on is what was declared, or raise `SealError`."""
        if self.received != self.size:
            raise self._wrong_size(str(self.received))
        got = f"sha256:{self._hash.hexdigest()}"
        if got != self._digest:
            raise SealError(SealRefusal.DIGEST_MISMATCH, f"blob is {got}, expected {self._digest}")

    def _wrong_size(self, got: str) -> SealError:
        return SealError(
            SealRefusal.SIZE_MISMATCH, f"{self._digest} has {got} bytes, expected {self.size}"
        )


def chunks_from(blob: Blob, start: int) -> Iterator[Buffer]:
    """Give the bytes of `blob` from `start` on; what `chunks` gives has to be as long as it says.

    Raises `SealError`, before a byte too many is given.
    """
    place = 0
    for chunk in blob.chunks():
        require_going()
        passed = min(max(start - place, 0), len(chunk))
        place += len(chunk)
        if place > blob.size:
            break
        if passed < len(chunk):
            yield memoryview(chunk)[passed:] if passed else chunk
    if place != blob.size:
        raise SealError(
            SealRefusal.SIZE_MISMATCH, f"{blob.digest} should be {blob.size} bytes, is {place}"
        )


def collect(fetch: Callable[[str, int, Sink], None], digest: str, size: int) -> bytes:
    """Return the checked blob that `fetch` delivers; nothing of it exists if `fetch` raises."""
    # BytesIO hands its buffer over without a copy: a large module is in memory once.
    buffer = io.BytesIO()
    fetch(digest, size, buffer.write)
    return buffer.getvalue()
