"""What an encrypted key file asks for is known before it is opened."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization

from sealing.errors import SealError, SealRefusal
from sealing.jose.keys import JwePrivateKey
from sealing.key_cost import require_affordable
from sealing.keys import SigningKey
from tests.unit.sealing.makers import OWNER
from tests.vectors.generate_key_file import PBKDF2, SCRYPT, costing, headed

AFFORDABLE = (
    costing(SCRYPT, 1 << 14, 8, 5),
    costing(SCRYPT, 1 << 15, 8, 1),
    costing(PBKDF2, 10_000_000),
    b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
)


def block(data: bytes) -> bytes:
    text = base64.b64encode(data)
    return (
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n%s\n-----END ENCRYPTED PRIVATE KEY-----\n" % text
    )


DEAR = costing(SCRYPT, 1 << 30, 8, 1)
HIDDEN = headed(DEAR)
UNREADABLE = {
    "a header": HIDDEN,
    "a header beside a cheap block": HIDDEN + costing(SCRYPT, 1 << 14, 8, 5),
    "a header behind a cheap block": costing(SCRYPT, 1 << 14, 8, 5) + HIDDEN,
    "a header that says it is older": HIDDEN.replace(b"Comment: a-b", b"DEK-Info: Proc-Type:-"),
    "a header beside an older block": b"Proc-Type: 4,ENCRYPTED\n" + HIDDEN,
    "an end inside": DEAR.replace(b"KEY-----\n", b"KEY-----\nAAAA-----END: x\n\n", 1),
    "no block": b"ENCRYPTED",
    "not base64": block(b"").replace(b"-\n\n", b"-\nA\n"),
    "no sequence": block(b"\x02\x01\x00"),
    "nothing": block(b""),
    "cut": block(b"\x30\x05\x30\x7f\x00"),
    "one byte": block(b"\x30\x01\x30"),
    "many": block(b"\x30\x44\x30\x42" + b"\x05\x00" * 33),
    "deep": block(b"\x30\x28" + bytes(byte for n in range(19, -1, -1) for byte in (0x30, 2 * n))),
}


@pytest.mark.parametrize("pem", AFFORDABLE)
def test_usual_costs_are_paid(pem: bytes) -> None:
    require_affordable(pem)


def test_files_of_openssl_and_of_ours_are_opened() -> None:
    theirs = serialization.load_der_private_key(OWNER.to_pkcs8(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    for pem in (theirs, OWNER.to_pem(b"secret")):
        assert SigningKey.from_pem(pem, b"secret") == OWNER


@pytest.mark.parametrize("pem", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_not_opened(pem: bytes) -> None:
    with pytest.raises(SealError) as caught:
        require_affordable(pem)
    assert caught.value.code == SealRefusal.KEY_INVALID


def test_a_dear_block_behind_a_cheap_one_is_refused() -> None:
    with pytest.raises(SealError) as caught:
        require_affordable(costing(SCRYPT, 1 << 14, 8, 5) + DEAR)
    assert caught.value.code == SealRefusal.KEY_INVALID


@pytest.mark.parametrize("read", [SigningKey.from_pem, JwePrivateKey.parse])
def test_costs_that_no_library_takes_are_refused(read) -> None:
    with pytest.raises(SealError) as caught:
        read(costing(SCRYPT, 3, 1, 1), b"secret")
    assert caught.value.code == SealRefusal.KEY_PASSPHRASE
