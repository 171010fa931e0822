"""How long a parser takes for inputs of up to 1 MiB that were made to be expensive."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Iterator

from attestation.errors import EvidenceError
from tests.fuzz.target import Target

MAX_SECONDS = 0.050
MAX_BYTES = 64 << 20
SIZE = 1 << 20
# What nests or repeats in the formats at hand: CBOR arrays, maps and tags, DER, JSON, XML, TLVs.
FILLERS = (
    b"\x00",
    b"\xff",
    b"\x81",
    b"\xa1\x01",
    b"\xc1",
    b"\x9f",
    b"\xbf",
    b"\x30\x80",
    b"\x30\x82\xff\xfb",
    b"[",
    b'{"a":',
    b"<a>",
    b"&#65;",
    b"\x01\x00\x00\x00",
    b"\x00\x01",
    b"1",
    b"-----BEGIN CERTIFICATE-----\n",
)


def expensive(target: Target) -> Iterator[bytes]:
    """Yield seeds, what is worst, seeds with long tails and middles, a megabyte of each filler."""
    rng = random.Random(target.name)
    seeds = list(target.seeds())
    yield from seeds
    yield from target.worst()
    for filler in FILLERS:
        yield (filler * (SIZE // len(filler) + 1))[:SIZE]
    for seed in seeds[:8]:
        for filler in FILLERS:
            room = max(0, SIZE - len(seed)) // len(filler)
            yield seed + filler * room
            cut = rng.randrange(len(seed) + 1)
            yield seed[:cut] + filler * room + seed[cut:]


def worst_cost(target: Target) -> bool:
    """Print the worst time and memory of one target; return whether both are within bounds."""
    slowest, largest = 0.0, 0
    for data in expensive(target):
        slowest = max(slowest, _least_time(target, data))
    tracemalloc.start()
    for data in expensive(target):
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        _run(target, data)
        largest = max(largest, tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    good = slowest <= MAX_SECONDS and largest <= MAX_BYTES
    said = "ok" if good else "TOO MUCH"
    print(
        f"{target.name:24} {slowest * 1000:8.2f} ms {largest / 2**20:8.2f} MiB  {said}", flush=True
    )
    return good


def _least_time(target: Target, data: bytes) -> float:
    """The least of up to three times: a busy machine must not fail a parser."""
    least = float("inf")
    for _ in range(3):
        started = time.thread_time()
        _run(target, data)
        least = min(least, time.thread_time() - started)
        if least <= MAX_SECONDS:
            break
    return least


def _run(target: Target, data: bytes) -> None:
    try:
        target.run(data)
    except EvidenceError:
        return
