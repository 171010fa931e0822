"""Certificates and lists with the layout of AMD's: ARK, ASK, ASVK, VCEK, VLEK, CRL."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from attestation.simulated import der_writer as w
from attestation.simulated.signers import CaSigner
from attestation.verifiers.snp.products import Product
from attestation.x509 import der
from attestation.x509.certificate import BASIC_CONSTRAINTS, KEY_USAGE
from attestation.x509.signatures import PSS_SHA384, PSS_SHA384_WITH_TRAILER

_AMD: Final = "1.3.6.1.4.1.3704.1"
_SUBJECT_KEY_ID: Final = "2.5.29.14"
_AUTHORITY_KEY_ID: Final = "2.5.29.35"
_CRL_NUMBER: Final = "2.5.29.20"
_CRL_REASON: Final = "2.5.29.21"
_P384: Final = "1.3.132.0.34"
_CERT_SIGN: Final = bytes.fromhex("03020204")
_CERT_AND_CRL_SIGN: Final = bytes.fromhex("03020106")
# Order in which AMD writes the SPL extensions; 9 leads on Turin.
_SPL_ORDER: Final = (9, 1, 2, 4, 5, 6, 7, 3, 8)
_SPL_PARTS: Final = {1: "bootloader", 2: "tee", 3: "snp", 8: "microcode", 9: "fmc"}


@dataclass(frozen=True, slots=True)
class Issuer:
    """A CA that signs: its name and key."""

    name: bytes
    signer: CaSigner = field(repr=False)


@dataclass(frozen=True, slots=True)
class Validity:
    """First and last second."""

    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class VekSubject:
    """What a VEK certificate certifies. `chip_id` makes it a VCEK, `csp_id` a VLEK."""

    product: Product
    name: bytes
    key: bytes = field(repr=False)
    tcb: bytes
    chip_id: bytes | None = None
    csp_id: str | None = None


def build_ca(
    issuer: Issuer, subject: Issuer, *, serial: int, validity: Validity, is_root: bool
) -> bytes:
    """Return an ARK (`is_root`, issuer and subject are the same) or an ASK or ASVK."""
    constraints = w.sequence(w.tlv(der.BOOLEAN, b"\xff"), b"" if is_root else w.integer(0))
    extensions = [
        w.extension(_SUBJECT_KEY_ID, w.octets(_key_id(subject.signer.spki))),
        w.extension(BASIC_CONSTRAINTS, constraints, critical=True),
        w.extension(KEY_USAGE, _CERT_AND_CRL_SIGN if is_root else _CERT_SIGN, critical=True),
    ]
    if not is_root:
        extensions.insert(1, _authority(issuer))
    return _certificate(
        issuer,
        PSS_SHA384_WITH_TRAILER,
        serial=serial,
        validity=validity,
        subject=subject.name,
        spki=subject.signer.spki,
        extensions=extensions,
    )


def build_vek(issuer: Issuer, subject: VekSubject, *, validity: Validity) -> bytes:
    """Return a VCEK or VLEK certificate: serial number 0, raw hardware id, AMD's extensions."""
    spki = w.sequence(w.sequence(w.oid("1.2.840.10045.2.1"), w.oid(_P384)), w.bits(subject.key))
    return _certificate(
        issuer,
        PSS_SHA384,
        serial=0,
        validity=validity,
        subject=subject.name,
        spki=spki,
        extensions=_vek_extensions(subject),
    )


def build_crl(
    issuer: Issuer, *, validity: Validity, revoked: Sequence[int] = (), on_hold: bool = False
) -> bytes:
    """Return the ARK's revocation list of CA serial numbers."""
    hold = w.sequence(w.extension(_CRL_REASON, w.tlv(der.ENUMERATED, b"\x06"))) if on_hold else b""
    entries = [w.sequence(w.integer(one), w.time(validity.not_before), hold) for one in revoked]
    extensions = w.sequence(_authority(issuer), w.extension(_CRL_NUMBER, w.integer(1)))
    tbs = w.sequence(
        w.integer(1),
        PSS_SHA384_WITH_TRAILER,
        issuer.name,
        w.time(validity.not_before),
        w.time(validity.not_after),
        w.sequence(*entries) if entries else b"",
        w.tlv(der.context(0), extensions),
    )
    return w.sequence(tbs, PSS_SHA384_WITH_TRAILER, w.bits(issuer.signer.sign(tbs)))


def _certificate(
    issuer: Issuer,
    algorithm: bytes,
    *,
    serial: int,
    validity: Validity,
    subject: bytes,
    spki: bytes,
    extensions: Sequence[bytes],
) -> bytes:
    tbs = w.sequence(
        w.tlv(der.context(0), w.integer(2)),
        w.integer(serial),
        algorithm,
        issuer.name,
        w.sequence(w.time(validity.not_before), w.time(validity.not_after)),
        subject,
        spki,
        w.tlv(der.context(3), w.sequence(*extensions)),
    )
    return w.sequence(tbs, algorithm, w.bits(issuer.signer.sign(tbs)))


def _vek_extensions(subject: VekSubject) -> list[bytes]:
    product = subject.product
    turin = "fmc" in product.tcb
    title = product.title if subject.chip_id is None or turin else f"{product.title}-B0"
    found = [
        w.extension(f"{_AMD}.1", w.integer(1 if turin else 0)),
        w.extension(f"{_AMD}.2", w.ia5(title)),
    ]
    offsets = dict(product.tcb_reserved) | {
        number: product.tcb[part] for number, part in _SPL_PARTS.items() if part in product.tcb
    }
    for number in _SPL_ORDER:
        if number in offsets:
            value = subject.tcb[offsets[number]]
            found.append(w.extension(f"{_AMD}.3.{number}", w.integer(value)))
    if subject.chip_id is not None:
        found.append(w.extension(f"{_AMD}.4", subject.chip_id))
    if subject.csp_id is not None:
        found.append(w.extension(f"{_AMD}.5", w.ia5(subject.csp_id)))
    return found


def _authority(issuer: Issuer) -> bytes:
    key_id = w.tlv(der.context(0, constructed=False), _key_id(issuer.signer.spki))
    return w.extension(_AUTHORITY_KEY_ID, w.sequence(key_id))


def _key_id(spki: bytes) -> bytes:
    return hashlib.sha256(spki).digest()[:20]
