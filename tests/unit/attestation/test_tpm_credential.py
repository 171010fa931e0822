"""Credentials and EK certificates, without any TPM: its side is done here by hand."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.tpm.client import Tpm
from attestation.tpm.codes import TpmError
from attestation.tpm.credential import Credential, kdfa, kdfe, make_credential
from attestation.tpm.enrolment import find_endorsement, open_credential
from attestation.trust import TrustAnchors
from attestation.verifiers.tpm.endorsement_key import EkTrust, verify_endorsement_key
from tests.fakes.swtpm import SIMULATED_MAKER, Maker
from tests.fakes.tpm_tape import tapes

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RSA = rsa.generate_private_key(65537, 2048)
ECC = ec.generate_private_key(ec.SECP256R1())
NAME = b"\x00\x0b" + hashlib.sha256(b"a key").digest()
SECRET = bytes(range(32))


def seed_of(credential: Credential, key) -> bytes:
    """Part 1, B.10.4 and C.6.3, from the TPM's side."""
    encrypted = credential.encrypted_secret
    if isinstance(key, rsa.RSAPrivateKey):
        sha256 = hashes.SHA256()
        return key.decrypt(encrypted, padding.OAEP(padding.MGF1(sha256), sha256, b"IDENTITY\0"))
    assert (encrypted[:2], encrypted[34:36]) == (b"\0\x20", b"\0\x20")
    x, y = encrypted[2:34], encrypted[36:]
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()
    )
    shared = key.exchange(ec.ECDH(), numbers.public_key())
    own = key.public_key().public_numbers().x.to_bytes(32, "big")
    return kdfe(shared, b"IDENTITY\0", x, own)


@pytest.mark.parametrize("key", [RSA, ECC], ids=["rsa", "ecc"])
@pytest.mark.parametrize("secret", [SECRET, b"s"])
def test_holder_of_the_endorsement_key_opens_it(key, secret: bytes) -> None:
    made = make_credential(key.public_key(), NAME, secret, entropy=secrets.token_bytes)
    seed = seed_of(made, key)
    size, integrity, identity = made.blob[:2], made.blob[2:34], made.blob[34:]
    assert size == b"\0\x20"
    mac = hmac.digest(kdfa(seed, b"INTEGRITY", b"", bits=256), identity + NAME, "sha256")
    assert integrity == mac
    storage = kdfa(seed, b"STORAGE", NAME, bits=128)
    opened = Cipher(AES(storage), CFB(bytes(16))).decryptor().update(identity)
    assert opened == len(secret).to_bytes(2, "big") + secret


def test_secret_has_a_size() -> None:
    for secret in (b"", bytes(33)):
        with pytest.raises(ValueError, match="secret is"):
            make_credential(RSA.public_key(), NAME, secret, entropy=secrets.token_bytes)


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 3072), ec.generate_private_key(ec.SECP384R1())],
    ids=["rsa-3072", "p384"],
)
def test_other_endorsement_keys(key) -> None:
    with pytest.raises(EvidenceError, match="alg-mismatch"):
        make_credential(key.public_key(), NAME, SECRET, entropy=secrets.token_bytes)


def trust_in(*makers: Maker, simulated: bool = False, certificates=()) -> EkTrust:
    anchors = TrustAnchors.vendor()
    for one in makers:
        pem = one.root_pem
        anchors = anchors.with_simulated(pem) if simulated else anchors.with_roots("tpm", pem)
    return EkTrust(anchors, Endorsements.parse([*(one.root for one in makers), *certificates]))


MAKER = Maker("Acme TPM Root CA", NOW)
EK = MAKER.certify(ECC.public_key())


def test_ek_of_a_trusted_maker() -> None:
    found = verify_endorsement_key([EK], trust=trust_in(MAKER), now=NOW)
    assert found.key.public_numbers() == ECC.public_key().public_numbers()
    assert (found.simulated, found.fingerprint) == (False, hashlib.sha256(EK).digest())


