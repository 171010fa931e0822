from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import ocicrypt
from sealing.canonical import digest_of
from sealing.errors import SealError, SealRefusal
from sealing.module_source import ModuleBytes
from sealing.ocicrypt import PrivateOptions, PublicOptions
from sealing.secret import SecretBuffer
from tests.fakes.sealing import bytes_of
from tests.unit.sealing.makers import b64, fixed_entropy, options_json

# Bytes that skopeo 1.22 decrypted to the eight bytes of an empty module.
PLAINTEXT = bytes.fromhex("0061736d01000000")
CIPHERTEXT = bytes.fromhex("9ea8afa3a8f5b126")
PUBLIC = (
    b'{"cipher":"AES_256_CTR_HMAC_SHA256",'
    b'"hmac":"oYbxQoY8bfKsOSgVnLla/NpDBaCkpspA5PvPD0InHYo=","cipheroptions":{}}'
)
PRIVATE = (
    b'{"symkey":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",'
    b'"digest":"sha256:93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476",'
    b'"cipheroptions":{"nonce":"QEFCQ0RFRkdISUpLTE1OTw=="}}'
)


def refusal_of(call, *args) -> SealRefusal:
    with pytest.raises(SealError) as caught:
        call(*args)
    return caught.value.code


def test_encrypts_to_the_bytes_skopeo_reads() -> None:
    layer, public, private = ocicrypt.encrypt_layer(ModuleBytes(PLAINTEXT), entropy=fixed_entropy())
    # Whoever uploads may start again.
    for _ in range(2):
        assert bytes_of(layer) == CIPHERTEXT
    assert (layer.size, layer.digest) == (len(CIPHERTEXT), digest_of(CIPHERTEXT))
    assert public.to_json() == PUBLIC
    assert private.to_json() == PRIVATE


@pytest.mark.parametrize("as_buffer", [True, False])
def test_decrypts_into_the_callers_memory(as_buffer: bool) -> None:
    out = SecretBuffer(8) if as_buffer else memoryview(bytearray(8))
    public, private = PublicOptions.parse(PUBLIC), PrivateOptions.parse(PRIVATE)
    assert ocicrypt.decrypt_into(CIPHERTEXT, private, public, out) == PLAINTEXT


@given(st.integers(0, 63))
def test_hmac_is_compared_before_a_byte_is_written(bit: int) -> None:
    flipped = bytearray(CIPHERTEXT)
    flipped[bit // 8] ^= 1 << bit % 8
    out = memoryview(bytearray(8))
    public, private = PublicOptions.parse(PUBLIC), PrivateOptions.parse(PRIVATE)
    code = refusal_of(ocicrypt.decrypt_into, flipped, private, public, out)
    assert code == SealRefusal.HMAC_MISMATCH
    assert bytes(out) == bytes(8)


@pytest.mark.parametrize("size", [7, 9])
def test_buffers_have_the_size_of_the_layer(size: int) -> None:
    public, private = PublicOptions.parse(PUBLIC), PrivateOptions.parse(PRIVATE)
    with pytest.raises(ValueError, match="buffer"):
        ocicrypt.decrypt_into(CIPHERTEXT, private, public, memoryview(bytearray(size)))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"AES_256", b"AES_128", SealRefusal.CIPHER_UNKNOWN),
        (b"{}}", b'{"nonce":"QEFCQ0RFRkdISUpLTE1OTw=="}}', SealRefusal.CIPHER_OPTIONS),
        (b"{}}", b"[]}", SealRefusal.CIPHER_OPTIONS),
        (b"{}}", b'{},"x":1}', SealRefusal.UNKNOWN_MEMBER),
        (b',"cipheroptions":{}', b"", SealRefusal.MALFORMED),
        (b'":"o', b'": "o', SealRefusal.NOT_CANONICAL),
        (b"HYo=", b"", SealRefusal.MALFORMED),
        (b"HYo=", b"HYp=", SealRefusal.NOT_CANONICAL),
    ],
)
def test_public_options_are_exact(old: bytes, new: bytes, code: SealRefusal) -> None:
    assert refusal_of(PublicOptions.parse, PUBLIC.replace(old, new)) == code


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"sha256:", b"sha512:", SealRefusal.MALFORMED),
        (b'":"I', b'": "I', SealRefusal.NOT_CANONICAL),
        (b"Tw==", b"Tx==", SealRefusal.NOT_CANONICAL),
        (b'"nonce"', b'"Nonce"', SealRefusal.UNKNOWN_MEMBER),
        (b'{"nonce":"QEFCQ0RFRkdISUpLTE1OTw=="}', b"{}", SealRefusal.MALFORMED),
    ],
)
def test_private_options_are_exact(old: bytes, new: bytes, code: SealRefusal) -> None:
    assert refusal_of(PrivateOptions.parse, PRIVATE.replace(old, new)) == code


@pytest.mark.parametrize("size", [31, 32, 33])
def test_key_length(size: int) -> None:
    digest = PrivateOptions.parse(PRIVATE).digest
    data = options_json(bytes(size), digest, bytes(16))
    if size == 32:
        assert PrivateOptions.parse(data).symkey == bytes(32)
    else:
        assert refusal_of(PrivateOptions.parse, data) == SealRefusal.MALFORMED


@pytest.mark.parametrize("size", [15, 16, 17])
def test_nonce_length(size: int) -> None:
    digest = PrivateOptions.parse(PRIVATE).digest
    data = options_json(bytes(32), digest, bytes(size))
    if size == 16:
        assert PrivateOptions.parse(data).nonce == bytes(16)
    else:
        assert refusal_of(PrivateOptions.parse, data) == SealRefusal.MALFORMED


@given(st.binary(max_size=99))
def test_any_bytes_are_options_or_our_error(data: bytes) -> None:
    for parse in (PublicOptions.parse, PrivateOptions.parse):
        assert refusal_of(parse, data)


@pytest.mark.parametrize("data", [b'{"symkey":1.25}', b'{"1.25":1}', b'{"symkey":1.25'])
def test_refusals_quote_nothing(data: bytes) -> None:
    with pytest.raises(SealError) as caught:
        PrivateOptions.parse(data)
    assert "1.25" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_refusals_do_not_quote_the_key() -> None:
    with pytest.raises(SealError) as caught:
        PrivateOptions.parse(PRIVATE.replace(b"Tw==", b"Tx=="))
    assert b64(bytes(range(0x20, 0x40)))[:12] not in str(caught.value)
