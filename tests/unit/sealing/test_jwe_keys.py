"""Private keys of JWE recipients: PEM and JWK say the same, and what is no such key is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealing.errors import SealError, SealRefusal
from sealing.jose.jwe import Jwe, seal_jwe
from sealing.jose.keys import JwePrivateKey, JwePublicKey
from tests.unit.sealing.jwe_maker import point, url64
from tests.unit.sealing.makers import OWNER_ED25519
from tests.vectors.jwe_world import EC_KEY, EC_KEY_384, EC_KEY_521, RSA_KEY, SHORT_RSA_KEY

KEYS = [RSA_KEY, EC_KEY, EC_KEY_384, EC_KEY_521]
PLAIN = serialization.NoEncryption()


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    protection: serialization.KeySerializationEncryption = PLAIN,
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, protection)


def number(value: int) -> str:
    return url64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, **members: Any) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        own = key.private_numbers()
        names = {"d": own.d, "p": own.p, "q": own.q, "dp": own.dmp1, "dq": own.dmq1, "qi": own.iqmp}
        numbers = {"n": own.public_numbers.n, "e": own.public_numbers.e} | names
        document = {"kty": "RSA", **{name: number(value) for name, value in numbers.items()}}
    else:
        size = (key.key_size + 7) // 8
        secret = key.private_numbers().private_value.to_bytes(size, "big")
        document = point(key.public_key()) | {"d": url64(secret)}
    return json.dumps({k: v for k, v in (document | members).items() if v != ...}).encode()


def code_of(data: bytes, passphrase: bytes | None = None) -> SealRefusal:
    with pytest.raises(SealError) as caught:
        JwePrivateKey.parse(data, passphrase)
    return caught.value.code


@pytest.mark.parametrize("key", KEYS)
def test_pem_and_jwk_are_one_key_and_open_what_is_sealed_to_it(key: Any) -> None:
    forms = [
        pem(key),
        jwk(key, kid="ours"),
        pem(key, form=serialization.PrivateFormat.TraditionalOpenSSL),
    ]
    found = [JwePrivateKey.parse(data) for data in forms]
    assert {one.public.key_id for one in found} == {JwePublicKey.of(key.public_key()).key_id}
    message = Jwe.parse(seal_jwe(b"secret", found[0].public))
    assert [message.open(one) for one in found] == [b"secret"] * 3


def test_under_a_passphrase() -> None:
    data = pem(EC_KEY, serialization.BestAvailableEncryption(b"correct horse"))
    assert JwePrivateKey.parse(data, b"correct horse").public == JwePublicKey.of(
        EC_KEY.public_key()
    )
    for passphrase in (None, b"", b"battery"):
        assert code_of(data, passphrase) is SealRefusal.KEY_PASSPHRASE
    for plain in (pem(EC_KEY), jwk(EC_KEY)):
        assert code_of(plain, b"needless") is SealRefusal.KEY_PASSPHRASE


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", SealRefusal.KEY_INVALID),
        (b"-----BEGIN PRIVATE KEY-----\n", SealRefusal.KEY_INVALID),
        (b" " * (1 << 17), SealRefusal.TOO_LARGE),
        (pem(SHORT_RSA_KEY), SealRefusal.KEY_INVALID),
        (OWNER_ED25519.to_pem(), SealRefusal.KEY_INVALID),
        (jwk(EC_KEY, d=...), SealRefusal.KEY_INVALID),
        (jwk(EC_KEY, d=url64(bytes(32))), SealRefusal.KEY_INVALID),
        (jwk(EC_KEY, d=url64(bytes(31) + b"\1")), SealRefusal.KEY_INVALID),
        (jwk(EC_KEY, d="AA"), SealRefusal.MALFORMED),
        (jwk(EC_KEY, crv=1), SealRefusal.SUITE_UNKNOWN),
        (jwk(EC_KEY, alg="A256KW"), SealRefusal.SUITE_UNKNOWN),
        (jwk(EC_KEY, alg=1), SealRefusal.MALFORMED),
        (jwk(EC_KEY, kty=["EC"]), SealRefusal.KEY_INVALID),
        (jwk(RSA_KEY, p="Aw"), SealRefusal.KEY_INVALID),
        (jwk(RSA_KEY, n="AA"), SealRefusal.MALFORMED),
        (jwk(RSA_KEY, qi=...), SealRefusal.MALFORMED),
        (jwk(RSA_KEY, oth=[]), SealRefusal.UNKNOWN_MEMBER),
        (jwk(RSA_KEY, e="AQ=="), SealRefusal.MALFORMED),
        (jwk(RSA_KEY, e="A"), SealRefusal.MALFORMED),
    ],
)
def test_is_refused(data: bytes, code: SealRefusal) -> None:
    assert code_of(data) is code


def test_a_public_rsa_number_that_is_no_key() -> None:
    data = json.dumps({"kty": "RSA", "n": url64(b"\x80" + bytes(255)), "e": "AQAB"}).encode()
    with pytest.raises(SealError) as caught:
        JwePublicKey.parse(data)
    assert caught.value.code is SealRefusal.KEY_INVALID
