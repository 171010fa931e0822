"""The simulated vendor: a chain of five on P-384, as AWS issues it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated.authority import Authority, Period, derive_key
from attestation.trust import SIMULATED_PREFIX

_DAY: Final = timedelta(days=1)
_YEAR: Final = timedelta(days=365)
_LEAF_LIFE: Final = timedelta(hours=3)
# AWS's leaves start three seconds before the document and end three seconds late.
_LEAF_MARGIN: Final = timedelta(seconds=3)
_ROOT_NAME: Final = "aws.nitro-enclaves"
_REGION: Final = "nowhere-1"
_CURVE: Final = ec.SECP384R1()
_ROLES: Final = ("region", "zone", "instance")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate for one enclave and its key, with the issuers from the root on."""

    certificate: bytes = field(repr=False)
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    bundle: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Vendor:
    """Root, region, zone, instance. A stranger has AWS's own names, which prove nothing."""

    secret: bytes = field(repr=False)
    platform: str
    created: datetime
    is_stranger: bool = False

    @property
    def instance(self) -> str:
        """The parent instance's id."""
        return f"i-{self.platform}00000000f"

    @property
    def module_id(self) -> str:
        """The enclave's id: its parent's and its own."""
        return f"{self.instance}-enc{self.platform}00000001"

    def root(self) -> Authority:
        """Return the root CA."""
        name = f"{self._prefix}{_ROOT_NAME}"
        period = Period(self.created - _YEAR, self.created + 29 * _YEAR)
        return Authority.root(name, self._key("root"), period, organization=self._organization)

    def issuers(self, *, ca_flag: bool = True, zone_allows: int = 1) -> tuple[Authority, ...]:
        """Return root, region, zone and instance CA.

        Unlike AWS's, which are renewed within days, these stay valid: a platform in a folder has
        to work for years. Without `ca_flag` the instance's certificate is an ordinary one;
        `zone_allows` is the zone's path length.
        """
        root = self.root()
        region = root.issue_ca(
            f"{self._prefix}{self.platform}.{_REGION}.{_ROOT_NAME}",
            self._key("region"),
            self._long(),
            path_length=2,
            organization=self._organization,
        )
        zone = region.issue_ca(
            f"{self._prefix}{self.platform}.zonal.{_REGION}.{_ROOT_NAME}",
            self._key("zone"),
            self._long(),
            path_length=zone_allows,
            organization=self._organization,
        )
        name = f"{self._prefix}{self.instance}.{_REGION}.{_ROOT_NAME}"
        key = self._key("instance")
        if ca_flag:
            instance = zone.issue_ca(
                name, key, self._long(), path_length=0, organization=self._organization
            )
        else:
            plain = zone.issue(
                name, key.public_key(), self._long(), organization=self._organization
            )
            subject = x509.load_der_x509_certificate(plain).subject
            instance = Authority(subject, key, plain)
        return root, region, zone, instance

    def leaf(self, moment: datetime, issuers: tuple[Authority, ...]) -> Leaf:
        """Return the certificate that is issued with a document at `moment`; it lives 3 hours."""
        start = moment.replace(microsecond=0)
        period = Period(start - _LEAF_MARGIN, start + _LEAF_LIFE)
        key = self._key("leaf")
        constraints = x509.BasicConstraints(ca=False, path_length=None)
        certificate = issuers[-1].issue(
            self._leaf_name,
            key.public_key(),
            period,
            extensions=[constraints],
            critical=[constraints],
            organization=self._organization,
        )
        return Leaf(certificate, key, tuple(one.certificate for one in issuers))

    def leaf_that_is_ca(self, moment: datetime, issuers: tuple[Authority, ...]) -> Leaf:
        """Return a leaf that could issue certificates itself."""
        period = Period(moment - _LEAF_MARGIN, moment + _LEAF_LIFE)
        ca = issuers[-1].issue_ca(
            self._leaf_name, self._key("leaf"), period, organization=self._organization
        )
        return Leaf(ca.certificate, ca.key, tuple(one.certificate for one in issuers))

    @property
    def _leaf_name(self) -> str:
        return f"{self._prefix}{self.module_id}.{_REGION}.aws"

    @property
    def _prefix(self) -> str:
        return "" if self.is_stranger else SIMULATED_PREFIX

    @property
    def _organization(self) -> str:
        return f"sealwasm simulated {'stranger' if self.is_stranger else 'silicon'}"

    def _key(self, role: str) -> ec.EllipticCurvePrivateKey:
        kind = "stranger " if self.is_stranger else ""
        return derive_key(self.secret, f"{kind}nitro {role}", _CURVE)

    def _long(self) -> Period:
        return Period(self.created - _DAY, self.created + 24 * _YEAR)
