"""A simulated vendor's certificate authority: elliptic keys that follow from one secret.

Keys are derived, so nothing but the platform's secret is kept, and ECDSA is deterministic
(RFC 6979), so a platform publishes the same bytes every time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding

_DIGESTS: Final[dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}


def derive_key(
    secret: bytes, role: str, curve: ec.EllipticCurve | None = None
) -> ec.EllipticCurvePrivateKey:
    """Return the private key that `role` has under this secret (P-256 unless another is named)."""
    curve = curve or ec.SECP256R1()
    size = (curve.key_size + 7) // 8 + 8
    seed = HKDFExpand(hashes.SHA512(), size, b"simulated " + role.encode()).derive(secret)
    return ec.derive_private_key(int.from_bytes(seed, "big") % (curve.group_order - 1) + 1, curve)


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when a certificate is valid."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA with its key. `certificate` is the DER of its own certificate."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: bytes = field(repr=False)

    @classmethod
    def root(
        cls, common_name: str, key: ec.EllipticCurvePrivateKey, period: Period, **more: str
    ) -> Authority:
        """Return a self-signed root. `more` are further name members: organization, country."""
        name = name_of(common_name, **more)
        builder = _builder(name, name, key.public_key(), period, serial_of(common_name, key))
        builder = _as_ca(builder, path_length=None)
        return cls(name, key, _signed(builder, key))

    def issue_ca(
        self,
        common_name: str,
        key: ec.EllipticCurvePrivateKey,
        period: Period,
        *,
        path_length: int | None = None,
        **more: str,
    ) -> Authority:
        """Return an intermediate CA below this one."""
        name = name_of(common_name, **more)
        serial = serial_of(common_name, key)
        builder = _builder(name, self.name, key.public_key(), period, serial)
        return Authority(name, key, _signed(_as_ca(builder, path_length=path_length), self.key))

    def issue(
        self,
        common_name: str,
        key: ec.EllipticCurvePublicKey,
        period: Period,
        *,
        extensions: Iterable[x509.ExtensionType] = (),
        serial: int | None = None,
        critical: Sequence[x509.ExtensionType] = (),
        **more: str,
    ) -> bytes:
        """Return a leaf certificate (DER) with key usage digitalSignature and these extensions."""
        name = name_of(common_name, **more)
        number = serial_of(common_name, key) if serial is None else serial
        builder = _builder(name, self.name, key, period, number)
        builder = builder.add_extension(_usage(is_ca=False), critical=True)
        for one in extensions:
            builder = builder.add_extension(one, critical=one in critical)
        return _signed(builder, self.key)

    def crl(
        self,
        period: Period,
        *,
        revoked: Iterable[int] = (),
        on_hold: bool = False,
    ) -> bytes:
        """Return this CA's revocation list (DER) with these serial numbers on it."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(period.start)
            .next_update(period.end)
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for serial in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial)
            entry = entry.revocation_date(period.start)
            if on_hold:
                reason = x509.CRLReason(x509.ReasonFlags.certificate_hold)
                entry = entry.add_extension(reason, critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        digest = _DIGESTS[self.key.curve.name]
        signed = builder.sign(self.key, digest, ecdsa_deterministic=True)
        return signed.public_bytes(Encoding.DER)


def name_of(common_name: str, **more: str) -> x509.Name:
    """Return a name; `more` may have organization and country."""
    kinds = {
        "country": x509.NameOID.COUNTRY_NAME,
        "organization": x509.NameOID.ORGANIZATION_NAME,
        "unit": x509.NameOID.ORGANIZATIONAL_UNIT_NAME,
    }
    members = [x509.NameAttribute(kinds[kind], value) for kind, value in more.items()]
    return x509.Name([*members, x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def serial_of(common_name: str, key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> int:
    """Return the serial number an authority gives that name and key."""
    public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key
    numbers = public.public_numbers()
    seed = f"{common_name} {numbers.x}".encode()
    return int.from_bytes(hashlib.sha256(seed).digest()[:16], "big") >> 1 or 1


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    period: Period,
    serial: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(period.start)
        .not_valid_after(period.end)
    )


def _as_ca(builder: x509.CertificateBuilder, *, path_length: int | None) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return builder.add_extension(constraints, critical=True).add_extension(
        _usage(is_ca=True), critical=True
    )


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    digest = _DIGESTS[key.curve.name]
    return builder.sign(key, digest, ecdsa_deterministic=True).public_bytes(Encoding.DER)
