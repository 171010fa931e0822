"""Several transfers at once, but never many: the first that fails ends the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace

from sealing.canonical import Buffer
from sealing.oci import limits
from sealing.oci.blob import Blob
from sealing.oci.progress import Progress, put_metered
from sealing.oci.store import ArtifactStore


class _StoppedError(Exception):
    """Ends a transfer whose result nobody waits for any more."""


def put_all(
    store: ArtifactStore, blobs: Sequence[tuple[str | None, Blob]], progress: Progress | None = None
) -> None:
    """Store all `blobs`, a few at once; those with a name are reported, one report at a time.

    Raises `SealError`: the first there was. The others have ended then, somewhere on their way.
    """
    stop = threading.Event()
    report = None if progress is None else _one_at_a_time(progress)

    def put(what: str | None, blob: Blob) -> None:
        watched = _until(stop, blob)
        if what is None:
            store.put_blob(watched)
        else:
            put_metered(store, watched, what, report)

    with ThreadPoolExecutor(limits.TRANSFERS, thread_name_prefix="transfer") as pool:
        begun = [pool.submit(put, what, blob) for what, blob in blobs]
        try:
            _require_all(begun)
        finally:
            # Also when somebody interrupts: nobody waits for the end of a large upload.
            stop.set()
            for transfer in begun:
                transfer.cancel()


def _require_all(begun: list[Future[None]]) -> None:
    for transfer in as_completed(begun):
        transfer.result()


def _until(stop: threading.Event, blob: Blob) -> Blob:
    """Return `blob` with chunks that end with an error once `stop` is set."""

    def chunks() -> Iterator[Buffer]:
        for chunk in blob.chunks():
            if stop.is_set():
                raise _StoppedError
            yield chunk

    return replace(blob, chunks=chunks)


def _one_at_a_time(progress: Progress) -> Progress:
    lock = threading.Lock()

    def report(what: str, done: int, size: int) -> None:
        with lock:
            progress(what, done, size)

    return report
