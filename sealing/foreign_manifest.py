"""The manifest of an artifact that another tool encrypted, read by a strict profile of ocicrypt.

Its JSON is that tool's; everything that decides what is decrypted has one form all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Self

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal
from sealing.holders.coco import CocoKey, CocoPacket
from sealing.holders.outside import ANNOTATION_COCO, ANNOTATION_JWE, entries_in
from sealing.jose.jwe import Jwe
from sealing.jose.keys import JwePrivateKey
from sealing.manifest import ANNOTATION_KEYS, ANNOTATION_OPTIONS, MANIFEST_TYPE
from sealing.ocicrypt import PrivateOptions, PublicOptions
from sealing.shapes import COMPAT, WASM, Shape

ForeignKey = JwePrivateKey | CocoKey

# What the layer is in clear, by its type. skopeo encrypts nothing that is not called a tar, so a
# module in clear is labelled as one; an archive is told from it by its own bytes all the same.
_MODULE_TYPES: Final = (
    "application/wasm+encrypted",
    "application/vnd.wasm.content.layer.v1+wasm+encrypted",
    "application/vnd.oci.image.layer.v1.tar+encrypted",
)
_SHAPES: Final[Mapping[str, Shape]] = {
    COMPAT.layer_type: COMPAT,
    **dict.fromkeys(_MODULE_TYPES, WASM),
}
_CONFIG_TYPES: Final = (WASM.config_type, COMPAT.config_type)


@dataclass(frozen=True, slots=True)
class ForeignManifest:
    """A manifest that passed the profile. Who wrote it is unknown."""

    digest: str
    config_type: str
    config_digest: str
    config_size: int
    layer_digest: str
    layer_size: int
    shape: Shape
    public_options: PublicOptions = field(repr=False)
    jwe: tuple[Jwe, ...] = field(repr=False)
    coco: tuple[CocoPacket, ...] = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the manifest in `data`, or raise `SealError`. Its JSON need not be canonical."""
        what = "manifest"
        value = canonical.parse_json(data, limit_bytes=limits.MANIFEST_BYTES, what=what)
        value = _with_annotations(value, ("schemaVersion", "mediaType", "config", "layers"), what)
        if type(value["schemaVersion"]) is not int or value["schemaVersion"] != 2:
            raise canonical.malformed(what, "schemaVersion is not 2")
        if value["mediaType"] != MANIFEST_TYPE:
            raise SealError(SealRefusal.MEDIA_TYPE, f"expected media type {MANIFEST_TYPE}")
        config = _descriptor(value["config"], "config descriptor", _CONFIG_TYPES)
        layer = _layer(value["layers"])
        shape, notes = _SHAPES[layer["mediaType"]], layer["annotations"]
        return cls(
            canonical.digest_of(data),
            config["mediaType"],
            config["digest"],
            canonical.whole(config["size"], "config size", least=1, most=limits.CONFIG_BYTES),
            layer["digest"],
            _layer_size(layer["size"], shape),
            shape,
            PublicOptions.parse(canonical.b64decode(notes[ANNOTATION_OPTIONS], what=what)),
            tuple(map(Jwe.parse, entries_in(notes, ANNOTATION_JWE))),
            tuple(map(CocoPacket.parse, entries_in(notes, ANNOTATION_COCO))),
        )

    def open(self, key: ForeignKey) -> PrivateOptions:
        """Return the content key, or raise `SealError`. It may be anybody's."""
        openings: list[Callable[[], bytes]]
        if isinstance(key, CocoKey):
            openings = [partial(key.open, packet) for packet in self.coco]
        else:
            openings = [partial(message.open, key) for message in self.jwe]
        return PrivateOptions.parse(first_opened(openings))


def first_opened(openings: Sequence[Callable[[], bytes]]) -> bytes:
    """Return what the first entry that opens holds, or raise the `SealError` of the last one."""
    refusal = SealError(SealRefusal.ENVELOPE_COUNT, "there is no entry for this kind of key")
    for opening in openings:
        try:
            return opening()
        except SealError as error:
            refusal = error
    raise refusal


def _with_annotations(value: Any, names: tuple[str, ...], what: str) -> dict[str, Any]:
    """Return an object with these members and, if it has them, notes that mean nothing here."""
    noted = isinstance(value, dict) and "annotations" in value
    found = canonical.members(value, (*names, *(("annotations",) if noted else ())), what)
    notes = found.get("annotations", {})
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise canonical.malformed(f"{what} annotations", "not an object of texts")
    return found


def _descriptor(value: Any, what: str, types: Sequence[str]) -> dict[str, Any]:
    found = _with_annotations(value, ("mediaType", "digest", "size"), what)
    if found["mediaType"] not in types:
        raise SealError(SealRefusal.MEDIA_TYPE, f"{what}: expected one of {tuple(types)}")
    canonical.parse_digest(found["digest"], what=what)
    return found


def _layer(value: Any) -> dict[str, Any]:
    if not isinstance(value, list) or len(value) != 1:
        raise SealError(SealRefusal.LAYER_COUNT, "expected exactly one layer")
    kind = value[0].get("mediaType") if isinstance(value[0], dict) else None
    if isinstance(kind, str) and f"{kind}+encrypted" in _SHAPES:
        raise SealError(SealRefusal.NOT_SEALED, "layer is in clear, expected an encrypted one")
    found = _descriptor(value[0], "layer descriptor", tuple(_SHAPES))
    notes = found.get("annotations", {})
    known = (ANNOTATION_OPTIONS, ANNOTATION_JWE, ANNOTATION_COCO)
    for name in sorted(notes.keys() - set(known)):
        if name.startswith(ANNOTATION_KEYS):
            raise SealError(SealRefusal.ENVELOPE_SCHEME, f"key annotation {name[:96]}")
    if ANNOTATION_OPTIONS not in notes:
        raise canonical.malformed("layer annotations", f"lacks {ANNOTATION_OPTIONS}")
    return found


def _layer_size(value: Any, shape: Shape) -> int:
    least, most = shape.layer_bytes
    if type(value) is int and value > most:
        raise SealError(SealRefusal.TOO_LARGE, f"layer is {value} bytes, limit {most}")
    return canonical.whole(value, "layer size", least=least, most=most)
