"""The maker of simulated TPMs: a root, a CA for attestation keys, certificates, lists."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated.authority import Authority, Period, derive_key, serial_of
from attestation.trust import SIMULATED_PREFIX

_YEAR: Final = timedelta(days=365)
_DAY: Final = timedelta(days=1)
_AK_NAME: Final = "TPM attestation key"
# TCG Credential Profile for TPM 2.0: tcg-kp-AIKCertificate, tcg-kp-EKCertificate.
_FOR_AK: Final = x509.ObjectIdentifier("2.23.133.8.3")
_FOR_EK: Final = x509.ObjectIdentifier("2.23.133.8.1")


@dataclass(frozen=True, slots=True)
class Vendor:
    """Keys and certificates of one vendor; everything follows from secret, name and date."""

    secret: bytes = field(repr=False)
    platform: str
    created: datetime
    # A stranger has real-looking names, which is why nobody trusts names.
    is_stranger: bool = False

    def stranger(self) -> Vendor:
        """Return another vendor, whom nobody knows."""
        return replace(self, is_stranger=True)

    @property
    def root(self) -> Authority:
        """The root of the vendor."""
        return Authority.root(
            f"{self._prefix}TPM Manufacturer CA",
            self._key("root"),
            self._long(),
            unit=self._unit,
            organization=self._organization,
        )

    @property
    def ca(self) -> Authority:
        """The CA that certifies attestation keys."""
        name = f"{self._prefix}TPM Attestation Key CA"
        return self.root.issue_ca(
            name,
            self._key("ca"),
            self._long(),
            path_length=0,
            unit=self._unit,
            organization=self._organization,
        )

    def ak(self, role: str = "ak") -> ec.EllipticCurvePrivateKey:
        """Return the attestation key of this vendor's one TPM, or another one."""
        return self._key(role)

    def certificate(self, *, period: Period | None = None, of_ek: bool = False) -> bytes:
        """Return the certificate (DER) of the attestation key; `of_ek` says another purpose."""
        purpose = x509.ExtendedKeyUsage([_FOR_EK if of_ek else _FOR_AK])
        key = self.ak().public_key()
        return self.ca.issue(
            _AK_NAME,
            key,
            period or self.current(),
            extensions=[purpose],
            unit=self._unit,
            organization=self._organization,
        )

    def certificate_of_ca(self) -> bytes:
        """Return a certificate that makes the attestation key a CA, as no vendor would."""
        return self.ca.issue_ca(
            _AK_NAME, self.ak(), self.current(), unit=self._unit, organization=self._organization
        ).certificate

    def lists(self, *, ak_revoked: bool = False, ca_revoked: bool = False) -> tuple[bytes, bytes]:
        """Return the revocation lists (DER) of root and CA."""
        ca = [serial_of(f"{self._prefix}TPM Attestation Key CA", self._key("ca"))]
        ak = [serial_of(_AK_NAME, self.ak())]
        period = Period(self.created - _DAY, self.created + _YEAR)
        return (
            self.root.crl(period, revoked=ca if ca_revoked else ()),
            self.ca.crl(period, revoked=ak if ak_revoked else ()),
        )

    def current(self) -> Period:
        """Return when an attestation key's certificate is valid."""
        return Period(self.created - _DAY, self.created + 7 * _YEAR)

    def past(self) -> Period:
        """Return a time that ended the day before the TPM was made."""
        return Period(self.created - 2 * _YEAR, self.created - _DAY)

    def future(self) -> Period:
        """Return a time that starts long after the TPM was made."""
        return Period(self.created + 10 * _YEAR, self.created + 17 * _YEAR)

    def _long(self) -> Period:
        return Period(self.created - _YEAR, self.created + 24 * _YEAR)

    @property
    def _prefix(self) -> str:
        return "" if self.is_stranger else SIMULATED_PREFIX

    @property
    def _organization(self) -> str:
        return f"sealwasm simulated {'stranger' if self.is_stranger else 'silicon'}"

    @property
    def _unit(self) -> str:
        return f"platform {self.platform}"

    def _key(self, role: str) -> ec.EllipticCurvePrivateKey:
        return derive_key(self.secret, f"tpm {'stranger ' * self.is_stranger}{role}")
