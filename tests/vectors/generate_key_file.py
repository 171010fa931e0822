"""Vectors of section K of docs/specs/documents.md: key files and URIs of keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealing import limits
from sealing.protected_key import to_pem
from tests.unit.sealing.makers import OWNER, OWNER_ED25519
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case
from tests.vectors.key_file_cosign import COSIGN_CASES, URI_CASES

PRIVATE, PUBLIC, SPKI = "private-pem", "public-pem", "public-der"
# Encrypted PKCS#8 has a random salt; this one was written once, passphrase "correct horse".
ENCRYPTED = Path(__file__).with_name("encrypted_key.txt").read_bytes()
PASSPHRASE = "correct horse"


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    form: str
    data: bytes
    passphrase: str | None = None


def invalid(name: str, why: str, form: str, data: bytes) -> Case:
    return Case(name, why, "seal-key-invalid", form, data)


def passphrase(name: str, why: str, data: bytes, given: str | None) -> Case:
    return Case(name, why, "seal-key-passphrase", PRIVATE, data, given)


def costly(name: str, why: str, data: bytes) -> Case:
    return Case(f"cost-{name}", why, "seal-key-invalid", PRIVATE, data, PASSPHRASE)


def p384() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(7, ec.SECP384R1())


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def compressed() -> bytes:
    point = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    return head + point.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )


def ed25519_spki(y: int) -> bytes:
    return OWNER_ED25519.public.spki[:-32] + y.to_bytes(32, "little")


def costing(kdf: str, *numbers: int) -> bytes:
    """Return an encrypted file that asks for these costs and holds nothing."""
    values = b"".join(der(0x02, number.to_bytes(8, "big")) for number in numbers)
    derivation = der(0x30, bytes.fromhex(kdf), der(0x30, der(0x04, bytes(16)), values))
    cipher = der(0x30, bytes.fromhex("060960864801650304012a"), der(0x04, bytes(16)))
    scheme = der(0x30, bytes.fromhex("06092a864886f70d01050d"), der(0x30, derivation, cipher))
    return to_pem("ENCRYPTED PRIVATE KEY", der(0x30, scheme, der(0x04, bytes(160))))


def headed(pem: bytes) -> bytes:
    """Return the file with a header in its block: libraries pass over it and read on."""
    return pem.replace(b"KEY-----\n", b"KEY-----\nComment: a-b\n\n", 1)


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes([tag, 0x82]) + len(body).to_bytes(2, "big") + body


SCRYPT, PBKDF2 = "06092b06010401da47040b", "06092a864886f70d01050c"

CASES = (
    Case("p256", "K1: ECDSA P-256", ACCEPTED, PRIVATE, OWNER.to_pem()),
    Case("encrypted", "K3: the right passphrase", ACCEPTED, PRIVATE, ENCRYPTED, PASSPHRASE),
    Case("public-ed25519", "K1: Ed25519", ACCEPTED, PUBLIC, OWNER_ED25519.public.to_pem()),
    invalid("text", "K2: a PEM file", PRIVATE, b"not a key"),
    invalid("p384", "K1: no other curve", PRIVATE, pem_of(p384())),
    invalid("public-for-private", "K2: a private key", PRIVATE, OWNER.public.to_pem()),
    invalid("private-for-public", "K2: a public key", PUBLIC, OWNER.to_pem()),
    invalid("small-order", "K1: a key that names somebody", SPKI, ed25519_spki(1)),
    invalid("not-reduced", "K1: a key in its one form", SPKI, ed25519_spki(2**255 - 19 + 3)),
    invalid("spki-trailing", "K4: exact DER", SPKI, OWNER.public.spki + b"\0"),
    invalid("spki-cut", "K4: exact DER", SPKI, OWNER.public.spki[:-1]),
    Case("spki-compressed", "K4: uncompressed points", "seal-not-canonical", SPKI, compressed()),
    Case(
        "too-large",
        "K2: at most 64 KiB",
        "seal-too-large",
        PRIVATE,
        OWNER.to_pem() + b"\n" * limits.PEM_BYTES,
    ),
    costly("memory", "K3: at most 32 MiB", costing(SCRYPT, 1 << 16, 8, 1)),
    costly("time", "K3: at most 2^22 blocks", costing(SCRYPT, 1 << 14, 8, 33)),
    costly("rounds", "K3: at most 10,000,000 rounds", costing(PBKDF2, 10_000_001)),
    costly("not-said", "K3: N, r and p of scrypt", costing(SCRYPT, 1 << 14, 8)),
    costly("header", "K3: costs that can be read", headed(costing(PBKDF2, 10_000_001))),
    costly(
        "header-behind",
        "K3: costs of every block",
        costing(PBKDF2, 1) + headed(costing(PBKDF2, 10_000_001)),
    ),
    passphrase("no-passphrase", "K3: one is needed", ENCRYPTED, None),
    passphrase("wrong-passphrase", "K3: the right one", ENCRYPTED, "battery staple"),
    passphrase("needless-passphrase", "K3: none is needed", OWNER.to_pem(), PASSPHRASE),
)

FORMS = {"cosign": COSIGN_CASES, "pkcs11-uri": URI_CASES}


def every_case() -> list[Case]:
    more = [
        Case(name, why, expect, form, data, PASSPHRASE if form == "cosign" else None)
        for form, cases in FORMS.items()
        for name, why, expect, data in cases
    ]
    return [*CASES, *more]


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "key-file")
    for case in every_case():
        document = {"why": case.why, "expect": case.expect, "stage": "load", "form": case.form}
        if case.passphrase is not None:
            document["passphrase"] = case.passphrase
        write_case(folder, case.name, document, {"key.bin": case.data})
