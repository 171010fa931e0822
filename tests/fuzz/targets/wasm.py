"""Modules and components: what their bill of materials is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sealing.bill import bill_of, parse_bill
from sealing.errors import SealError
from tests.fuzz.target import Target
from tests.fuzz.worst_wasm import WORST

VECTORS = Path(__file__).parents[2] / "vectors" / "bill"

_READ_BACK_BYTES = 64 << 10


def _bill(data: bytes) -> None:
    with suppress(SealError):
        bill = bill_of(data)
        # Reading it back is another reader's work, whose cost `statement` measures.
        if len(data) <= _READ_BACK_BYTES and parse_bill(bill.to_document()) != bill:
            raise ValueError("a bill is not what its document says")


def _modules() -> list[bytes]:
    found = [path.read_bytes() for path in sorted(VECTORS.glob("*/module.wasm"))]
    return [one for one in found if len(one) < 4096]


def _worst() -> Iterator[bytes]:
    return (data for made in WORST for _, data in made())


TARGETS = [Target("wasm-bill", _bill, _modules, _worst)]
