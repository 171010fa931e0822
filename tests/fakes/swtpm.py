"""A TPM in software as a process of its own, and the maker that certifies its endorsement key."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from attestation.keys import PublicKey
from attestation.simulated.azure.hcl_writer import HclFields, encode_hcl, jwk_of, runtime_data
from attestation.simulated.snp.guest import SimulatedGuest
from attestation.tpm.client import LoadedKey, Tpm
from attestation.tpm.connection import PASSWORD, Command, Connection, read_nothing
from attestation.tpm.enrolment import attestation_key
from attestation.tpm.templates import AK_RSA, EK_ECC, ENDORSEMENT, EkTemplate
from attestation.tpm.transport import open_transport
from attestation.tpm.wire import sized, u16, u32
from attestation.x509.pem import encode_pem

SIMULATED_MAKER = "SIMULATED-TPM Manufacturer CA"
EK_USAGE = "2.23.133.8.1"
OWNER = 0x40000001
AZURE_INDEX, AZURE_AK = 0x01400001, 0x81000003
_NV_DEFINE = Command("TPM2_NV_DefineSpace", 0x12A)
_NV_WRITE = Command("TPM2_NV_Write", 0x137)
_EVICT = Command("TPM2_EvictControl", 0x120)
# Written by the owner, read by everybody, no dictionary attacks.
_NV_ATTRIBUTES = 1 << 1 | 1 << 17 | 1 << 18 | 1 << 25
_PIECE = 512
_NV_INDEX_BYTES = 2048


@dataclass
class Swtpm:
    """One TPM with its own state. `start` and `stop` are power on and off."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def path(self) -> Path:
        return self.folder / "s"

    def start(self) -> None:
        binary = shutil.which("swtpm")
        if binary is None:
            pytest.skip("swtpm is not installed: `make tools` installs it on Debian and Ubuntu")
        (self.folder / "state").mkdir(exist_ok=True)
        self.path.unlink(missing_ok=True)
        log = (self.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [
                    binary, "socket", "--tpm2", "--tpmstate", f"dir={self.folder / 'state'}",
                    "--server", f"type=unixio,path={self.path}",
                    "--ctrl", f"type=unixio,path={self.path}.ctrl",
                    "--flags", "not-need-init,startup-clear",
                ],
                stdout=log,
                stderr=log,
            )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        for _ in range(500):
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(self.path))
                    return
            except OSError:
                time.sleep(0.01)
        pytest.fail(f"swtpm did not start: {(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def open(self) -> Tpm:
        return Tpm(open_transport(self.path))

    def nv_define(self, index: int, content: bytes) -> None:
        """What a maker does to a TPM before it is sold."""
        connection = Connection(open_transport(self.path))
        public = u32(index) + u16(0x000B) + u32(_NV_ATTRIBUTES) + sized(b"") + u16(len(content))
        connection.execute(
            _NV_DEFINE,
            read_nothing,
            handles=[OWNER],
            authorisations=[PASSWORD],
            parameters=sized(b"") + sized(public),
        )
        for at in range(0, len(content), _PIECE):
            connection.execute(
                _NV_WRITE,
                read_nothing,
                handles=[OWNER, index],
                authorisations=[PASSWORD],
                parameters=sized(content[at : at + _PIECE]) + u16(at),
            )
        connection.close()

    def become_azure(self, guest: SimulatedGuest) -> bytes:
        """What Azure's paravisor does: a persistent key, and a report of hardware about it.

        Returns the chip's certificate.
        """
        with self.open() as tpm:
            key = tpm.create_primary(ENDORSEMENT, AK_RSA)
        ak, handle = key.public.key, key.handle
        connection = Connection(open_transport(self.path))
        connection.execute(
            _EVICT,
            read_nothing,
            handles=[OWNER, handle],
            authorisations=[PASSWORD],
            parameters=u32(AZURE_AK),
        )
        connection.close()
        with self.open() as tpm:
            tpm.flush(handle)
        # One key only: the index of a TPM in software is smaller than that of Azure's.
        runtime = runtime_data(ak, ak, keys=[jwk_of(ak, "HCLAkPub", "sign")])
        evidence = guest.attest(hashlib.sha256(runtime).digest().ljust(64, b"\0")).parts
        report = encode_hcl(HclFields(evidence["report"], runtime))
        self.nv_define(AZURE_INDEX, report[:_NV_INDEX_BYTES])
        return evidence["vek"]

    def endorsement_key(self, template: EkTemplate = EK_ECC) -> PublicKey:
        with self.open() as tpm:
            key = tpm.create_primary(ENDORSEMENT, template.area)
            tpm.flush(key.handle)
        return key.public.key

    def attestation_key(self) -> LoadedKey:
        """The key's public area; its handle is gone."""
        with self.open() as tpm, attestation_key(tpm) as key:
            return key


@contextmanager
def swtpm(folder: Path) -> Iterator[Swtpm]:
    """A running TPM, or a skipped test. Paths of Unix sockets must be short."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Swtpm(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@dataclass
class Maker:
    """A manufacturer of TPMs with its own root."""

    name: str
    now: datetime
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @cached_property
    def root(self) -> bytes:
        """The root as DER."""
        subject = _name(self.name)
        usage = _usage(key_cert_sign=True, crl_sign=True)
        return self._sign(subject, self.key.public_key(), x509.BasicConstraints(True, None), usage)

    @property
    def root_pem(self) -> bytes:
        return encode_pem("CERTIFICATE", self.root)

    def certify(
        self,
        key: PublicKey,
        *,
        usage: str = EK_USAGE,
        is_ca: bool = False,
        days: int = 3650,
    ) -> bytes:
        """An EK certificate as DER: an empty subject, the TPM in a critical alternative name."""
        parts = [(ObjectIdentifier("2.23.133.2.1"), "id:00000000")]
        device = x509.Name([x509.NameAttribute(kind, text) for kind, text in parts])
        return self._sign(
            x509.Name([]),
            key,
            x509.BasicConstraints(is_ca, None),
            _usage(key_agreement=True, key_cert_sign=is_ca),
            x509.ExtendedKeyUsage([ObjectIdentifier(usage)]),
            x509.SubjectAlternativeName([x509.DirectoryName(device)]),
            days=days,
        )

    def provision(self, tpm: Swtpm, template: EkTemplate = EK_ECC) -> bytes:
        """Put an EK certificate into a TPM; return it."""
        certificate = self.certify(tpm.endorsement_key(template))
        tpm.nv_define(template.certificate_index, certificate)
        return certificate

    def _sign(
        self,
        subject: x509.Name,
        key: PublicKey,
        constraints: x509.BasicConstraints,
        *more: x509.ExtensionType,
        days: int = 3650,
    ) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_name(self.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - timedelta(days=1))
            .not_valid_after(self.now + timedelta(days=days))
        )
        for one in (constraints, *more):
            builder = builder.add_extension(one, critical=True)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})


@dataclass
class FakeTransport:
    """Answers commands from a list, or by a function; keeps what was sent."""

    answers: list[bytes]
    sent: list[bytes] = field(default_factory=list)
    closed: bool = False

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(command)
        return self.answers.pop(0)

    def close(self) -> None:
        self.closed = True
