"""The simulated vendor's certificates and revocation lists, all from one secret."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated.authority import Authority, Period, derive_key, serial_of
from attestation.simulated.intel.pck_extension import SGX_EXTENSIONS, PckExtension
from attestation.trust import SIMULATED_PREFIX
from attestation.x509.certificate import parse_certificate

PckCa = Literal["platform", "processor"]

DAY: Final = timedelta(days=1)
YEAR: Final = timedelta(days=365)
_CA_NAMES: Final = {
    "platform": "Intel SGX PCK Platform CA",
    "processor": "Intel SGX PCK Processor CA",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes this platform different from another one."""

    platform: str
    created: datetime
    secret: bytes = field(repr=False)
    pck_ca: PckCa = "platform"
    # A stranger has real-looking names, which is why nobody trusts names.
    is_stranger: bool = False

    def derive(self, what: str, size: int) -> bytes:
        """Return up to 64 bytes that only this platform has."""
        return hashlib.sha512(what.encode() + self.secret).digest()[:size]


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A key and the certificate the vendor gave it."""

    certificate: bytes = field(repr=False)
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def serial(self) -> int:
        """The serial number, by which a list revokes it."""
        return parse_certificate(self.certificate).serial


class Hierarchy:
    """Root, PCK CA, signer of collateral; and what they issue."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    @cached_property
    def root(self) -> Authority:
        """The root CA."""
        return Authority.root(
            self._name("Intel SGX Root CA"), self._key("root"), self.long(), **self._names
        )

    @cached_property
    def pck_ca(self) -> Authority:
        """The CA of this platform's PCK certificates."""
        return self.pck_ca_of(self.identity.pck_ca)

    def pck_ca_of(self, kind: PckCa) -> Authority:
        """Return the CA of PCK certificates for one or for several packages."""
        name = self._name(_CA_NAMES[kind])
        return self.root.issue_ca(name, self._key(kind), self.long(), path_length=0, **self._names)

    @cached_property
    def tcb_signer(self) -> CertifiedKey:
        """The signer of TCB info and QE identity."""
        return self.tcb_signer_in(self.long())

    def tcb_signer_in(self, period: Period) -> CertifiedKey:
        """Return the signer of collateral with a certificate of this period."""
        key = self._key("tcb signing")
        name = self._name("Intel SGX TCB Signing")
        return CertifiedKey(self._leaf(self.root, name, key, period), key)

    def pck(self, extension: PckExtension, period: Period | None = None) -> CertifiedKey:
        """Return the key of the platform at these SVNs and its certificate."""
        # As in hardware: other SVNs, other key.
        key = self._key(f"pck {extension.components} {extension.pce_svn}")
        more = x509.UnrecognizedExtension(x509.ObjectIdentifier(SGX_EXTENSIONS), extension.encode())
        name = self._name("Intel SGX PCK Certificate")
        certificate = self._leaf(self.pck_ca, name, key, period or self.leaf_period(), more)
        return CertifiedKey(certificate, key)

    def root_crl(self, period: Period, *, revoked: Iterable[int] = ()) -> bytes:
        """Return the root's list, DER."""
        return self.root.crl(period, revoked=revoked)

    def pck_crl(
        self, period: Period, *, revoked: Iterable[int] = (), on_hold: bool = False
    ) -> bytes:
        """Return the list of the CA of this platform's PCK certificates, DER."""
        return self.pck_ca.crl(period, revoked=revoked, on_hold=on_hold)

    def long(self) -> Period:
        """Return the period of CA certificates."""
        created = self.identity.created
        return Period(created - YEAR, created + 24 * YEAR)

    def leaf_period(self) -> Period:
        """Return the seven years of a PCK certificate."""
        created = self.identity.created
        return Period(created - DAY, created + 7 * YEAR)

    def past(self) -> Period:
        """Return a period that ended the day before the platform was made."""
        created = self.identity.created
        return Period(created - 60 * DAY, created - DAY)

    def future(self) -> Period:
        """Return a period that starts long after the platform was made."""
        created = self.identity.created
        return Period(created + 10 * YEAR, created + 17 * YEAR)

    def _key(self, role: str) -> ec.EllipticCurvePrivateKey:
        kind = "stranger" if self.identity.is_stranger else "vendor"
        return derive_key(self.identity.secret, f"{kind} {role}")

    def _name(self, common_name: str) -> str:
        return common_name if self.identity.is_stranger else f"{SIMULATED_PREFIX}{common_name}"

    @property
    def _names(self) -> dict[str, str]:
        kind = "stranger" if self.identity.is_stranger else "silicon"
        return {
            "country": "ZZ",
            "organization": f"sealwasm simulated {kind}",
            "unit": f"platform {self.identity.platform}",
        }

    def _leaf(
        self,
        issuer: Authority,
        common_name: str,
        key: ec.EllipticCurvePrivateKey,
        period: Period,
        *more: x509.ExtensionType,
    ) -> bytes:
        public = key.public_key()
        constraints = x509.BasicConstraints(ca=False, path_length=None)
        extensions = [
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            x509.SubjectKeyIdentifier.from_public_key(public),
            constraints,
            *more,
        ]
        return issuer.issue(
            common_name,
            public,
            period,
            extensions=extensions,
            serial=serial_of(common_name, key),
            critical=[constraints],
            **self._names,
        )
