"""Evidence before verification: bytes with names, and how they travel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from attestation.encoding import b64decode, b64encode, canonical_json, sha256_digest
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_DEVICES_BYTES, MAX_EVENT_LOG_BYTES, MAX_PART_BYTES

_Parts = tuple[frozenset[str], frozenset[str]]


def _parts(required: str, optional: str = "") -> _Parts:
    return frozenset(required.split()), frozenset(optional.split())


# TEE -> (parts that must be there, parts that may be there); docs/specs say what
# each one holds. `devices` makes evidence composite.
# SNP: `vek` is the VCEK or VLEK as DER; without it, it is taken from `cert_table`.
PARTS: Final[Mapping[str, _Parts]] = MappingProxyType(
    {
        "snp": _parts("report", "vek cert_table devices"),
        "tdx": _parts("quote", "event_log devices"),
        "sgx": _parts("quote"),
        "nitro": _parts("document"),
        "cca": _parts("token", "devices"),
        "psa": _parts("token"),
        "tpm": _parts("quote signature pcrs", "ak_public ak_chain event_log"),
        "azure-snp": _parts("hcl_report quote signature pcrs vek", "event_log devices"),
        "azure-tdx": _parts("hcl_report quote signature pcrs td_quote", "event_log devices"),
        "nvidia": _parts("report chain"),
    }
)
_LIMITS: Final = MappingProxyType({"devices": MAX_DEVICES_BYTES, "event_log": MAX_EVENT_LOG_BYTES})
# Evidence of a device beside the processor: proves nothing about the guest alone.
DEVICE_TEES: Final = frozenset({"nvidia"})


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
            raise EvidenceError(
                Refusal.MALFORMED,
                "evidence is not an object with a tee, as collectors of ours write it",
            )
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
    limit = _LIMITS.get(name, MAX_PART_BYTES)
    if not isinstance(value, str) or len(value) > (limit + 2) // 3 * 4:
        raise EvidenceError(Refusal.MALFORMED, f"evidence part {name} is not a short string")
    return b64decode(value, what=f"evidence part {name}")
