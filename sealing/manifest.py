"""The OCI image manifest of a sealed module: written in one form, read by the strict profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from sealing import canonical, limits
from sealing.envelope import Envelope
from sealing.errors import SealError, SealRefusal
from sealing.holders.outside import ANNOTATIONS as OUTSIDE_ANNOTATIONS
from sealing.holders.outside import OutsideKeys
from sealing.holders.recipients import BROKER, RECOVERY, require_one_scheme
from sealing.ocicrypt import PublicOptions
from sealing.shapes import COMPAT, WASM, Shape

MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
ANNOTATION_OPTIONS: Final = "org.opencontainers.image.enc.pubopts"
ANNOTATION_KEYS: Final = "org.opencontainers.image.enc.keys."
ANNOTATION_ENVELOPES: Final = f"{ANNOTATION_KEYS}provider.sealwasm"

_MEMBERS: Final = ("schemaVersion", "mediaType", "config", "layers")
_DESCRIPTOR: Final = ("mediaType", "digest", "size")


@dataclass(frozen=True, slots=True)
class SealedManifest:
    """A manifest that passed the strict profile. Whether the owner signed it is another check."""

    raw: bytes = field(repr=False)
    digest: str
    config_digest: str
    config_size: int
    layer_digest: str
    layer_size: int
    public_options: PublicOptions = field(repr=False)
    envelopes: tuple[Envelope, ...]
    # Keys that no broker releases; see `sealing.holders.outside`.
    outside: OutsideKeys = field(default=OutsideKeys(), repr=False)
    shape: Shape = WASM

    @property
    def brokers(self) -> tuple[str, ...]:
        """The identities of the brokers, each once, in the order of their envelopes."""
        found = (envelope.broker for envelope in self.envelopes)
        return tuple(dict.fromkeys(broker for broker in found if broker is not None))

    @property
    def threshold(self) -> int:
        """How many of the brokers it takes: 1 unless the content key is split."""
        share = self.envelopes[0].share
        return 1 if share is None else share.threshold

    @property
    def recipients(self) -> tuple[str, ...]:
        """The kinds of holders that could open the module, sorted."""
        kinds = {RECOVERY if each.is_recovery else BROKER for each in self.envelopes}
        return tuple(sorted(kinds.union(self.outside.kinds)))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the sealed manifest in `data`, or raise `SealError`.

        Exactly one encrypted layer, exact types, exact annotations, one form. Envelopes agree with
        each other and with the manifest's digests; nothing is opened and no signature is checked.
        """
        what = "manifest"
        value = canonical.parse_canonical(data, limit_bytes=limits.MANIFEST_BYTES, what=what)
        shape, value = _shape_of(value)
        if type(value["schemaVersion"]) is not int or value["schemaVersion"] != 2:
            raise canonical.malformed(what, "schemaVersion is not 2")
        _require_type(value["mediaType"], MANIFEST_TYPE)
        config_digest, config_size = _config(value["config"], shape)
        layer = _only_layer(value["layers"], shape)
        annotations = _annotations(layer["annotations"])
        outside = OutsideKeys.from_annotations(annotations)
        manifest = cls(
            bytes(data),
            canonical.digest_of(data),
            config_digest,
            config_size,
            canonical.parse_digest(layer["digest"], what="layer digest"),
            _size(layer["size"], "layer size", *shape.layer_bytes),
            PublicOptions.parse(canonical.b64decode(annotations[ANNOTATION_OPTIONS], what=what)),
            _envelopes(annotations[ANNOTATION_ENVELOPES], outside),
            outside,
            shape,
        )
        _require_one_context(manifest)
        return manifest


def write_manifest(
    *,
    config: bytes,
    layer_digest: str,
    layer_size: int,
    public_options: PublicOptions,
    envelopes: Sequence[Envelope],
    outside: OutsideKeys = OutsideKeys(),  # noqa: B008 - immutable
    shape: Shape = WASM,
) -> SealedManifest:
    """Return the manifest of an artifact, read back by the strict reader. Raises `SealError`."""
    entries = [canonical.b64encode(envelope.to_bytes()) for envelope in envelopes]
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {
            "mediaType": shape.config_type,
            "digest": canonical.digest_of(config),
            "size": len(config),
        },
        "layers": [
            {
                "mediaType": shape.layer_type,
                "digest": layer_digest,
                "size": layer_size,
                "annotations": {
                    ANNOTATION_OPTIONS: canonical.b64encode(public_options.to_json()),
                    ANNOTATION_ENVELOPES: ",".join(entries),
                    **outside.to_annotations(),
                },
            }
        ],
    }
    if shape.annotations:
        document["annotations"] = dict(shape.annotations)
    return SealedManifest.parse(canonical.encode(document))


