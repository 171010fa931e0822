"""The software components that a platform measured while it started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from attestation.claims import ClaimValue
from attestation.limits import MAX_SOFTWARE_COMPONENTS
from attestation.verifiers.arm.reader import ClaimReader

HASH_SIZES: Final = frozenset({32, 48, 64})
# Components that have claims of their own; policies read a closed table of names.
NAMED_COMPONENTS: Final = 8
_TYPE, _MEASUREMENT, _VERSION, _SIGNER, _ALGORITHM = 1, 2, 4, 5, 6


@dataclass(frozen=True, slots=True)
class Component:
    """One component: its digest, and the digest of the key that signed it."""

    measurement: bytes
    signer: bytes
    kind: str | None
    version: str | None
    algorithm: str | None


def parse_components(claims: ClaimReader, key: int) -> tuple[Component, ...]:
    """Return the components in the order in which they are listed; none at all is refused."""
    listed = claims.array(key, "software components", MAX_SOFTWARE_COMPONENTS)
    return tuple(_component(one) for one in listed)


def _component(found: Any) -> Component:
    reader = ClaimReader(found, "software component")
    return Component(
        measurement=reader.octets(_MEASUREMENT, "measurement", HASH_SIZES),
        signer=reader.octets(_SIGNER, "signer", HASH_SIZES),
        kind=reader.optional_text(_TYPE, "type"),
        version=reader.optional_text(_VERSION, "version"),
        algorithm=reader.optional_text(_ALGORITHM, "hash algorithm"),
    )


def component_claims(components: Sequence[Component]) -> Mapping[str, ClaimValue]:
    """Return count, all digests, and the parts of the first eight components."""
    values: dict[str, ClaimValue] = {
        "sw-components": len(components),
        "sw-measurements": ",".join(one.measurement.hex() for one in components),
    }
    for number, one in enumerate(components[:NAMED_COMPONENTS]):
        prefix = f"platform.sw.{number}"
        values[f"{prefix}.measurement"] = one.measurement.hex()
        values[f"{prefix}.signer"] = one.signer.hex()
        for name, text in (("type", one.kind), ("version", one.version)):
            if text is not None:
                values[f"{prefix}.{name}"] = text
    return MappingProxyType(values)
