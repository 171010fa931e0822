"""The broker's own CAs for attestation keys: one for TPMs of hardware, one for TPMs of software.

Two keys and two names, so that the root above a certificate says by itself whether a result that
rests on it is simulated. Their certificates follow from their keys: the same bytes at every start,
which is how they are recognised.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from attestation.endorsements import Endorsements
from attestation.keys import PublicKey
from attestation.trust import SIMULATED_PREFIX
from attestation.x509.pem import encode_pem
from keybroker.appraisal import EvidenceTrust
from keybroker.errors import BrokerCode, BrokerError
from keybroker.limits import ATTESTATION_KEY_DAYS, CERTIFICATE_SKEW_SECONDS
from sealing.keys import SigningKey

COMMON_NAME: Final = "TPM AK CA"
# TCG: the certified key is an attestation key of a TPM.
AK_CERTIFICATE: Final = ObjectIdentifier("2.23.133.8.3")

# A root counts as long as its key does: RFC 5280 section 4.1.2.5 has this date for "no end".
_START: Final = datetime(2020, 1, 1, tzinfo=UTC)
_NO_END: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_SERIAL_BYTES: Final = 19


@dataclass(frozen=True, slots=True)
class AttestationCa:
    """One CA: its key, and its own certificate as DER."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    name: x509.Name
    certificate: bytes = field(repr=False)

    @classmethod
    def of(cls, key: SigningKey, *, simulated: bool) -> AttestationCa:
        """Return the CA with this P-256 key."""
        private = serialization.load_pem_private_key(key.to_pem(), None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise BrokerError(BrokerCode.BROKER_KEY_REFUSED, "the key of a CA is not on P-256")
        name = _name((SIMULATED_PREFIX if simulated else "") + COMMON_NAME)
        builder = _builder(name, name, private.public_key(), key.key_id.encode())
        builder = builder.not_valid_before(_START).not_valid_after(_NO_END)
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = builder.add_extension(constraints, critical=True)
        builder = builder.add_extension(_usage(is_ca=True), critical=True)
        return cls(private, name, _signed(builder, private))

    def revocations(self) -> bytes:
        """Return this CA's revocation list (DER). It is empty: certificates end soon enough.

        Evidence under any root takes a list; a broker that is the CA would see its own at once.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(_START)
            .next_update(_NO_END)
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        signed = builder.sign(self.key, hashes.SHA256(), ecdsa_deterministic=True)
        return signed.public_bytes(serialization.Encoding.DER)

    def certify(self, key: PublicKey, name: bytes, *, now: datetime) -> tuple[bytes, datetime]:
        """Return (DER, end) of a certificate for the attestation key with this TPM name."""
        end = now + timedelta(days=ATTESTATION_KEY_DAYS)
        identity = name + str(int(now.timestamp())).encode()
        builder = _builder(_name(f"TPM AK {name.hex()[4:20]}"), self.name, key, identity)
        builder = builder.not_valid_before(now - timedelta(seconds=CERTIFICATE_SKEW_SECONDS))
        builder = builder.not_valid_after(end)
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(is_ca=False), True),
            (x509.ExtendedKeyUsage([AK_CERTIFICATE]), False),
        ):
            builder = builder.add_extension(extension, critical=critical)
        return _signed(builder, self.key), end


@dataclass(frozen=True, slots=True)
class AttestationCas:
    """Both of them."""

    hardware: AttestationCa
    simulated: AttestationCa

    @classmethod
    def of_keys(cls, hardware: SigningKey, simulated: SigningKey) -> AttestationCas:
        """Return the CAs with these P-256 keys."""
        return cls(
            AttestationCa.of(hardware, simulated=False), AttestationCa.of(simulated, simulated=True)
        )

    def trusted_in(self, trust: EvidenceTrust) -> EvidenceTrust:
        """Return `trust` with these CAs in it, the simulated one only where such silicon counts."""
        anchors = trust.anchors.with_roots("tpm", self.hardware.certificate)
        listed = [self.hardware.revocations()]
        if trust.simulated:
            anchors = anchors.with_simulated(encode_pem("CERTIFICATE", self.simulated.certificate))
            listed.append(self.simulated.revocations())
        endorsements = trust.endorsements.joined(Endorsements.parse([], listed))
        return replace(trust, anchors=anchors, endorsements=endorsements)

    def for_tpm(self, *, simulated: bool) -> AttestationCa:
        """Return the one that a key of such a TPM is certified by."""
        return self.simulated if simulated else self.hardware


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, identity: bytes
) -> x509.CertificateBuilder:
    # Positive, 20 bytes, and another one for every key and moment.
    digest = hashlib.sha256(identity).digest()[:_SERIAL_BYTES]
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(int.from_bytes(b"\x01" + digest, "big"))
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
    signed = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    return signed.public_bytes(serialization.Encoding.DER)
