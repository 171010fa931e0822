"""cosign simple signing: the older `.sig` form, for skopeo, podman and CoCo image-rs.

It says only "this key signed this manifest digest"; our own reader never relies on it. Source:
sigstore/cosign `specs/SIGNATURE_SPEC.md`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from sealing import canonical
from sealing.errors import SealError, SealRefusal
from sealing.keys import P256, Signer

PAYLOAD_TYPE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ANNOTATION: Final = "dev.cosignproject.cosign/signature"
CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"


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
        "type": "cosign container image signature",
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


def _compact(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
