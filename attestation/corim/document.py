"""A CoRIM without a signature: manifest, module identifiers, triples."""

from __future__ import annotations

from typing import Any, Final

from attestation import cbor
from attestation.cbor import Budget, Tagged
from attestation.corim import measurements, reader
from attestation.corim.model import Comid, Corim, KeyTriple, ReferenceTriple
from attestation.corim.profiles import check_profile
from attestation.corim.reader import MapReader, malformed
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CORIM_BYTES, MAX_CORIM_VALUES

UNSIGNED: Final = 501
COMID: Final = 506
# CoSWID and lists of trusted tags.
_OTHER_TAGS: Final = frozenset({505, 508})
_TRIPLES: Final = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 8, 10})
_REFERENCES: Final = 0
_ATTEST_KEYS: Final = 3


def parse_corim(data: bytes) -> Corim:
    """Return what an unsigned CoRIM says, or raise `malformed` or `trailing-data`.

    Not checked: who wrote it (`attestation.corim.signed.verify_corim` does), and its dates.
    """
    check_length(data)
    budget = Budget(MAX_CORIM_VALUES)
    return parse_manifest(cbor.decode(data, what="CoRIM", budget=budget), budget)


def check_length(data: bytes) -> None:
    """Refuse what is too long to be a CoRIM."""
    if len(data) > MAX_CORIM_BYTES:
        raise EvidenceError(Refusal.MALFORMED, f"CoRIM is longer than {MAX_CORIM_BYTES} bytes")


def parse_manifest(value: Any, budget: Budget) -> Corim:
    """Return the manifest of a decoded value under tag 501."""
    if not isinstance(value, Tagged) or value.tag != UNSIGNED:
        raise EvidenceError(Refusal.MALFORMED, "CoRIM is not under tag 501")
    found = MapReader(value.value, "manifest", range(6))
    tags = reader.items(found.take(1, "tags"), "tags")
    comids = [_comid(tag, budget) for tag in tags if _is_comid(tag)]
    found.read(2, "dependent RIMs", _check_locators)
    corim = Corim(
        corim_id=reader.identifier(found.take(0, "id"), "id"),
        profile=found.read(3, "profile", reader.profile),
        validity=found.read(4, "validity", reader.validity),
        comids=tuple(comids),
        entities=found.read(5, "entities", _entities) or (),
        others=len(tags) - len(comids),
        extensions=found.extensions,
    )
    check_profile(corim)
    return corim


def _is_comid(tag: Any) -> bool:
    if not isinstance(tag, Tagged) or tag.tag not in {COMID, *_OTHER_TAGS}:
        raise malformed("tags", "hold something that is no tag")
    return tag.tag == COMID


def _comid(tag: Tagged, budget: Budget) -> Comid:
    data = reader.octets(tag.value, "CoMID")
    value = cbor.decode(data, what="CoMID", budget=budget)
    found = MapReader(value, "CoMID", range(5))
    found.read(0, "language", reader.text)
    found.read(2, "entities", _entities)
    found.read(3, "linked tags", _check_links)
    identity = MapReader(found.take(1, "identity"), "CoMID identity", range(2))
    triples = MapReader(found.take(4, "triples"), "triples", _TRIPLES)
    triples.require_some()
    references = triples.read(_REFERENCES, "reference values", _references) or ()
    keys = triples.read(_ATTEST_KEYS, "attestation keys", _keys) or ()
    return Comid(
        tag_id=reader.identifier(identity.take(0, "id"), "CoMID id"),
        tag_version=identity.read(1, "version", reader.count) or 0,
        references=references,
        keys=keys,
        others=sum(len(triples.read(kind, "triples", reader.items) or ()) for kind in _UNREAD),
    )


_UNREAD: Final = sorted(_TRIPLES - {_REFERENCES, _ATTEST_KEYS})


def _references(value: Any, what: str) -> tuple[ReferenceTriple, ...]:
    return tuple(_reference(one, what) for one in reader.items(value, what))


def _reference(value: Any, what: str) -> ReferenceTriple:
    if not isinstance(value, list) or len(value) != 2:
        raise malformed(what, "are not pairs of environment and measurements")
    listed = reader.items(value[1], f"{what}: measurements")
    return ReferenceTriple(
        measurements.environment(value[0], "environment"),
        tuple(measurements.measurement(one, "measurement") for one in listed),
    )


def _keys(value: Any, what: str) -> tuple[KeyTriple, ...]:
    return tuple(_key_triple(one, what) for one in reader.items(value, what))


def _key_triple(value: Any, what: str) -> KeyTriple:
    # A third member has conditions, under which nothing here would look.
    if not isinstance(value, list) or len(value) != 2:
        raise malformed(what, "are not pairs of environment and keys")
    return KeyTriple(
        measurements.environment(value[0], "environment"), measurements.key_list(value[1], what)
    )


def _entities(value: Any, what: str) -> tuple[str, ...]:
    return tuple(_entity(one, what) for one in reader.items(value, what))


def _entity(value: Any, what: str) -> str:
    found = MapReader(value, what, range(3))
    found.read(1, "registration id", reader.uri)
    for role in reader.items(found.take(2, "roles"), f"{what}: roles"):
        reader.count(role, f"{what}: role")
    return reader.text(found.take(0, "name"), f"{what}: name")


def _check_links(value: Any, what: str) -> None:
    for one in reader.items(value, what):
        found = MapReader(one, what, range(2))
        reader.identifier(found.take(0, "id"), what)
        reader.count(found.take(1, "relation"), what)


def _check_locators(value: Any, what: str) -> None:
    for one in reader.items(value, what):
        target = MapReader(one, what, range(2)).take(0, "location")
        for place in target if isinstance(target, list) else [target]:
            reader.uri(place, what)
