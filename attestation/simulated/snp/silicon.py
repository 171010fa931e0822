"""One simulated chip and the vendor that certifies it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.simulated import der_writer
from attestation.simulated.signers import CaSigner
from attestation.simulated.snp.certificates import (
    Issuer,
    Validity,
    VekSubject,
    build_ca,
    build_crl,
    build_vek,
)
from attestation.simulated.snp.models import Model
from attestation.simulated.store import Store
from attestation.verifiers.snp.products import intermediate_name, name_prefix, vek_name

_YEAR: Final = timedelta(days=365)
_DAY: Final = timedelta(days=1)
_CSP_ID: Final = "CN=cloud.invalid"
# Order of the P-384 group (SEC 2 section 2.5.1).
_P384_ORDER: Final = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffff"
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
_SERIALS: Final = {"ark": 0x010000, "ask": 0x010001, "asvk": 0x010101}


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes this platform different from another one."""

    model: Model
    platform: str
    created: datetime
    chip_secret: bytes = field(repr=False)
    # A stranger has real-looking names, which is why nobody trusts names.
    is_stranger: bool = False


@dataclass(frozen=True, slots=True)
class VekKey:
    """A chip or provider key for one TCB, with its certificate."""

    certificate: bytes = field(repr=False)
    key: ec.EllipticCurvePrivateKey = field(repr=False)


class Silicon:
    """The vendor's view of one chip. Whatever was issued once stays the same in the store."""

    def __init__(
        self, identity: Identity, store: Store, signer_of: Callable[[str], CaSigner]
    ) -> None:
        self.identity = identity
        self._store = store
        self._signer_of = signer_of

    @property
    def chip_id(self) -> bytes:
        """The hardware id: 64 bytes, 8 on Turin."""
        digest = hashlib.sha512(b"chip id" + self.identity.chip_secret).digest()
        return digest[: self.identity.model.product.chip_id_bytes]

    def root(self) -> bytes:
        """Return the ARK certificate."""
        return self._issued("ark", lambda: self._ca("ark", self._long()))

    def intermediate(self, signing_key: str) -> bytes:
        """Return the ASK (for "vcek") or ASVK (for "vlek") certificate."""
        role = _role(signing_key)
        return self._issued(role, lambda: self._ca(role, self._long()))

    def expired_intermediate(self, signing_key: str) -> bytes:
        """Return the same CA certificate with a validity that ended before the chip was made."""
        role = _role(signing_key)
        return self._issued(f"{role}-expired", lambda: self._ca(role, self._past()))

    def crl(self, *, revoked: tuple[str, ...] = (), on_hold: bool = False) -> bytes:
        """Return the ARK's revocation list, with the named roles ("ask", "asvk") on it."""
        name = "-".join(("crl", *revoked, *(("hold",) if on_hold else ())))
        return self._issued(
            name,
            lambda: build_crl(
                self._issuer("ark"),
                validity=Validity(self.identity.created - _DAY, self.identity.created + _YEAR),
                revoked=[_SERIALS[role] for role in revoked],
                on_hold=on_hold,
            ),
        )

    def vek(
        self,
        signing_key: str,
        tcb: bytes,
        *,
        certified_tcb: bytes | None = None,
        validity: Validity | None = None,
    ) -> VekKey:
        """Return the key for `tcb` and its certificate.

        `certified_tcb` and `validity` make certificates that no honest vendor would issue.
        """
        key = self._vek_key(signing_key, tcb)
        certified = tcb if certified_tcb is None else certified_tcb
        period = validity or self._vek_validity(signing_key)
        name = f"{signing_key}-{tcb.hex()}-{certified.hex()}-{period.not_after:%Y%m%d}"
        return VekKey(
            self._issued(name, lambda: self._certify(signing_key, key, certified, period)), key
        )

    def past(self) -> Validity:
        """Return a validity that ended the day before the chip was made."""
        return self._past()

    def future(self) -> Validity:
        """Return a validity that starts long after the chip was made."""
        created = self.identity.created
        return Validity(created + 10 * _YEAR, created + 17 * _YEAR)

    def _issued(self, name: str, issue: Callable[[], bytes]) -> bytes:
        name = f"issued/{'stranger-' if self.identity.is_stranger else ''}{name}.der"
        found = self._store.load(name)
        if found is None:
            found = issue()
            self._store.save(name, found)
        return found

    def _ca(self, role: str, validity: Validity) -> bytes:
        return build_ca(
            self._issuer("ark"),
            self._issuer(role),
            serial=_SERIALS[role],
            validity=validity,
            is_root=role == "ark",
        )

    def _certify(
        self, signing_key: str, key: ec.EllipticCurvePrivateKey, tcb: bytes, validity: Validity
    ) -> bytes:
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        of_chip = signing_key == "vcek"
        subject = VekSubject(
            product=self.identity.model.product,
            name=self._name(vek_name(signing_key, self._prefix)),
            key=point,
            tcb=tcb,
            chip_id=self.chip_id if of_chip else None,
            csp_id=None if of_chip else _CSP_ID,
        )
        return build_vek(self._issuer(_role(signing_key)), subject, validity=validity)

    def _vek_key(self, signing_key: str, tcb: bytes) -> ec.EllipticCurvePrivateKey:
        """Derive the key from chip secret and TCB, as hardware does: old firmware, other key."""
        info = b"vek" + signing_key.encode() + tcb
        seed = HKDFExpand(hashes.SHA384(), 64, info).derive(self.identity.chip_secret)
        return ec.derive_private_key(
            int.from_bytes(seed, "big") % (_P384_ORDER - 1) + 1, ec.SECP384R1()
        )

    def _issuer(self, role: str) -> Issuer:
        product = self.identity.model.product
        if role == "ark":
            common_name = f"{self._prefix}ARK-{product.title}"
        else:
            kind = "vlek" if role == "asvk" else "vcek"
            common_name = intermediate_name(product, kind, self._prefix)
        return Issuer(self._name(common_name), self._signer_of(role))

    @property
    def _prefix(self) -> str:
        return name_prefix(simulated=not self.identity.is_stranger)

    def _name(self, common_name: str) -> bytes:
        kind = "stranger" if self.identity.is_stranger else "silicon"
        return der_writer.name(
            [
                ("2.5.4.11", f"platform {self.identity.platform}"),
                ("2.5.4.6", "ZZ"),
                ("2.5.4.7", "Nowhere"),
                ("2.5.4.8", "ZZ"),
                ("2.5.4.10", f"sealwasm simulated {kind}"),
                ("2.5.4.3", common_name),
            ]
        )

    def _long(self) -> Validity:
        created = self.identity.created
        return Validity(created - _YEAR, created + 24 * _YEAR)

    def _past(self) -> Validity:
        created = self.identity.created
        return Validity(created - 2 * _YEAR, created - _DAY)

    def _vek_validity(self, signing_key: str) -> Validity:
        created = self.identity.created
        return Validity(created - _DAY, created + (1 if signing_key == "vlek" else 7) * _YEAR)


def _role(signing_key: str) -> str:
    return "asvk" if signing_key == "vlek" else "ask"
