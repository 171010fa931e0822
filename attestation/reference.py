"""Reference values: the measurements we know, by TEE, with the name of what each one is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from attestation.encoding import canonical_json, parse_json, sha256_digest
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import PARTS
from attestation.limits import MAX_REFERENCE_BYTES, MAX_REFERENCE_VALUES

_FORMAT: Final = "sealwasm/reference-values/v1"
# Payload type of the DSSE envelope around a signed document.
REFERENCES_TYPE: Final = "application/vnd.sealwasm.reference-values.v1+json"
_MEASUREMENT: Final = re.compile(r"(?:[0-9a-f]{2}){32,64}")
_ANY_HASH: Final = frozenset({32, 48, 64})
# How many bytes the measurement in a TEE's evidence has.
MEASUREMENT_SIZES: Final[Mapping[str, frozenset[int]]] = MappingProxyType(
    dict.fromkeys(PARTS, _ANY_HASH)
    | dict.fromkeys(("snp", "tdx", "nitro", "azure-snp", "azure-tdx"), frozenset({48}))
    | dict.fromkeys(("sgx", "psa"), frozenset({32}))
)
_MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """One known measurement and what it is, such as "sealwasm runner 0.1.0"."""

    tee: str
    measurement: bytes
    name: str


@dataclass(frozen=True, slots=True)
class ReferenceValues:
    """A set of known measurements. An empty set recognises nothing."""

    values: tuple[ReferenceValue, ...]
    _names: Mapping[tuple[str, bytes], str] = field(repr=False)

    @classmethod
    def of(cls, values: Iterable[ReferenceValue]) -> ReferenceValues:
        """Return the set; raise `EvidenceError` if a measurement is named twice."""
        known = tuple(sorted(values, key=lambda one: (one.tee, one.measurement)))
        names = {(one.tee, one.measurement): one.name for one in known}
        if len(names) != len(known) or len(known) > MAX_REFERENCE_VALUES:
            raise _malformed("a measurement is there twice, or there are too many")
        return cls(known, MappingProxyType(names))

    @classmethod
    def parse(cls, data: bytes) -> ReferenceValues:
        """Return the set in a document of ours.

        Not checked: who wrote it; signatures lie around it, not in it. Raises `EvidenceError` for
        unknown members, unknown TEEs, measurements that are not lower-case hex, and repetitions.
        """
        document = parse_json(data, limit_bytes=MAX_REFERENCE_BYTES, what="reference values")
        if not isinstance(document, dict) or document.keys() != {"format", "values"}:
            raise _malformed("not an object of format and values")
        if document["format"] != _FORMAT or not isinstance(document["values"], list):
            raise _malformed(f"format is not {_FORMAT}, or values is no list")
        return cls.of(parse_value(item) for item in document["values"])

    def to_bytes(self) -> bytes:
        """Return the document that `parse` reads, in its RFC 8785 form."""
        values = [
            {"measurement": one.measurement.hex(), "name": one.name, "tee": one.tee}
            for one in self.values
        ]
        return canonical_json({"format": _FORMAT, "values": values})

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of the document."""
        return sha256_digest(self.to_bytes())

    def has_any_for(self, tee: str) -> bool:
        """Return whether there is any value for this TEE."""
        return any(one.tee == tee for one in self.values)

    def name_of(self, tee: str, measurement: bytes) -> str | None:
        """Return what a measurement is, or None if it is not known."""
        return self._names.get((tee, measurement))


def parse_value(item: Any) -> ReferenceValue:
    """Return one value, `{"measurement": hex, "name", "tee"}`; raise `malformed` otherwise."""
    if not isinstance(item, dict) or item.keys() != {"measurement", "name", "tee"}:
        raise _malformed("a value is not an object of measurement, name and tee")
    tee, measurement, name = item["tee"], item["measurement"], item["name"]
    if tee not in PARTS:
        raise _malformed("a value is for an unknown tee")
    if not isinstance(measurement, str) or not _MEASUREMENT.fullmatch(measurement):
        raise _malformed("a measurement is not lower-case hex of 32 to 64 bytes")
    if len(measurement) // 2 not in MEASUREMENT_SIZES[tee]:
        raise _malformed(f"a measurement has a length that evidence of {tee} never has")
    if not isinstance(name, str) or not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
        raise _malformed("a name is empty, too long or not printable")
    return ReferenceValue(tee, bytes.fromhex(measurement), name)


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"reference values: {detail}")
