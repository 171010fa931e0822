"""Telling the caller how far a transfer is, without the stores knowing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from sealing.canonical import Buffer
from sealing.oci.blob import Blob, Sink, collect
from sealing.oci.store import ArtifactStore

# What is moving ("layer"), bytes done, bytes in all. A retry may start at zero again.
Progress = Callable[[str, int, int], object]


def put_metered(store: ArtifactStore, blob: Blob, what: str, progress: Progress | None) -> None:
    """Store `blob`; the last report says all, also when the store had it already."""
    if progress is None:
        store.put_blob(blob)
        return

    def chunks() -> Iterator[Buffer]:
        done = 0
        for chunk in blob.chunks():
            yield chunk
            done += len(chunk)
            progress(what, done, blob.size)

    store.put_blob(replace(blob, chunks=chunks))
    progress(what, blob.size, blob.size)


def fetch_metered(
    store: ArtifactStore,
    digest: str,
    size: int,
    sink: Sink,
    *,
    what: str,
    progress: Progress | None,
) -> None:
    """Write a blob to `sink` and report on it; until this returns, of unchecked bytes."""
    done = 0

    def metered(chunk: Buffer) -> None:
        nonlocal done
        sink(chunk)
        done += len(chunk)
        if progress is not None:
            progress(what, done, size)

    store.fetch_blob(digest, size, metered)


def collect_metered(
    store: ArtifactStore, digest: str, size: int, what: str, progress: Progress | None
) -> bytes:
    """Return a checked blob. Reports of it before it is returned are of unchecked bytes."""
    if progress is None:
        return store.get_blob(digest, size)

    def fetch(digest: str, size: int, sink: Sink) -> None:
        fetch_metered(store, digest, size, sink, what=what, progress=progress)

    return collect(fetch, digest, size)
