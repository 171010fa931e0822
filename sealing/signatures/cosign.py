"""cosign simple signing: the older `.sig` form, for skopeo, podman and CoCo image-rs.

It says only "this key signed this manifest digest": nothing is decided about a module by it.
Source: sigstore/cosign `specs/SIGNATURE_SPEC.md`. Spec: docs/specs/attestations.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import P256, Signer, VerifyingKey

PAYLOAD_TYPE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ANNOTATION: Final = "dev.cosignproject.cosign/signature"
CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"
_TYPE: Final = "cosign container image signature"


@dataclass(frozen=True, slots=True)
class SimpleSignature:
    """The parts of a `.sig` image: its tag, one layer, that layer's annotation, and a config."""

    tag: str
    payload: bytes = field(repr=False)
    annotations: dict[str, str] = field(repr=False)
    config: bytes = field(repr=False)


def simple_signature(manifest_digest: str, docker_reference: str, key: Signer) -> SimpleSignature:
    """Return the `.sig` parts for a manifest published at `docker_reference` ("host/repo").

    Raises `SealError` for a key that is not P-256: the readers of this form know no other of ours.
    """
    if key.kind != P256:
        raise SealError(SealRefusal.KEY_INVALID, "a .sig tag needs an ECDSA P-256 key")
    digest = canonical.parse_digest(manifest_digest, what="manifest digest")
    critical = {
        "identity": {"docker-reference": docker_reference},
        "image": {"docker-manifest-digest": digest},
        "type": _TYPE,
    }
    payload = _compact({"critical": critical, "optional": None})
    config = {
        "architecture": "",
        "os": "",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [canonical.digest_of(payload)]},
    }
    return SimpleSignature(
        f"{digest.replace(':', '-')}.sig",
        payload,
        {SIGNATURE_ANNOTATION: canonical.b64encode(key.sign(payload))},
        _compact(config),
    )


@dataclass(frozen=True, slots=True)
class SimpleClaim:
    """One key signed one manifest digest, and called the repository by this name."""

    signer: VerifyingKey
    docker_reference: str


def verify_simple(
    payload: bytes, signature: str, *, manifest_digest: str, keys: Sequence[VerifyingKey]
) -> SimpleClaim:
    """Return who of `keys` signed this manifest, or raise `SealError`.

    `signature` is the layer's annotation: it names no key, so each is tried. The repository in the
    claim is the first one that it was published in, and not compared with anything.
    """
    raw = canonical.b64decode(signature, what="simple signature")
    signer = next((key for key in keys if _holds(key, raw, payload)), None)
    if signer is None:
        detail = f"simple signature is by none of the {len(keys)} expected keys"
        raise SealError(SealRefusal.SIGNER_UNKNOWN, detail)
    reference, digest = _claims(payload)
    if digest != manifest_digest:
        raise SealError(SealRefusal.STATEMENT_MISMATCH, "simple signature is for another manifest")
    return SimpleClaim(signer, reference)


def _holds(key: VerifyingKey, signature: bytes, payload: bytes) -> bool:
    try:
        key.verify(signature, payload)
    except SealError:
        return False
    return True


def _claims(payload: bytes) -> tuple[str, str]:
    """Return the repository and the manifest digest that a payload names."""
    what = "simple signature"
    value = canonical.parse_json(payload, limit_bytes=limits.SIMPLE_PAYLOAD_BYTES, what=what)
    value = canonical.members(value, ("critical", "optional"), what)
    if value["optional"] is not None and not isinstance(value["optional"], dict):
        raise canonical.malformed(what, "optional is no object")
    critical = canonical.members(value["critical"], ("identity", "image", "type"), what)
    if critical["type"] != _TYPE:
        raise SealError(SealRefusal.STATEMENT_TYPE, f"expected a {_TYPE}")
    identity = canonical.members(critical["identity"], ("docker-reference",), what)
    image = canonical.members(critical["image"], ("docker-manifest-digest",), what)
    return (
        canonical.text(identity["docker-reference"], "docker reference"),
        canonical.parse_digest(image["docker-manifest-digest"], what="manifest digest"),
    )


def _compact(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
