"""An authority of a test, and what it certifies: servers on loopback, clients, token makers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Certified:
    """A key and its certificate, also as PEM files of one folder."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate_file: Path
    key_file: Path


class Authority:
    """Signs with a key of its own; everything is good from an hour ago for two hours."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self.own = self._make(name, None, ca=True)

    @property
    def file(self) -> Path:
        return self.own.certificate_file

    def server(self, name: str = "server", host: str = "127.0.0.1") -> Certified:
        return self._make(name, x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]))

    def client(self, name: str = "client") -> Certified:
        return self._make(name, x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]))

    def _make(
        self, name: str, extension: x509.ExtensionType | None, *, ca: bool = False
    ) -> Certified:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = subject if ca else self.own.certificate.subject
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if extension is not None:
            builder = builder.add_extension(extension, critical=False)
        certificate = builder.sign(key if ca else self.own.key, hashes.SHA256())
        certificate_file, key_file = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.touch(0o600)
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return Certified(certificate, key, certificate_file, key_file)
