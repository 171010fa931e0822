"""Environments and measurements of a CoMID (draft-ietf-rats-corim section 5.1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attestation.cbor import Tagged
from attestation.corim.model import (
    BYTES,
    OID,
    SHA256,
    SHA384,
    SHA512,
    UEID,
    UUID,
    Digest,
    Environment,
    Measurement,
    MeasurementKey,
)
from attestation.corim.reader import MapReader, count, items, malformed, octets, text

SVN: Final = 552
LEAST_SVN: Final = 553
MASKED: Final = 563
KEY_TAGS: Final = frozenset({554, 555, 556, 557, 558, 559, 560, 561, 562})
_CLASS_TAGS: Final = frozenset({OID, UUID, BYTES})
_INSTANCE_TAGS: Final = frozenset({UEID, UUID, BYTES, 554, 555, 557, 558, 559, 562})
_GROUP_TAGS: Final = frozenset({UUID, BYTES})
_MEASURED_TAGS: Final = frozenset({OID, UUID})
_ID_SIZES: Final[Mapping[int, range]] = {UUID: range(16, 17), UEID: range(7, 34)}
# Tags whose value is a byte string.
_OCTET_TAGS: Final = frozenset({OID, UUID, UEID, BYTES})
_DIGEST_BYTES: Final[Mapping[Any, int]] = {
    SHA256: 32,
    SHA384: 48,
    SHA512: 64,
    # SHA-256 cut short, then SHA-3.
    **dict(zip((2, 3, 4, 5, 6, 9, 10, 11, 12), (16, 15, 12, 8, 4, 28, 32, 48, 64), strict=True)),
    "sha-256": 32,
    "sha-384": 48,
    "sha-512": 64,
}
_FLAGS: Final = range(11)


def environment(value: Any, what: str) -> Environment:
    """Return an environment, or raise `malformed`."""
    found = MapReader(value, what, range(3))
    found.require_some()
    of_class = MapReader(found.take(0, "class") if found.has(0) else {}, f"{what} class", range(5))
    if found.has(0):
        of_class.require_some()
    return Environment(
        class_id=of_class.read(0, "id", lambda one, name: tagged(one, name, _CLASS_TAGS)),
        vendor=of_class.read(1, "vendor", text),
        model=of_class.read(2, "model", text),
        layer=of_class.read(3, "layer", count),
        index=of_class.read(4, "index", count),
        instance=found.read(1, "instance", lambda one, name: tagged(one, name, _INSTANCE_TAGS)),
        group=found.read(2, "group", lambda one, name: tagged(one, name, _GROUP_TAGS)),
    )


def measurement(value: Any, what: str) -> Measurement:
    """Return a measurement, or raise `malformed`. Who may change it is not read."""
    found = MapReader(value, what, range(3))
    found.read(2, "authorized-by", key_list)
    values = MapReader(found.take(1, "values"), f"{what} values", {*range(12), 13, 14, 15})
    values.require_some()
    raw, mask = values.read(4, "raw value", _raw) or (None, None)
    mask = values.read(5, "mask", octets) or mask
    if mask is not None and (raw is None or len(mask) != len(raw)):
        raise malformed(what, "has a mask that is not of its raw value")
    svn, least_svn = values.read(1, "svn", _svn) or (None, None)
    values.read(3, "flags", _check_flags)
    return Measurement(
        key=found.read(0, "key", _key),
        version=values.read(0, "version", _version),
        svn=svn,
        least_svn=least_svn,
        digests=values.read(2, "digests", _digests) or (),
        raw=raw,
        mask=mask,
        name=values.read(11, "name", text),
        keys=values.read(13, "keys", key_list) or (),
        extensions=values.extensions + found.extensions,
    )


def tagged(value: Any, what: str, tags: frozenset[int]) -> Tagged:
    """Return an identifier under one of `tags`."""
    if not isinstance(value, Tagged) or value.tag not in tags:
        raise malformed(what, "is of no known type")
    if value.tag in _OCTET_TAGS:
        size = len(octets(value.value, what))
        if size not in _ID_SIZES.get(value.tag, range(1, size + 1)):
            raise malformed(what, f"has {size} bytes")
    return value


def key_list(value: Any, what: str) -> tuple[Tagged, ...]:
    """Return keys or their digests, each under its tag."""
    return tuple(tagged(one, what, KEY_TAGS) for one in items(value, what))


def _key(value: Any, what: str) -> MeasurementKey:
    if isinstance(value, Tagged):
        return tagged(value, what, _MEASURED_TAGS)
    return text(value, what) if isinstance(value, str) else count(value, what)


def _version(value: Any, what: str) -> str:
    return text(MapReader(value, what, range(2)).take(0, "version"), what)


def _svn(value: Any, what: str) -> tuple[int | None, int | None]:
    if isinstance(value, Tagged) and value.tag == LEAST_SVN:
        return None, count(value.value, what)
    if isinstance(value, Tagged) and value.tag == SVN:
        value = value.value
    return count(value, what), None


def _digests(value: Any, what: str) -> tuple[Digest, ...]:
    found = tuple(_digest(one, what) for one in items(value, what))
    if len({algorithm for algorithm, _ in found}) != len(found):
        raise malformed(what, "name an algorithm twice")
    return found


def _digest(value: Any, what: str) -> Digest:
    if not isinstance(value, list) or len(value) != 2:
        raise malformed(what, "are not pairs of algorithm and digest")
    algorithm, digest = value
    if not isinstance(algorithm, int | str) or isinstance(algorithm, bool):
        raise malformed(what, "have an algorithm that is no name")
    size = len(octets(digest, what))
    if size != _DIGEST_BYTES.get(algorithm, size) or not size:
        raise malformed(what, f"have {size} bytes for algorithm {algorithm}")
    return algorithm, digest


def _raw(value: Any, what: str) -> tuple[bytes, bytes | None]:
    if isinstance(value, Tagged) and value.tag == MASKED:
        pair = items(value.value, what)
        if len(pair) != 2:
            raise malformed(what, "is not a pair of value and mask")
        return octets(pair[0], what), octets(pair[1], what)
    return tagged(value, what, frozenset({BYTES})).value, None


def _check_flags(value: Any, what: str) -> None:
    MapReader(value, what, _FLAGS).require_some()
    if not all(isinstance(one, bool) for one in value.values()):
        raise malformed(what, "are not true or false")
