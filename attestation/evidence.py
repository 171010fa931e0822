"""Evidence before verification: bytes with names, and how they travel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from attestation.encoding import b64decode, b64encode, canonical_json, sha256_digest
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_PART_BYTES

# TEE -> (parts that must be there, parts that may be there).
# SNP: `vek` is the VCEK or VLEK as DER; without it, it is taken from `cert_table`.
PARTS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = MappingProxyType(
    {"snp": (frozenset({"report"}), frozenset({"vek", "cert_table"}))}
)


@dataclass(frozen=True, slots=True)
class UnverifiedEvidence:
    """Bytes from the network. Has no accessor for any claim, on purpose."""

    tee: str
    parts: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", MappingProxyType(dict(self.parts)))

    @classmethod
    def from_wire(cls, document: Any) -> UnverifiedEvidence:
        """Return the evidence in `{"tee": ..., "<part>": base64, ...}`.

        Nothing inside the parts is looked at. Raises `EvidenceError`: `unsupported` for a TEE this
        build does not know, `malformed` for unknown, missing, oversized or badly encoded parts.
        """
        if not isinstance(document, dict) or not isinstance(document.get("tee"), str):
            raise EvidenceError(Refusal.MALFORMED, "evidence is not an object with a tee")
        tee = document["tee"]
        if tee not in PARTS:
            raise EvidenceError(Refusal.UNSUPPORTED, "tee is not one this build knows")
        required, optional = PARTS[tee]
        names = document.keys() - {"tee"}
        if not required <= names or not names <= required | optional:
            raise EvidenceError(Refusal.MALFORMED, f"evidence parts are not those of {tee}")
        return cls(tee, {name: _part(document[name], name) for name in names})

    def to_wire(self) -> dict[str, str]:
        """Return the JSON object `from_wire` reads."""
        return {"tee": self.tee} | {name: b64encode(part) for name, part in self.parts.items()}

    @property
    def digest(self) -> str:
        """`sha256:<hex>` over the RFC 8785 form of the wire object."""
        return sha256_digest(canonical_json(self.to_wire()))


def _part(value: Any, name: str) -> bytes:
    # 4 characters for 3 bytes; refused before decoding.
    if not isinstance(value, str) or len(value) > (MAX_PART_BYTES + 2) // 3 * 4:
        raise EvidenceError(Refusal.MALFORMED, f"evidence part {name} is not a short string")
    return b64decode(value, what=f"evidence part {name}")
