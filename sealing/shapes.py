"""The two shapes of an artifact: the CNCF one, and a container image as proxies expect theirs.

Source of the second: solo-io `wasm/spec`, "compat" variant, which Istio and Envoy tooling reads.
Each is sealed on its own: own key, own envelopes, own statement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from sealing import archive, canonical, limits
from sealing.bill import AnyBill, ComponentBill
from sealing.canonical import Buffer
from sealing.config import ARCHITECTURE, OS, ModuleConfig
from sealing.errors import SealError, SealRefusal
from sealing.module_source import ByteView, ModuleSource

PLUGIN_FILE: Final = "plugin.wasm"
# A module has at least its magic and version.
_MODULE_BYTES_LEAST: Final = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """What tells the manifests of one shape from those of the other."""

    name: str
    config_type: str
    plain_layer_type: str
    # Of the manifest, not of its layer.
    annotations: Mapping[str, str] = field(repr=False, hash=False)
    layer_bytes: tuple[int, int]

    @property
    def layer_type(self) -> str:
        """The media type of the encrypted layer."""
        return f"{self.plain_layer_type}+encrypted"


WASM: Final = Shape(
    "wasm",
    "application/vnd.wasm.config.v0+json",
    "application/wasm",
    {},
    (_MODULE_BYTES_LEAST, limits.MODULE_BYTES),
)
COMPAT: Final = Shape(
    "compat",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    {"module.wasm.image/variant": "compat"},
    # gzip of a tar with nothing in it is longer than that.
    (32, limits.MODULE_BYTES),
)
SHAPES: Final[Mapping[str, Shape]] = {shape.name: shape for shape in (WASM, COMPAT)}


@dataclass(frozen=True, slots=True)
class CompatConfig:
    """An OCI image config for one layer. Holds the digest of the tar, not that of the module."""

    tar_digest: str

    def to_bytes(self) -> bytes:
        """Return the canonical JSON of the config blob."""
        return canonical.encode(
            {
                "architecture": ARCHITECTURE,
                "config": {},
                "os": OS,
                "rootfs": {"diff_ids": [self.tar_digest], "type": "layers"},
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the config whose canonical form is `data`, or raise `SealError`."""
        what = "config"
        value = canonical.parse_canonical(data, limit_bytes=limits.CONFIG_BYTES, what=what)
        value = canonical.members(value, ("architecture", "config", "os", "rootfs"), what)
        if (value["architecture"], value["os"]) != (ARCHITECTURE, OS):
            raise SealError(SealRefusal.PLATFORM, f"expected {ARCHITECTURE} on {OS}")
        canonical.members(value["config"], (), "config of the image")
        return cls(diff_id(value["rootfs"]))


def diff_id(value: Any) -> str:
    """Return the one digest in the `rootfs` of an image config, or raise `SealError`."""
    rootfs = canonical.members(value, ("diff_ids", "type"), "rootfs")
    if rootfs["type"] != "layers":
        raise canonical.malformed("rootfs", "type is not layers")
    digests = rootfs["diff_ids"]
    if not isinstance(digests, list) or len(digests) != 1:
        raise SealError(SealRefusal.LAYER_COUNT, "config does not list exactly one layer")
    return canonical.parse_digest(digests[0], what="diff_ids")


AnyConfig = ModuleConfig | CompatConfig


def parse_config(shape: Shape, data: bytes) -> AnyConfig:
    """Return the config of an artifact of this shape, or raise `SealError`."""
    return ModuleConfig.parse(data) if shape is WASM else CompatConfig.parse(data)


class CompatSource:
    """A module as the layer of a container image: gzip of a tar with `plugin.wasm` and no more."""

    def __init__(self, module: ModuleSource) -> None:
        self._module = module
        self._tar_size = archive.tar_size(module.size)
        self.size = archive.gzip_size(self._tar_size)
        self.tar_digest = _digest(self._tar())
        self.digest = _digest(self.chunks())

    def view(self) -> ByteView:
        """Return all bytes."""
        return memoryview(b"".join(self.chunks()))

    def chunks(self) -> Iterator[Buffer]:
        """Give all bytes from the start."""
        return archive.gzip_chunks(self._tar(), self._tar_size)

    def _tar(self) -> Iterator[Buffer]:
        return archive.tar_chunks(PLUGIN_FILE, self._module.chunks(), self._module.size)


def packed(shape: Shape, module: ModuleSource, bill: AnyBill) -> tuple[ModuleSource, AnyConfig]:
    """Return what is encrypted for `module` in this shape, and the config beside it."""
    if shape is WASM:
        return module, ModuleConfig.of(bill, module.digest)
    if isinstance(bill, ComponentBill):
        raise SealError(SealRefusal.MODULE_UNSUPPORTED, "proxies run core modules, no components")
    source = CompatSource(module)
    return source, CompatConfig(source.tar_digest)


def _digest(chunks: Iterator[Buffer]) -> str:
    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
    return f"sha256:{found.hexdigest()}"
