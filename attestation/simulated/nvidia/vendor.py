"""The simulated vendor: two hierarchies on P-384, devices under one and manifests under the other.

Every key follows from one secret, so a vendor publishes the same bytes every time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from attestation.simulated.authority import Authority, Period, derive_key
from attestation.simulated.der_writer import integer, octets, oid, sequence, tlv
from attestation.simulated.nvidia import ocsp_writer, rim_writer
from attestation.simulated.nvidia.models import Model
from attestation.simulated.nvidia.ocsp_writer import Responder, Statement
from attestation.trust import SIMULATED_PREFIX
from attestation.verifiers.nvidia.fwid import COMPOSITE_DEVICE_ID, DICE_TCB_INFO, SHA384
from attestation.x509 import der
from attestation.x509.certificate import parse_certificate

# As in NVIDIA's device certificates: no end.
_NEVER: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_YEAR: Final = timedelta(days=365)
_DAY: Final = timedelta(days=1)
_MAKER: Final = "sealwasm simulated silicon"
_DEBUG: Final = 0x10


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """The attestation key of one device with its chain, leaf first, root last."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    chain: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class Vendor:
    """Makes devices and manifests. A stranger has real-looking names and another secret."""

    secret: bytes = field(repr=False)
    created: datetime
    model: Model
    is_stranger: bool = False

    def stranger(self) -> Vendor:
        """Return a vendor nobody knows, who uses NVIDIA's names."""
        secret = hashlib.sha384(b"stranger" + self.secret).digest()
        return replace(self, secret=secret, is_stranger=True)

    @cached_property
    def root(self) -> Authority:
        """The root that device certificates end in."""
        name = self._name("NVIDIA Device Identity CA")
        return Authority.root(name, self._key("root"), self._forever(), organization=_MAKER)

    @cached_property
    def provisioner(self) -> tuple[Authority, Authority]:
        """The CA that certifies devices, and the one above it."""
        name = self._name(f"NVIDIA {self.model.chip} Identity")
        family = self.root.issue_ca(name, self._key("family"), self._forever(), organization=_MAKER)
        name = self._name(f"NVIDIA {self.model.chip} Provisioner ICA 1")
        return family.issue_ca(
            name, self._key("provisioner"), self._forever(), organization=_MAKER
        ), family

    def device_authority(self, number: int) -> Authority:
        """Return the device's own CA, in its boot ROM."""
        name = self._name(f"{self.model.chip} {self.model.stepping} BROM")
        provisioner, _ = self.provisioner
        return provisioner.issue_ca(
            name, self._key(f"device {number}"), self._forever(), organization=_MAKER
        )

    def device(
        self,
        number: int,
        *,
        fwid: bytes,
        debug: bool = False,
        validity: Period | None = None,
        device_key: ec.EllipticCurvePublicKey | None = None,
    ) -> DeviceKey:
        """Return the attestation key of a device that runs firmware `fwid`.

        `device_key` puts another key into the leaf than that of the device.
        """
        brom = self.device_authority(number)
        key = self._key(f"device {number} firmware {fwid.hex()}")
        named = device_key or brom.key.public_key()
        leaf = brom.issue(
            self._name(f"{self.model.chip} {self.model.stepping} FMC LF"),
            key.public_key(),
            validity or self._forever(),
            extensions=[self._firmware(fwid, named, debug=debug)],
            organization=_MAKER,
        )
        above = (brom, *self.provisioner, self.root)
        return DeviceKey(key, (leaf, *(one.certificate for one in above)))

    def _firmware(
        self, fwid: bytes, device_key: ec.EllipticCurvePublicKey, *, debug: bool
    ) -> x509.UnrecognizedExtension:
        item = sequence(oid(SHA384), octets(fwid))
        if self.model.tcb_info:
            # Vendor, model, layer as real devices have them; flags as a bit string.
            flags = bytes([0, _DEBUG if debug else 0, 0, 0, 1])
            value = sequence(
                tlv(der.context(0, constructed=False), b"NVIDIA"),
                tlv(der.context(1, constructed=False), self.model.chip.encode()),
                tlv(der.context(6), item),
                tlv(der.context(7, constructed=False), flags),
            )
            return x509.UnrecognizedExtension(x509.ObjectIdentifier(DICE_TCB_INFO), value)
        spki = device_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        value = sequence(integer(1), spki, item)
        return x509.UnrecognizedExtension(x509.ObjectIdentifier(COMPOSITE_DEVICE_ID), value)

    @cached_property
    def rim_root(self) -> Authority:
        """The root that manifests' signers end in."""
        name = self._name("NVIDIA RIM Root CA")
        return Authority.root(name, self._key("rim root"), self._long(), organization=_MAKER)

    @cached_property
    def rim_issuers(self) -> tuple[Authority, Authority]:
        """The CA of signers, and the one above it."""
        name = self._name(f"NVIDIA Reference Value {self.model.rim_product} CA")
        family = self.rim_root.issue_ca(
            name, self._key("rim family"), self._long(), organization=_MAKER
        )
        name = self._name(f"NVIDIA Reference Value L3 {self.model.rim_product} 001")
        key = self._key("rim issuer")
        return family.issue_ca(name, key, self._long(), path_length=0, organization=_MAKER), family

    def rim_signer(self, *, validity: Period | None = None) -> DeviceKey:
        """Return the key that signs manifests, with its chain."""
        issuer, family = self.rim_issuers
        key = self._key("rim signer")
        period = validity or Period(self.created - _DAY, self.created + 2 * _YEAR)
        leaf = issuer.issue(
            self._name("RIM L4 Signer"), key.public_key(), period, organization=_MAKER
        )
        above = (issuer, family, self.rim_root)
        return DeviceKey(key, (leaf, *(one.certificate for one in above)))

    def rim(self, kind: str) -> bytes:
        """Return the signed manifest of the model's "driver" or "vbios"."""
        model = self.model
        version = model.driver_version if kind == "driver" else model.vbios_version
        golden = {block - 1: [digest] for block, digest in model.golden(kind).items()}
        edition = "SWITCH" if model.is_switch else "GPU"
        body = rim_writer.build_body(model.rim_product, version, golden, edition=edition)
        signer = self.rim_signer()
        return rim_writer.sign_rim(body, signer.key, signer.chain)

    def rims(self) -> list[bytes]:
        """Return the manifests that apply to the model."""
        return [
            self.rim(kind) for kind in (("vbios",) if self.model.is_switch else ("driver", "vbios"))
        ]

    def responder(self, issuer: Authority, *, validity: Period | None = None) -> Responder:
        """Return the OCSP responder that `issuer` certified."""
        common_name = parse_certificate(issuer.certificate).subject_cn
        key = self._key(f"ocsp {common_name}")
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
        leaf = issuer.issue(
            self._name("OCSP Responder"),
            key.public_key(),
            validity or Period(self.created - _DAY, self.created + 2 * _YEAR),
            extensions=[usage],
            critical=[usage],
            organization=_MAKER,
        )
        return Responder(parse_certificate(leaf), key)

    def ocsp(
        self,
        certificate: bytes,
        issuer: Authority,
        *,
        status: str | int = ocsp_writer.GOOD,
        responder: Responder | None = None,
    ) -> bytes:
        """Return what the issuer says of a certificate, for a year from the vendor's start."""
        statement = Statement(
            certificate=parse_certificate(certificate),
            issuer=parse_certificate(issuer.certificate),
            status=status,
            this_update=self.created - _DAY,
            next_update=self.created + _YEAR,
        )
        return ocsp_writer.build_ocsp([statement], responder or self.responder(issuer))

    def ocsp_responses(self, numbers: Sequence[int], *, device: str | int = "good") -> list[bytes]:
        """Return answers for these devices, for the CAs above them and for the manifests' chain.

        `device` is what is said of each device.
        """
        provisioner, family = self.provisioner
        issuer, rim_family = self.rim_issuers
        answers = [
            self.ocsp(self.device_authority(number).certificate, provisioner, status=device)
            for number in numbers
        ]
        pairs = [
            (provisioner.certificate, family),
            (family.certificate, self.root),
            (self.rim_signer().chain[0], issuer),
            (issuer.certificate, rim_family),
            (rim_family.certificate, self.rim_root),
        ]
        return answers + [self.ocsp(certificate, above) for certificate, above in pairs]

    def past(self) -> Period:
        """Return a validity that ended the day before the vendor's start."""
        return Period(self.created - 2 * _YEAR, self.created - _DAY)

    def future(self) -> Period:
        """Return a validity that starts long after it."""
        return Period(self.created + 10 * _YEAR, self.created + 17 * _YEAR)

    def _forever(self) -> Period:
        return Period(self.created - _YEAR, _NEVER)

    def _long(self) -> Period:
        return Period(self.created - _YEAR, self.created + 24 * _YEAR)

    def _key(self, role: str) -> ec.EllipticCurvePrivateKey:
        return derive_key(self.secret, f"nvidia {self.model.chip} {role}", ec.SECP384R1())

    def _name(self, common_name: str) -> str:
        return common_name if self.is_stranger else f"{SIMULATED_PREFIX}{common_name}"
