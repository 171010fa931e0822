"""Ways to a content key that go past every broker: JWE for public tools, packets for CoCo guests.

Opt-in, and each a weaker promise than an envelope: nothing binds such an entry to one artifact, and
no policy is asked when it is opened. The owner's signature covers them, so a reader, a broker and a
policy all know that they are there.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal
from sealing.holders.coco import CocoKey, CocoPacket
from sealing.jose.jwe import Jwe, seal_jwe
from sealing.jose.keys import JwePublicKey

JWE: Final = "jwe"
COCO: Final = "coco"
ANNOTATION_JWE: Final = "org.opencontainers.image.enc.keys.jwe"
ANNOTATION_COCO: Final = "org.opencontainers.image.enc.keys.provider.attestation-agent"
ANNOTATIONS: Final = (ANNOTATION_JWE, ANNOTATION_COCO)

# What an owner is told who asks for one, and everybody who looks at the artifact.
WARNINGS: Final[Mapping[str, str]] = {
    JWE: "whoever holds the private key opens the module with public tools: no attestation, "
    "no release policy, no receipt, and no broker can take it back",
    COCO: "a KBS gives its whole key to each guest it admits: that guest, not the release policy, "
    "decides what it does with the module, and the key opens all that was wrapped with it",
}


@dataclass(frozen=True, slots=True)
class OutsideKeys:
    """The entries of one artifact. None of them is opened or believed."""

    jwe: tuple[bytes, ...] = ()
    coco: tuple[CocoPacket, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of holders, sorted."""
        return (*((COCO,) if self.coco else ()), *((JWE,) if self.jwe else ()))

    def __len__(self) -> int:
        return len(self.jwe) + len(self.coco)

    def to_annotations(self) -> dict[str, str]:
        """Return the annotations of a layer."""
        entries = {
            ANNOTATION_JWE: self.jwe,
            ANNOTATION_COCO: tuple(packet.to_json() for packet in self.coco),
        }
        return {
            name: ",".join(map(canonical.b64encode, found))
            for name, found in entries.items()
            if found
        }

    @classmethod
    def from_annotations(cls, annotations: Mapping[str, Any]) -> Self:
        """Return the entries among a layer's annotations, each in the one form we write.

        Raises `SealError`.
        """
        found = {name: entries_in(annotations, name) for name in ANNOTATIONS}
        for data in found[ANNOTATION_JWE]:
            _require_exact(data)
        return cls(
            found[ANNOTATION_JWE],
            tuple(CocoPacket.parse_exact(data) for data in found[ANNOTATION_COCO]),
        )


@dataclass(frozen=True, slots=True)
class OutsideRecipients:
    """Who else an owner lets open the module."""

    jwe: tuple[JwePublicKey, ...] = ()
    coco: tuple[CocoKey, ...] = ()

    def __len__(self) -> int:
        return len(self.jwe) + len(self.coco)

    def seal(
        self, secret: bytes, *, entropy: Callable[[int], bytes] = secrets.token_bytes
    ) -> OutsideKeys:
        """Return an entry for each; nothing ties one to an artifact. Raises `SealError`."""
        return OutsideKeys(
            tuple(seal_jwe(secret, key, entropy=entropy) for key in self.jwe),
            tuple(key.seal(secret, entropy=entropy) for key in self.coco),
        )


def entries_in(annotations: Mapping[str, Any], name: str) -> tuple[bytes, ...]:
    """Return the entries of a layer's annotation, none if it is not there, or raise `SealError`."""
    if name not in annotations:
        return ()
    entries = canonical.text(annotations[name], name).split(",")
    if len(entries) > limits.ENVELOPES:
        detail = f"{len(entries)} entries, limit {limits.ENVELOPES}"
        raise SealError(SealRefusal.ENVELOPE_COUNT, detail)
    return tuple(canonical.b64decode(entry, what=name) for entry in entries)


def _require_exact(data: bytes) -> None:
    """Accept a JWE for one recipient in canonical JSON, or raise `SealError`."""
    canonical.parse_canonical(data, limit_bytes=limits.JWE_BYTES, what="JWE")
    if len(Jwe.parse(data).recipients) != 1:
        raise SealError(SealRefusal.ENVELOPE_COUNT, "a JWE of ours is for one recipient")
