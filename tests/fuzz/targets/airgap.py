"""Air-gap bundles: the tar around them, and the index inside."""

from __future__ import annotations

import io
from pathlib import Path

from sealing.errors import SealError
from sealing.oci.archive import read_archive
from sealing.oci.blob import Blob, Receiver
from tests.fuzz.target import Target

VECTORS = Path(__file__).parents[2] / "vectors" / "airgap"


def _keep(blob: Blob) -> None:
    """Check a blob as a layout does, and forget it."""
    receiver = Receiver(blob.digest, blob.size, len)
    for chunk in blob.chunks():
        receiver.feed(chunk)
    receiver.finish()


def _archive(data: bytes) -> object:
    try:
        return read_archive(io.BytesIO(data), _keep)
    except SealError:
        return None


def _seeds() -> list[bytes]:
    found = sorted(VECTORS.glob("*/archive.tar"))
    return [path.read_bytes() for path in found[::6]]


TARGETS = [Target("airgap", _archive, _seeds)]
