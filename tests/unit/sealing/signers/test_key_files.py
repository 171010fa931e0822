"""Key files: ours under scrypt, cosign's both ways, and the door that tells them apart."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from sealing import limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import SigningKey
from sealing.protected_key import encrypt_private_key
from sealing.signers.cosign_key import (
    is_cosign_key,
    parse_cosign_key,
    read_cosign_key,
    write_cosign_key,
)
from sealing.signers.open import Secrets, is_key_uri, open_signer
from sealing.signers.pkcs11_uri import Pkcs11Uri, parse_pkcs11_uri
from tests.unit.sealing.makers import OWNER, OWNER_ED25519

PASSPHRASE = b"correct horse"
COSIGN = write_cosign_key(OWNER, PASSPHRASE)
PROTECTED = OWNER.to_pem(PASSPHRASE)
OPEN = OWNER.to_pem()


def never(_: str) -> bytes:
    raise AssertionError("nothing to ask or to read")


def refusal(call, *args, **kwargs) -> SealRefusal:
    with pytest.raises(SealError) as caught:
        call(*args, **kwargs)
    return caught.value.code


def opened(data: bytes, passphrase: bytes | None = None, answer: bytes = b"") -> SigningKey:
    questions = []

    def ask(question: str) -> bytes:
        questions.append(question)
        return answer

    secrets = Secrets(lambda _: data, ask, passphrase)
    with open_signer("owner.key", secrets=secrets) as signer:
        assert questions == (["Passphrase for owner.key"] if answer else [])
        return signer


@pytest.mark.parametrize("key", [OWNER, OWNER_ED25519])
def test_a_cosign_key_comes_back(key: SigningKey) -> None:
    file = write_cosign_key(key, PASSPHRASE, entropy=bytes)
    assert read_cosign_key(file, PASSPHRASE).to_pkcs8() == key.to_pkcs8()
    assert parse_cosign_key(file)[0] == 65536
    assert write_cosign_key(key, PASSPHRASE, entropy=bytes) == file
    assert write_cosign_key(key, PASSPHRASE) != file


@pytest.mark.parametrize("passphrase", [b"", b"p" * (limits.PASSPHRASE_BYTES + 1)])
@pytest.mark.parametrize("call", [write_cosign_key, lambda key, pw: read_cosign_key(COSIGN, pw)])
def test_passphrases_are_bounded(call, passphrase: bytes) -> None:
    assert refusal(call, OWNER, passphrase) is SealRefusal.KEY_PASSPHRASE


def test_our_own_files_are_under_scrypt_and_aes_256() -> None:
    der = base64.b64decode(b"".join(PROTECTED.splitlines()[1:-1]))
    # RFC 7914: the object identifier; after the salt N, r, p and the key's length; AES-256-CBC.
    assert bytes.fromhex("06092b06010401da47040b") in der
    assert bytes.fromhex("02024000020108020105020120") in der
    assert bytes.fromhex("060960864801650304012a") in der


def test_salt_and_iv_are_all_that_differs_between_two_files() -> None:
    files = [encrypt_private_key(OWNER.to_pkcs8(), PASSPHRASE, entropy=bytes) for _ in range(2)]
    assert files[0] == files[1] != PROTECTED
    assert SigningKey.from_pem(files[0], PASSPHRASE) == OWNER


@pytest.mark.parametrize("data", [OPEN, PROTECTED, COSIGN], ids=["open", "protected", "cosign"])
def test_the_door_opens_every_file(data: bytes) -> None:
    locked = data != OPEN
    assert opened(data, PASSPHRASE if locked else None) == OWNER
    assert opened(data, answer=PASSPHRASE if locked else b"") == OWNER


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_the_door_opens_what_openssl_wrote_before_pkcs8(passphrase: bytes | None) -> None:
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    sec1 = OWNER._key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, protection)
    assert b"BEGIN EC PRIVATE KEY" in sec1
    assert opened(sec1, answer=passphrase or b"") == OWNER


@pytest.mark.parametrize("data", [OPEN, PROTECTED, COSIGN], ids=["open", "protected", "cosign"])
def test_the_door_stays_shut_for_a_wrong_passphrase(data: bytes) -> None:
    assert refusal(opened, data, b"battery staple") is SealRefusal.KEY_PASSPHRASE


@pytest.mark.parametrize("data", [b"", b"text", OWNER.public.to_pem(), b"-----BEGIN ENCRYPTED"])
def test_what_is_no_private_key(data: bytes) -> None:
    given_ = b"pw" if b"ENCRYPTED" in data else None
    assert refusal(opened, data, given_) in {SealRefusal.KEY_INVALID, SealRefusal.KEY_PASSPHRASE}


def test_a_passphrase_is_in_no_repr() -> None:
    assert "correct" not in repr(Secrets(never, never, PASSPHRASE))


@pytest.mark.parametrize(
    ("place", "uri"),
    [
        ("pkcs11:token=a", True),
        ("awskms:alias/a", True),
        ("hv:a", True),
        ("gcpkms:a", True),
        ("PKCS11:token=a", True),
        ("owner.key", False),
        ("./pkcs11:a", False),
        ("keys/hv:a", False),
    ],
)
def test_what_is_a_uri_and_what_a_file(place: str, uri: bool) -> None:
    assert is_key_uri(place) is uri


def test_a_scheme_in_capitals_is_refused_and_its_pin_not_repeated() -> None:
    place = "PKCS11:token=a;object=b?module-path=/a.so&pin-value=98765"
    secrets = Secrets(never, never)
    with pytest.raises(SealError) as caught, open_signer(place, secrets=secrets):
        pass
    assert caught.value.code == SealRefusal.KEY_URI
    assert "98765" not in str(caught.value)


def test_nothing_of_another_place_is_imported_for_a_file() -> None:
    code = (
        "import sys, sealing.signers.open as o\n"
        "read = lambda _: open(0, 'rb').read()\n"
        "with o.open_signer('a', secrets=o.Secrets(read, read)) as key: key.sign(b'')\n"
        "print({'pkcs11', 'boto3', 'hvac', 'securesystemslib', 'nacl'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=OPEN, capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
FILES = st.text("abc/. é?&;%", max_size=20).map(lambda text: f"/a{text}")


@given(
    st.builds(
        Pkcs11Uri,
        module_path=FILES,
        token=TEXTS,
        serial=st.none() | TEXTS,
        manufacturer=st.none() | TEXTS,
        model=st.none() | TEXTS,
        slot_id=st.none() | st.integers(0, 2**64 - 1),
        object=st.none() | TEXTS,
        id=st.none() | st.binary(min_size=1, max_size=40),
        pin_source=st.none() | FILES,
    )
)
def test_a_uri_means_what_it_was_written_for(uri: Pkcs11Uri) -> None:
    if len(str(uri)) <= limits.KEY_URI_CHARS:
        assert parse_pkcs11_uri(str(uri)) == uri


@given(st.text(max_size=60))
def test_any_other_text_is_refused_without_its_pin(text: str) -> None:
    with pytest.raises(SealError) as caught:
        parse_pkcs11_uri(f"pkcs11:token=a;object=b?pin-value=987654321&{text}")
    assert "987654321" not in str(caught.value)


@given(st.binary(max_size=200), st.integers(0, len(COSIGN)))
def test_any_bytes_are_a_key_file_or_refused(noise: bytes, at: int) -> None:
    for data in (noise, COSIGN[:at] + noise + COSIGN[at:]):
        assert is_cosign_key(data) in {True, False}
        try:
            parse_cosign_key(data)
        except SealError:
            continue
