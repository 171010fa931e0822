"""Several transfers at once, but never many: the first that fails ends the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import TypeVar

from sealing.oci import limits
from sealing.oci.blob import Blob
from sealing.oci.progress import Progress, put_metered
from sealing.oci.stopping import Stop, wakeable
from sealing.oci.store import ArtifactStore

_Result = TypeVar("_Result")


def together(actions: Sequence[Callable[[], _Result]]) -> list[_Result]:
    """Return what each action returns, in their order, a few of them running at once.

    The first error there is is raised, or what interrupts the caller. The others have ended then:
    those that run are woken where they wait and go no further, and no more begin.
    """
    if len(actions) <= 1:
        return [action() for action in actions]
    stop = Stop()
    with (
        # What ends the caller ends these too.
        wakeable(stop.set),
        ThreadPoolExecutor(limits.TRANSFERS, thread_name_prefix="transfer") as pool,
    ):
        try:
            begun = [pool.submit(stop.running, action) for action in actions]
            for transfer in as_completed(begun):
                transfer.result()
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
    return [transfer.result() for transfer in begun]


def put_all(
    store: ArtifactStore, blobs: Sequence[tuple[str | None, Blob]], progress: Progress | None = None
) -> None:
    """Store all `blobs`, a few at once; those with a name are reported, one report at a time.

    Raises `SealError`: the first there was. The others have ended then, somewhere on their way.
    """
    report = None if progress is None else _one_at_a_time(progress)

    def put(what: str | None, blob: Blob) -> None:
        if what is None:
            store.put_blob(blob)
        else:
            put_metered(store, blob, what, report)

    together([partial(put, what, blob) for what, blob in blobs])


def _one_at_a_time(progress: Progress) -> Progress:
    lock = threading.Lock()

    def report(what: str, done: int, size: int) -> None:
        with lock:
            progress(what, done, size)

    return report
