"""Shares of a content key, as a broker that lies could wrap them."""

from __future__ import annotations

from pathlib import Path

from sealing.errors import SealError
from sealing.holders.shamir import Share
from tests.fuzz.target import Target

VECTORS = Path(__file__).parents[2] / "vectors" / "share"


def _shares() -> list[bytes]:
    return [path.read_bytes() for path in sorted(VECTORS.glob("*/share*.bin"))[::3]]


def _share(data: bytes) -> object:
    try:
        return Share.parse(data)
    except SealError:
        return None


TARGETS = [Target("share", _share, _shares)]