def _shape_of(value: Any) -> tuple[Shape, dict[str, Any]]:
    """Return the shape of a manifest and its members: only one of the shapes has annotations."""
    if isinstance(value, dict) and "annotations" in value:
        found = canonical.members(value, (*_MEMBERS, "annotations"), "manifest")
        if found["annotations"] != COMPAT.annotations:
            raise SealError(SealRefusal.MEDIA_TYPE, "annotations of the manifest are of no shape")
        return COMPAT, found
    return WASM, canonical.members(value, _MEMBERS, "manifest")


def _require_type(value: Any, expected: str) -> None:
    if value != expected:
        raise SealError(SealRefusal.MEDIA_TYPE, f"expected media type {expected}")


def _size(value: Any, what: str, least: int, most: int) -> int:
    if type(value) is int and value > most:
        raise SealError(SealRefusal.TOO_LARGE, f"{what} is {value}, limit {most}")
    return canonical.whole(value, what, least=least, most=most)


def _config(value: Any, shape: Shape) -> tuple[str, int]:
    found = canonical.members(value, _DESCRIPTOR, "config descriptor")
    _require_type(found["mediaType"], shape.config_type)
    digest = canonical.parse_digest(found["digest"], what="config digest")
    return digest, _size(found["size"], "config size", 1, limits.CONFIG_BYTES)


def _only_layer(value: Any, shape: Shape) -> dict[str, Any]:
    if not isinstance(value, list) or len(value) != 1:
        raise SealError(SealRefusal.LAYER_COUNT, "a sealed module has exactly one layer")
    layer = value[0]
    if isinstance(layer, dict) and layer.get("mediaType") == shape.plain_layer_type:
        raise SealError(
            SealRefusal.NOT_SEALED, "layer is a plaintext module, expected a sealed one"
        )
    found = canonical.members(layer, (*_DESCRIPTOR, "annotations"), "layer descriptor")
    _require_type(found["mediaType"], shape.layer_type)
    return found


def _annotations(value: Any) -> dict[str, Any]:
    known: tuple[str, ...] = (ANNOTATION_OPTIONS, ANNOTATION_ENVELOPES)
    if isinstance(value, dict):
        known = (*known, *(name for name in OUTSIDE_ANNOTATIONS if name in value))
        for name in sorted(value.keys() - set(known)):
            if name.startswith(ANNOTATION_KEYS):
                # Another way to the key would be one that neither broker nor policy controls.
                raise SealError(SealRefusal.ENVELOPE_SCHEME, f"key annotation {name[:96]}")
        if ANNOTATION_ENVELOPES not in value:
            raise SealError(SealRefusal.ENVELOPE_COUNT, "layer has no envelope")
    return canonical.members(value, known, "layer annotations")


def _envelopes(value: Any, outside: OutsideKeys) -> tuple[Envelope, ...]:
    entries = canonical.text(value, "envelope annotation").split(",")
    if len(entries) > limits.ENVELOPES:
        detail = f"{len(entries)} envelopes, limit {limits.ENVELOPES}"
        raise SealError(SealRefusal.ENVELOPE_COUNT, detail)
    found = tuple(
        Envelope.parse(canonical.b64decode(entry, what="envelope annotation")) for entry in entries
    )
    require_one_scheme(found, outside=len(outside))
    if found[0].is_recovery:
        raise SealError(SealRefusal.NOT_CANONICAL, "a recovery envelope comes before the brokers'")
    return found


def _require_one_context(manifest: SealedManifest) -> None:
    first = manifest.envelopes[0].context
    if first.config != manifest.config_digest:
        raise SealError(SealRefusal.CONTEXT_MISMATCH, "envelope is for another config")
    if first.layer != manifest.layer_digest:
        raise SealError(SealRefusal.CONTEXT_MISMATCH, "envelope is for another layer")
    for envelope in manifest.envelopes[1:]:
        envelope.context.require_equal(first)
