"""What the CCA vectors are made of: a good token, and ways to make one thing wrong with it."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from attestation import cbor
from attestation.cbor import Tagged
from attestation.simulated.arm.device import Device, components, sign1
from attestation.simulated.authority import derive_key
from attestation.simulated.cca.faults import Fault
from attestation.simulated.cca.guest import SimulatedRealm
from attestation.simulated.cca.token_writer import (
    collection,
    encode_key,
    name_of_key,
    platform_claims,
    realm_claims,
)
from attestation.verifiers.cca import realm as r
from tests.vectors.arm_cases import (
    MEASUREMENT,
    REAL_IDS,
    REPORT_DATA,
    Case,
    changed,
    root_of,
)
from tests.vectors.folder import ACCEPTED

Key = ec.EllipticCurvePrivateKey

DEVICE = Device("cpak", "5eed0cca", ec.SECP384R1(), bytes(range(48)))
OTHER = Device("cpak", "5eed0cca", ec.SECP384R1(), bytes(range(1, 49)))
RAK = DEVICE.derived("rak")
STRANGER = derive_key(b"stranger", "rak", ec.SECP384R1())
P256 = derive_key(bytes(48), "cpak", ec.SECP256R1())
P521 = derive_key(bytes(48), "cpak", ec.SECP521R1())
COMPONENT = components()[0]


def build(
    *,
    platform: dict[int, Any] | None = None,
    realm: dict[int, Any] | None = None,
    key: Key = DEVICE.key,
    rak: Key = RAK,
    algorithms: tuple[int | None, int | None] = (None, None),
    old: bool = False,
    wrapped: bool = False,
    real: bool = False,
) -> bytes:
    """Return a rightly signed token that differs from the good one in these claims."""
    said = changed(realm_claims(REPORT_DATA, MEASUREMENT, RAK.public_key(), old=old), realm)
    ids = REAL_IDS if real else DEVICE.ids
    name = name_of_key(said) if r.PUBLIC_KEY in said else bytes(32)
    tokens = (
        sign1(cbor.encode(one), signer, algorithm=algorithm)
        for one, signer, algorithm in (
            (changed(platform_claims(ids, name, old=old), platform), key, algorithms[0]),
            (said, rak, algorithms[1]),
        )
    )
    return collection(*tokens, wrapped=wrapped)


def members(change: dict[int, Any], *, tag: int = 399) -> bytes:
    """Return the good token with other members of its collection."""
    found = cbor.decode(build(), what="token").value
    return cbor.encode(Tagged(tag, changed(found, change)))


def message(change: dict[int, Any], *, tag: int = 18) -> bytes:
    """Return the good token with other parts of the platform's COSE_Sign1, by their position."""
    found = cbor.decode(build(), what="token").value
    parts = cbor.decode(found[44234], what="platform").value
    parts = [change.get(number, one) for number, one in enumerate(parts)]
    return cbor.encode(Tagged(399, found | {44234: cbor.encode(Tagged(tag, parts))}))


def good(name: str, why: str, token: bytes | None = None, **options: Any) -> Case:
    options = {"root": root_of(DEVICE)} | options
    return Case(name, why, ACCEPTED, "claims", build() if token is None else token, **options)


def bad(name: str, why: str, code: str, stage: str, token: bytes, **options: Any) -> Case:
    return Case(name, why, code, stage, token, **{"root": root_of(DEVICE)} | options)


def fault(name: str, why: str, code: str, stage: str, **options: Any) -> Case:
    realm = SimulatedRealm(DEVICE, MEASUREMENT).with_fault(Fault(options.pop("fault", name)))
    return bad(name, why, code, stage, realm.attest(REPORT_DATA).parts["token"], **options)


def of_platform(name: str, why: str, code: str, **platform: Any) -> Case:
    claims = {int(key[1:]): value for key, value in platform.items()}
    return bad(name, why, code, "platform", build(platform=claims))


def of_realm(name: str, why: str, code: str, **realm: Any) -> Case:
    claims = {int(key[1:]): value for key, value in realm.items()}
    return bad(name, why, code, "realm", build(realm=claims))


def of_key(name: str, why: str, value: Any, code: str = "malformed", **options: Any) -> Case:
    return bad(name, why, code, "realm-key", build(realm={r.PUBLIC_KEY: value}, **options))


def cose_key(**changes: Any) -> bytes:
    named = {"kty": 1, "crv": -1, "x": -2, "y": -3, "d": -4}
    return cbor.encode(
        changed(
            cbor.decode(encode_key(RAK.public_key()), what="key"),
            {named[name]: value for name, value in changes.items()},
        )
    )
