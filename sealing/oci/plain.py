"""Modules in clear that other tools published, to be sealed: which layer is the module.

Steps are those of docs/specs/oci-artifact.md, section 7. Only a caller who asks for a module in
clear comes here: a reader of sealed modules that took either would take whatever somebody put in
the place of a sealed one. Who published a module in clear is unknown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, Self

from sealing import archive, limits
from sealing.canonical import Buffer
from sealing.errors import SealError, SealRefusal
from sealing.manifest import ANNOTATION_ENVELOPES, ANNOTATION_KEYS, ANNOTATION_OPTIONS
from sealing.module_source import ModuleBytes, ModuleFile, ModuleSource
from sealing.oci.descriptor import Descriptor, parse_manifest
from sealing.oci.progress import Progress, collect_metered, fetch_metered
from sealing.oci.reference import Reference
from sealing.oci.shape_index import followed
from sealing.oci.store import ArtifactStore
from sealing.shapes import COMPAT, PLUGIN_FILE, WASM

# Types of a layer that is the module as it is: the CNCF's; krustlet's, Spin's and wasm-to-oci's;
# Istio's "oci" variant; runwasi's first one.
MODULE_TYPES: Final = (
    WASM.plain_layer_type,
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
)
# What Istio's "oci" variant has beside the module: settings of a proxy.
_SETTINGS_TYPE: Final = "application/vnd.module.wasm.config.v1+json"
_ENCRYPTED: Final = "+encrypted"


@dataclass(frozen=True, slots=True)
class PlainModule:
    """Where a module in clear is: the manifest that names it, and its layer."""

    manifest: str
    layer: Descriptor

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the one module that a manifest names, or raise `SealError`.

        Config, notes and members that say nothing of the bytes are not looked at.
        """
        facts = parse_manifest(data)
        layers = [one for one in facts.blobs[1:] if one.media_type != _SETTINGS_TYPE]
        for layer in layers:
            _require_clear(layer)
        if len(layers) != 1:
            raise SealError(SealRefusal.LAYER_COUNT, f"{len(layers)} layers, expected one module")
        (layer,) = layers
        if layer.media_type not in (*MODULE_TYPES, COMPAT.plain_layer_type):
            detail = f"layer is {layer.media_type[:100]}, expected {' or '.join(MODULE_TYPES)}"
            raise SealError(SealRefusal.MEDIA_TYPE, detail)
        return cls(facts.descriptor.digest, layer)

    @property
    def is_packed(self) -> bool:
        """Whether the layer is an archive with the module in it."""
        return self.layer.media_type == COMPAT.plain_layer_type


def find_plain(store: ArtifactStore, reference: Reference) -> PlainModule:
    """Return the module in clear that `reference` means, or raise `SealError`.

    An index is followed one level, to its module, and where it has none to its image.
    """
    found = store.get_manifest(reference.target)
    try:
        return PlainModule.parse(followed(store, found, WASM))
    except SealError as error:
        if error.code is not SealRefusal.PLATFORM:
            raise
    return PlainModule.parse(followed(store, found, COMPAT))


def fetch_plain(
    store: ArtifactStore,
    module: PlainModule,
    file: BinaryIO,
    *,
    limit_bytes: int = limits.MODULE_BYTES,
    progress: Progress | None = None,
) -> ModuleSource:
    """Return the module, its bytes compared with digest and size, or raise `SealError`.

    It is in `file`, which has to be an empty one that nobody else can write to, and may be closed
    then. One in an archive is in memory.
    """
    layer = module.layer
    if layer.size > limit_bytes:
        raise SealError(SealRefusal.TOO_LARGE, f"layer is {layer.size} bytes, limit {limit_bytes}")
    if module.is_packed:
        packed = collect_metered(store, layer.digest, layer.size, "layer", progress)
        found = archive.unpack(memoryview(packed), name=PLUGIN_FILE, limit_bytes=limit_bytes)
        return ModuleBytes(found.file)

    def write(chunk: Buffer) -> None:
        with _reported():
            file.write(chunk)

    fetch_metered(store, layer.digest, layer.size, write, what="layer", progress=progress)
    with _reported():
        file.flush()
        descriptor = os.dup(file.fileno())
    return ModuleFile(descriptor)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        detail = f"the module in clear cannot be kept: {error.strerror}"
        raise SealError(SealRefusal.STORE_UNUSABLE, detail) from error


def _require_clear(layer: Descriptor) -> None:
    notes = layer.annotations
    encrypted = layer.media_type.endswith(_ENCRYPTED) or any(
        name == ANNOTATION_OPTIONS or name.startswith(ANNOTATION_KEYS) for name in notes
    )
    if encrypted:
        whom = "sealed already" if ANNOTATION_ENVELOPES in notes else "encrypted by another tool"
        raise SealError(SealRefusal.ENCRYPTED, f"it is {whom}, and no module in clear")
