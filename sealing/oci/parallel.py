"""Several transfers at once, but never many: the first that fails ends the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from typing import TypeVar

from sealing.canonical import Buffer
from sealing.oci import limits
from sealing.oci.blob import Blob
from sealing.oci.progress import Progress, put_metered
from sealing.oci.store import ArtifactStore

_Result = TypeVar("_Result")


class _StoppedError(Exception):
    """Ends a transfer whose result nobody waits for any more."""


def together(
    actions: Sequence[Callable[[], _Result]], *, at_end: Callable[[], object] = lambda: None
) -> list[_Result]:
    """Return what each action returns, in their order, a few of them running at once.

    The first error there is is raised, once those that run have ended; others do not begin then.
    `at_end` is called before they are waited for, and may tell them to hurry.
    """
    if len(actions) <= 1:
        return [action() for action in actions]
    with ThreadPoolExecutor(limits.TRANSFERS, thread_name_prefix="transfer") as pool:
        begun = [pool.submit(action) for action in actions]
        try:
            for transfer in as_completed(begun):
                transfer.result()
        finally:
            # Also when somebody interrupts: nobody waits for the end of a large upload.
            for transfer in begun:
                transfer.cancel()
            at_end()
    return [transfer.result() for transfer in begun]


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

    together([partial(put, what, blob) for what, blob in blobs], at_end=stop.set)


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
