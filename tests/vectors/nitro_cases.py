"""What the Nitro vectors are made of: a good document, and ways to make one thing wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from attestation import cbor
from attestation.cose import parse_sign1
from attestation.simulated.authority import Authority, Period, derive_key, name_of
from attestation.simulated.nitro.document_writer import encode_map, encode_sign1, sign_raw
from attestation.simulated.nitro.enclave import SimulatedEnclave
from attestation.simulated.nitro.faults import Fault
from attestation.simulated.nitro.platform import SimulatedNitroPlatform
from attestation.simulated.nitro.vendor import Vendor
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA
from tests.vectors.folder import ACCEPTED

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
VENDOR = Vendor(hashlib.sha384(b"nitro vendor").digest(), "7e57c0de", NOW)
ISSUERS = VENDOR.issuers()
ROOT, REGION, ZONE, INSTANCE = ISSUERS
LEAF = VENDOR.leaf(NOW, ISSUERS)
LEAF_KEY = LEAF.key.public_key()
P384 = ec.SECP384R1()
HOURS = Period(NOW - HOUR, NOW + 3 * HOUR)
USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
OTHER_KEY = derive_key(VENDOR.secret, "nobody", P384)


@dataclass(frozen=True)
class Case:
    """One folder: a document, what the caller gives, and what must come out."""

    name: str
    why: str
    expect: str
    stage: str
    document: bytes
    crls: tuple[bytes, ...] = ()
    anchors: str = "simulated"
    now: datetime = NOW
    policy: dict[str, Any] = field(default_factory=dict)
    report_data: bytes = REPORT_DATA
    claims: dict[str, Any] = field(default_factory=dict)


def enclave(*faults: str) -> SimulatedEnclave:
    """Return an enclave on the platform of these vectors, whose clock stands still."""
    platform = SimulatedNitroPlatform(VENDOR, lambda: NOW, frozenset(map(Fault, faults)))
    return platform.launch(MEASUREMENT)


def made_by(guest: SimulatedEnclave) -> bytes:
    return guest.attest(REPORT_DATA).parts["document"]


GOOD = made_by(enclave())
PAYLOAD = parse_sign1(cbor.decode(GOOD, what="document"), what="document").payload
MEMBERS: dict[str, Any] = cbor.decode(PAYLOAD, what="payload")


def good(name: str, why: str, document: bytes = GOOD, **options: Any) -> Case:
    """Return an accepted case."""
    return replace(Case(name, why, ACCEPTED, "claims", document), **options)


def bad(name: str, why: str, expect: str, stage: str, document: bytes = GOOD, **opts: Any) -> Case:
    """Return a refused case."""
    return replace(Case(name, why, expect, stage, document), **opts)


def faulty(name: str, why: str, expect: str, stage: str, fault: str) -> Case:
    """Return a refused case of a module with a fault."""
    return bad(name, why, expect, stage, made_by(enclave(fault)))


def saying(
    *,
    drop: Iterable[str] = (),
    key: ec.EllipticCurvePrivateKey = LEAF.key,
    indefinite: bool = False,
    **changes: Any,
) -> bytes:
    """Return a rightly signed document that says something else."""
    members = {name: value for name, value in MEMBERS.items() if name not in set(drop)} | changes
    return signed(encode_map(list(members.items()), indefinite=indefinite), key=key)


def signed(payload: bytes, key: ec.EllipticCurvePrivateKey = LEAF.key, **parts: Any) -> bytes:
    """Return a document with this payload; `parts` are those of `encode_sign1`."""
    protected = {"protected": parts["protected"]} if "protected" in parts else {}
    return encode_sign1(payload, sign_raw(key, payload, **protected), **parts)


def under(*issuers: Authority, leaf: bytes | None = None) -> bytes:
    """Return a document whose chain has these issuers, and this leaf with the usual key."""
    certificate = VENDOR.leaf(NOW, issuers).certificate if leaf is None else leaf
    return saying(certificate=certificate, cabundle=[one.certificate for one in issuers])


def certificate(
    issuer: Authority,
    *,
    extensions: Iterable[tuple[x509.ExtensionType, bool]],
    subject: x509.Name | None = None,
    key: ec.EllipticCurvePublicKey = LEAF_KEY,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """Return a certificate that no honest vendor would issue."""
    builder = x509.CertificateBuilder(
        issuer_name=issuer.name,
        subject_name=subject or name_of("SIMULATED-odd", organization="sealwasm simulated silicon"),
        public_key=key,
        serial_number=7,
        not_valid_before=HOURS.start,
        not_valid_after=HOURS.end,
    )
    for one, critical in extensions:
        builder = builder.add_extension(one, critical=critical)
    chosen = digest or hashes.SHA384()
    made = builder.sign(issuer.key, chosen, ecdsa_deterministic=True)  # type: ignore[arg-type]
    return made.public_bytes(Encoding.DER)


def usage(**bits: bool) -> x509.KeyUsage:
    """Return a key usage with only these bits."""
    return x509.KeyUsage(**(dict.fromkeys(USAGES, False) | bits))


def ca(**constraints: Any) -> x509.BasicConstraints:
    return x509.BasicConstraints(ca=True, **({"path_length": None} | constraints))


def issuer_with(*extensions: tuple[x509.ExtensionType, bool]) -> Authority:
    """Return an instance CA with exactly these extensions."""
    name = name_of("SIMULATED-odd issuer", organization="sealwasm simulated silicon")
    key = derive_key(VENDOR.secret, "odd issuer", P384)
    made = certificate(ZONE, extensions=extensions, subject=name, key=key.public_key())
    return Authority(name, key, made)
