"""What a CoRIM says, typed. Reading one says nothing about who wrote it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from attestation.cbor import Tagged

# Tags of identifiers (draft-ietf-rats-corim, "CBOR tags").
UUID: Final = 37
OID: Final = 111
UEID: Final = 550
BYTES: Final = 560

# Digest algorithms by their number in the IANA Named Information registry.
SHA256: Final = 1
SHA384: Final = 7
SHA512: Final = 8

MeasurementKey = int | str | Tagged | None
Digest = tuple[int | str, bytes]


@dataclass(frozen=True, slots=True)
class Validity:
    """From when (None: always) to when something counts."""

    not_before: datetime | None
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Environment:
    """What is measured: a class of things, one thing, or a group of them."""

    class_id: Tagged | None = None
    vendor: str | None = None
    model: str | None = None
    layer: int | None = None
    index: int | None = None
    instance: Tagged | None = None
    group: Tagged | None = None

    @property
    def label(self) -> str:
        """Vendor and model, as far as they are named."""
        return " ".join(one for one in (self.vendor, self.model) if one)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured thing and the values it should have. `least_svn`: or any above it."""

    key: MeasurementKey = None
    version: str | None = None
    svn: int | None = None
    least_svn: int | None = None
    digests: tuple[Digest, ...] = ()
    raw: bytes | None = field(default=None, repr=False)
    mask: bytes | None = field(default=None, repr=False)
    name: str | None = None
    keys: tuple[Tagged, ...] = field(default=(), repr=False)
    extensions: int = 0


@dataclass(frozen=True, slots=True)
class ReferenceTriple:
    """An environment and its reference values."""

    environment: Environment
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True)
class KeyTriple:
    """An environment and the keys with which it attests: (tag, value) as in the document."""

    environment: Environment
    keys: tuple[Tagged, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Comid:
    """One concise module identifier. `others`: triples of kinds that are not read here."""

    tag_id: str
    tag_version: int
    references: tuple[ReferenceTriple, ...]
    keys: tuple[KeyTriple, ...]
    others: int


@dataclass(frozen=True, slots=True)
class Corim:
    """One manifest. `others`: tags of kinds that are not read here, such as CoSWID."""

    corim_id: str
    profile: str | None
    validity: Validity | None
    comids: tuple[Comid, ...]
    entities: tuple[str, ...]
    others: int
    extensions: int
