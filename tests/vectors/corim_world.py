"""What the CoRIM vectors are made of: a good document, and ways to make one thing wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from attestation import cbor
from attestation.cbor import Tagged
from attestation.simulated.arm.device import sign1
from attestation.simulated.authority import derive_key
from tests.vectors.arm_cases import REMOVED, changed, jwk
from tests.vectors.folder import ACCEPTED

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = derive_key(b"maker", "corim")
OTHER = derive_key(b"other", "corim")
RIM = bytes(range(48))
SNP_DIGEST = bytes(range(100, 148))
IMPLEMENTATION = bytes(range(32))
SNP = Tagged(32, "tag:amd.com,2024:snp-corim-profile")
PLATFORM = Tagged(32, "tag:arm.com,2025:cca_platform#1.0.0")
REALM = Tagged(32, "tag:arm.com,2025:cca_realm#1.0.0")
SNP_CLASS = {0: Tagged(111, bytes.fromhex("2b060104019c780301"))}


def at(moment: datetime) -> Tagged:
    return Tagged(1, int(moment.timestamp()))


PERIOD = {0: at(datetime(2026, 1, 1, tzinfo=UTC)), 1: at(datetime(2027, 1, 1, tzinfo=UTC))}
PAST = {1: at(datetime(2026, 11, 1, tzinfo=UTC))}
FUTURE = {0: at(datetime(2026, 12, 1, tzinfo=UTC)), 1: at(datetime(2027, 1, 1, tzinfo=UTC))}
META: dict[Any, Any] = {0: {0: "Maker", 1: Tagged(32, "https://maker.invalid")}, 1: PERIOD}
MEASUREMENT: dict[Any, Any] = {0: 641, 1: {2: [[7, SNP_DIGEST]]}}
ENVIRONMENT: dict[Any, Any] = {0: SNP_CLASS}


def comid(change: dict[Any, Any] | None = None, *, triples: Any = None) -> dict[Any, Any]:
    """Return a CoMID with one SNP reference value."""
    kinds = {0: [[ENVIRONMENT, [MEASUREMENT]]]} if triples is None else triples
    found = {0: "en", 1: {0: bytes(16), 1: 2}, 2: [{0: "Maker", 2: [0]}], 4: kinds}
    return changed(found, change)


def manifest(change: dict[Any, Any] | None = None, *, of: Any = None) -> bytes:
    """Return the bytes that are signed: a manifest of one CoMID."""
    inner = cbor.encode(comid() if of is None else of)
    found = {0: "maker of things", 1: [Tagged(506, inner)], 3: SNP}
    return cbor.encode(Tagged(501, changed(found, change)))


def measured(change: dict[Any, Any], outer: dict[Any, Any] | None = None) -> bytes:
    """Return a manifest whose measurement has other members; `outer` changes the manifest."""
    triples = {0: [[ENVIRONMENT, [changed(MEASUREMENT, change)]]]}
    return manifest(outer, of=comid(triples=triples))


def valued(values: dict[Any, Any]) -> bytes:
    """Return a manifest of no known profile whose measurement has these values."""
    return measured({0: "x", 1: values}, {3: REMOVED})


def placed(environment: Any) -> bytes:
    """Return a manifest of no known profile with another environment."""
    triples = {0: [[environment, [{1: {11: "x"}}]]]}
    return manifest({3: REMOVED}, of=comid(triples=triples))


def of_profile(profile: Tagged, *triples: Any, kind: int = 0) -> bytes:
    """Return a manifest of a profile with these triples."""
    return manifest({3: profile}, of=comid(triples={kind: list(triples)}))


def sealed(
    payload: bytes | None = None,
    *,
    header: dict[int, Any] | None = None,
    key: ec.EllipticCurvePrivateKey = KEY,
    meta: Any = META,
) -> bytes:
    """Return the signed document; `header` changes what its protected header says."""
    protected = changed({1: -7, 3: "application/rim+cbor", 8: cbor.encode(meta)}, header)
    return sign1(manifest() if payload is None else payload, key, protected=protected)


@dataclass(frozen=True)
class Case:
    """One folder: a document, the key, the time, and what must come out."""

    name: str
    why: str
    expect: str
    stage: str
    corim: bytes
    key: bytes | None = json.dumps(jwk(KEY)).encode()
    now: datetime = NOW
    references: list[list[str]] = field(default_factory=list)


def good(name: str, why: str, corim: bytes, **options: Any) -> Case:
    options = {"references": [["snp", SNP_DIGEST.hex()]]} | options
    return Case(name, why, ACCEPTED, "corim", corim, **options)


def bad(
    name: str, why: str, stage: str, corim: bytes, code: str = "malformed", **more: Any
) -> Case:
    return Case(name, why, code, stage, corim, **more)
