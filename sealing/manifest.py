"""The OCI image manifest of a sealed module: written in one form, read by the strict profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from sealing import canonical, limits
from sealing.envelope import Envelope
from sealing.errors import SealError, SealRefusal
from sealing.ocicrypt import PublicOptions
from sealing.recipients import BROKER, RECOVERY, require_one_scheme

MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE: Final = "application/vnd.wasm.config.v0+json"
PLAIN_LAYER_TYPE: Final = "application/wasm"
LAYER_TYPE: Final = f"{PLAIN_LAYER_TYPE}+encrypted"
ANNOTATION_OPTIONS: Final = "org.opencontainers.image.enc.pubopts"
ANNOTATION_KEYS: Final = "org.opencontainers.image.enc.keys."
ANNOTATION_ENVELOPES: Final = f"{ANNOTATION_KEYS}provider.sealwasm"
# A module has at least its magic and version.
LAYER_BYTES_LEAST: Final = 8

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
        return tuple(sorted(kinds))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the sealed manifest in `data`, or raise `SealError`.

        Exactly one encrypted layer, exact types, exact annotations, one form. Envelopes agree with
        each other and with the manifest's digests; nothing is opened and no signature is checked.
        """
        what = "manifest"
        value = canonical.parse_canonical(data, limit_bytes=limits.MANIFEST_BYTES, what=what)
        value = canonical.members(value, ("schemaVersion", "mediaType", "config", "layers"), what)
        if type(value["schemaVersion"]) is not int or value["schemaVersion"] != 2:
            raise canonical.malformed(what, "schemaVersion is not 2")
        _require_type(value["mediaType"], MANIFEST_TYPE)
        config_digest, config_size = _config(value["config"])
        layer = _only_layer(value["layers"])
        annotations = _annotations(layer["annotations"])
        manifest = cls(
            bytes(data),
            canonical.digest_of(data),
            config_digest,
            config_size,
            canonical.parse_digest(layer["digest"], what="layer digest"),
            _size(layer["size"], "layer size", LAYER_BYTES_LEAST, limits.MODULE_BYTES),
            PublicOptions.parse(canonical.b64decode(annotations[ANNOTATION_OPTIONS], what=what)),
            _envelopes(annotations[ANNOTATION_ENVELOPES]),
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
) -> SealedManifest:
    """Return the manifest of an artifact, read back by the strict reader. Raises `SealError`."""
    entries = [canonical.b64encode(envelope.to_bytes()) for envelope in envelopes]
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {
            "mediaType": CONFIG_TYPE,
            "digest": canonical.digest_of(config),
            "size": len(config),
        },
        "layers": [
            {
                "mediaType": LAYER_TYPE,
                "digest": layer_digest,
                "size": layer_size,
                "annotations": {
                    ANNOTATION_OPTIONS: canonical.b64encode(public_options.to_json()),
                    ANNOTATION_ENVELOPES: ",".join(entries),
                },
            }
        ],
    }
    return SealedManifest.parse(canonical.encode(document))


def _require_type(value: Any, expected: str) -> None:
    if value != expected:
        raise SealError(SealRefusal.MEDIA_TYPE, f"expected media type {expected}")


def _size(value: Any, what: str, least: int, most: int) -> int:
    if type(value) is int and value > most:
        raise SealError(SealRefusal.TOO_LARGE, f"{what} is {value}, limit {most}")
    return canonical.whole(value, what, least=least, most=most)


def _config(value: Any) -> tuple[str, int]:
    found = canonical.members(value, _DESCRIPTOR, "config descriptor")
    _require_type(found["mediaType"], CONFIG_TYPE)
    digest = canonical.parse_digest(found["digest"], what="config digest")
    return digest, _size(found["size"], "config size", 1, limits.CONFIG_BYTES)


def _only_layer(value: Any) -> dict[str, Any]:
    if not isinstance(value, list) or len(value) != 1:
        raise SealError(SealRefusal.LAYER_COUNT, "a sealed module has exactly one layer")
    layer = value[0]
    if isinstance(layer, dict) and layer.get("mediaType") == PLAIN_LAYER_TYPE:
        raise SealError(
            SealRefusal.NOT_SEALED, "layer is a plaintext module, expected a sealed one"
        )
    found = canonical.members(layer, (*_DESCRIPTOR, "annotations"), "layer descriptor")
    _require_type(found["mediaType"], LAYER_TYPE)
    return found


def _annotations(value: Any) -> dict[str, Any]:
    known = (ANNOTATION_OPTIONS, ANNOTATION_ENVELOPES)
    if isinstance(value, dict):
        for name in sorted(value.keys() - set(known)):
            if name.startswith(ANNOTATION_KEYS):
                # Another way to the key would be one that neither broker nor policy controls.
                raise SealError(SealRefusal.ENVELOPE_SCHEME, f"key annotation {name[:96]}")
        if ANNOTATION_ENVELOPES not in value:
            raise SealError(SealRefusal.ENVELOPE_COUNT, "layer has no envelope")
    return canonical.members(value, known, "layer annotations")


def _envelopes(value: Any) -> tuple[Envelope, ...]:
    entries = canonical.text(value, "envelope annotation").split(",")
    if len(entries) > limits.ENVELOPES:
        detail = f"{len(entries)} envelopes, limit {limits.ENVELOPES}"
        raise SealError(SealRefusal.ENVELOPE_COUNT, detail)
    found = tuple(
        Envelope.parse(canonical.b64decode(entry, what="envelope annotation")) for entry in entries
    )
    require_one_scheme(found)
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