def test_ek_of_a_trusted_maker_of_software() -> None:
    maker = Maker(SIMULATED_MAKER, NOW)
    certificate = maker.certify(RSA.public_key())
    trust = trust_in(maker, simulated=True)
    assert verify_endorsement_key([certificate], trust=trust, now=NOW).simulated
    with pytest.raises(EvidenceError, match="simulated-not-trusted"):
        verify_endorsement_key([certificate, maker.root], trust=trust_in(MAKER), now=NOW)


@pytest.mark.parametrize(
    ("chain", "code"),
    [
        ([], "malformed"),
        ([b"0"], "malformed"),
        ([EK + b"0"], "trailing-data"),
        ([Maker("Stranger", NOW).certify(ECC.public_key())], "untrusted-chain"),
        ([Maker("Acme TPM Root CA", NOW).certify(ECC.public_key())], "signature-invalid"),
        ([MAKER.certify(ECC.public_key(), usage="2.23.133.8.3")], "untrusted-chain"),
        ([MAKER.certify(ECC.public_key(), is_ca=True)], "untrusted-chain"),
        ([MAKER.certify(ECC.public_key(), days=0)], "cert-expired"),
        ([MAKER.root], "untrusted-chain"),
    ],
    ids=[
        "none", "not-der", "trailing", "stranger", "by-name", "no-ek", "ca", "expired", "root",
    ],
)  # fmt: skip
def test_refused_endorsements(chain: list[bytes], code: str) -> None:
    with pytest.raises(EvidenceError) as refused:
        verify_endorsement_key(chain, trust=trust_in(MAKER), now=NOW + timedelta(hours=1))
    assert refused.value.code == code


def test_nobody_is_trusted_by_default() -> None:
    with pytest.raises(EvidenceError, match="untrusted-chain"):
        verify_endorsement_key([EK, MAKER.root], trust=EkTrust.nobody(), now=NOW)


TAPE = tapes()["enrolment"]


class Stored:
    """A TPM whose EK certificate was replaced by `content`."""

    def __init__(self, content: bytes) -> None:
        self.player = TAPE.player(self._changed)
        self.content = content

    def _changed(self, index: int, answer: bytes) -> bytes:
        sent = TAPE.exchanges[index][0]
        if sent[6:10] != (0x14E).to_bytes(4, "big"):
            return answer
        offset = int.from_bytes(sent[-2:], "big")
        size = int.from_bytes(sent[-4:-2], "big")
        return answer[:16] + self.content[offset:].ljust(size, b"\0")[:size] + answer[16 + size :]


def test_certificate_that_is_none() -> None:
    with pytest.raises(TpmError, match="is not DER"):
        find_endorsement(Tpm(Stored(b"garbage").player))


def test_tpm_without_certificates() -> None:
    (first, absent), (second, _) = TAPE.exchanges[:2]
    asked = replace(TAPE, exchanges=[(first, absent), (second, absent)])
    with pytest.raises(TpmError, match="holds no certificate"):
        find_endorsement(Tpm(asked.player()))


def test_tpm_that_breaks_meanwhile() -> None:
    broken = replace(TAPE, exchanges=[(TAPE.exchanges[0][0], b"")])
    with pytest.raises(TpmError, match="not readable"):
        find_endorsement(Tpm(broken.player()))


@pytest.mark.parametrize(
    ("certificate", "why"), [(EK, "another key"), (b"0", "EK certificate")], ids=["other", "none"]
)
def test_certificate_of_another_key(certificate: bytes, why: str) -> None:
    endorsement = find_endorsement(Tpm(TAPE.player()))
    changed = replace(endorsement, certificate=certificate)
    # Both keys are made, and flushed again.
    made, flushed = TAPE.exchanges[6:8], TAPE.exchanges[12:14]
    rest = replace(TAPE, exchanges=[*made, *flushed])
    with pytest.raises(TpmError, match=why):
        open_credential(Tpm(rest.player()), changed, credential=b"", secret=b"")
