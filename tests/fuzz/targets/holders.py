"""Holders besides the brokers: JWE, packets, key files, archives, indexes, foreign manifests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sealing import archive
from sealing.errors import SealError
from sealing.foreign_manifest import ForeignManifest
from sealing.holders.coco import CocoPacket
from sealing.holders.recovery_key import RecoveryKeyFile, RecoveryPublicKey
from sealing.jose.jwe import Jwe
from sealing.jose.keys import JwePublicKey
from sealing.manifest import SealedManifest
from sealing.oci.shape_index import every_entry, is_index, pick, write_index
from sealing.shapes import PLUGIN_FILE, WASM, CompatConfig
from tests.fuzz.target import Target
from tests.vectors.generate_foreign import COMPRESSED, GOOD_TAR, zipped
from tests.vectors.jwe_world import HOLDERS

VECTORS = Path(__file__).parents[2] / "vectors"


def _seeds(folder: str, name: str) -> Callable[[], list[bytes]]:
    found = sorted((VECTORS / folder).glob(f"*/{name}"))
    return lambda: [path.read_bytes() for path in found[:: max(1, len(found) // 8)]]


def _or_refused(read: Callable[[bytes], object]) -> Callable[[bytes], object]:
    def run(data: bytes) -> object:
        try:
            return read(data)
        except SealError:
            return None

    return run


def _opened(data: bytes) -> object:
    return Jwe.parse(data).open(HOLDERS["p256"])


def _unpacked(data: bytes) -> object:
    found = archive.unpack(memoryview(data), name=PLUGIN_FILE, limit_bytes=1 << 20)
    found.memory.wipe()
    return found.tar_digest


def _picked(data: bytes) -> object:
    return (pick(data, WASM), every_entry(data)) if is_index(data) else None


def _index() -> list[bytes]:
    manifest = (VECTORS / "sealed-module" / "owner-p256" / "manifest.json").read_bytes()
    return [write_index([manifest]), manifest]


TARGETS = [
    Target("jwe", _or_refused(_opened), _seeds("jwe", "data.bin")),
    Target("jwe-public-key", _or_refused(JwePublicKey.parse), _seeds("jwe", "data.bin")),
    Target("coco-packet", _or_refused(CocoPacket.parse), _seeds("coco", "packet.json")),
    Target("recovery-key", _or_refused(RecoveryKeyFile.parse), _seeds("recovery-key", "key.json")),
    Target(
        "recovery-public-key",
        _or_refused(RecoveryPublicKey.parse),
        _seeds("recovery-key", "key.json"),
    ),
    Target(
        "foreign-manifest", _or_refused(ForeignManifest.parse), _seeds("foreign", "manifest.json")
    ),
    Target(
        "holders-manifest", _or_refused(SealedManifest.parse), _seeds("outside", "manifest.json")
    ),
    Target("image-config", _or_refused(CompatConfig.parse), _seeds("outside", "config.json")),
    Target("image-archive", _or_refused(_unpacked), lambda: [zipped(GOOD_TAR), COMPRESSED]),
    Target("shape-index", _or_refused(_picked), _index),
]
