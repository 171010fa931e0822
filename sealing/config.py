"""The CNCF Wasm config of an artifact, in the one form this project writes.

Source: cncf/tag-runtime `wgs/wasm/deliverables/wasm-oci-artifact`, "Config".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal

ARCHITECTURE: Final = "wasm"
OS: Final = "wasip1"


@dataclass(frozen=True, slots=True)
class ModuleConfig:
    """A core module for WASI preview 1, and the digest of its plaintext."""

    plaintext_digest: str

    def to_bytes(self) -> bytes:
        """Return the canonical JSON of the config blob."""
        return canonical.encode(
            {"architecture": ARCHITECTURE, "layerDigests": [self.plaintext_digest], "os": OS}
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the config whose canonical form is `data`, or raise `SealError`."""
        what = "config"
        value = canonical.parse_canonical(data, limit_bytes=limits.CONFIG_BYTES, what=what)
        value = canonical.members(value, ("architecture", "layerDigests", "os"), what)
        if (value["architecture"], value["os"]) != (ARCHITECTURE, OS):
            raise SealError(SealRefusal.PLATFORM, f"expected {ARCHITECTURE} on {OS}")
        digests = value["layerDigests"]
        if not isinstance(digests, list) or len(digests) != 1:
            raise SealError(SealRefusal.LAYER_COUNT, "config does not list exactly one layer")
        return cls(canonical.parse_digest(digests[0], what="layerDigests"))
