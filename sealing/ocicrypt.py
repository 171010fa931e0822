"""ocicrypt layers: AES-256-CTR, then HMAC-SHA256 over the ciphertext.

The format is containers/ocicrypt `blockcipher/blockcipher_aes_ctr.go` and `encryption.go`, byte for
byte. Alone it is forgeable: the HMAC covers neither nonce nor digest nor media type. What closes
that is the strict reader here, the envelope's context and the owner signature.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Self

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sealing import canonical, limits
from sealing.canonical import Buffer
from sealing.errors import SealError, SealRefusal
from sealing.module_source import ModuleSource
from sealing.oci.blob import Blob
from sealing.secret import SecretBuffer

CIPHER: Final = "AES_256_CTR_HMAC_SHA256"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 16
HMAC_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class PublicOptions:
    """What the manifest says about the ciphertext: its HMAC, and nothing that can be overridden."""

    hmac: bytes

    def to_json(self) -> bytes:
        """Return the member order and spacing that ocicrypt writes."""
        encoded = canonical.b64encode(self.hmac)
        return b'{"cipher":"%s","hmac":"%s","cipheroptions":{}}' % (
            CIPHER.encode("ascii"),
            encoded.encode("ascii"),
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the options in `data`, or raise `SealError`.

        Any cipher option is refused: public readers let a nonce here override the wrapped one.
        """
        what = "public options"
        value = canonical.parse_json(data, limit_bytes=limits.OPTIONS_BYTES, what=what)
        value = canonical.members(value, ("cipher", "hmac", "cipheroptions"), what)
        if value["cipher"] != CIPHER:
            raise SealError(SealRefusal.CIPHER_UNKNOWN, f"expected cipher {CIPHER}")
        if value["cipheroptions"] != {}:
            raise SealError(SealRefusal.CIPHER_OPTIONS, "public cipheroptions are not empty")
        options = cls(canonical.b64decode(value["hmac"], what="hmac", size=HMAC_BYTES))
        if options.to_json() != data:
            raise SealError(
                SealRefusal.NOT_CANONICAL, f"{what} are not in the form ocicrypt writes"
            )
        return options


@dataclass(frozen=True, slots=True)
class PrivateOptions:
    """The content key, the nonce and the digest of the plaintext: what an envelope holds."""

    symkey: bytes = field(repr=False)
    digest: str = field(repr=False)
    nonce: bytes = field(repr=False)

    def to_json(self) -> bytes:
        """Return the member order and spacing that ocicrypt writes. These bytes are secret."""
        return b'{"symkey":"%s","digest":"%s","cipheroptions":{"nonce":"%s"}}' % (
            canonical.b64encode(self.symkey).encode("ascii"),
            self.digest.encode("ascii"),
            canonical.b64encode(self.nonce).encode("ascii"),
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the options in `data`, or raise `SealError`, which never quotes them."""
        what = "private options"
        found = _private_members(data, what)
        if isinstance(found, SealRefusal):
            raise SealError(found, f"{what} are not of their form")
        value, inner = found
        options = cls(
            canonical.b64decode(value["symkey"], what="symkey", size=KEY_BYTES),
            canonical.parse_digest(value["digest"], what="plaintext digest"),
            canonical.b64decode(inner["nonce"], what="nonce", size=NONCE_BYTES),
        )
        if options.to_json() != data:
            raise SealError(
                SealRefusal.NOT_CANONICAL, f"{what} are not in the form ocicrypt writes"
            )
        return options


def _private_members(data: bytes, what: str) -> tuple[dict[str, Any], dict[str, Any]] | SealRefusal:
    """Return the members of private options and of what is in them, or only why there are none.

    The words of an error name members and numbers of the text, and its cause holds all of it: no
    error that leaves here may have that one behind it.
    """
    try:
        value = canonical.parse_json(data, limit_bytes=limits.OPTIONS_BYTES, what=what)
        value = canonical.members(value, ("symkey", "digest", "cipheroptions"), what)
        inner = canonical.members(value["cipheroptions"], ("nonce",), "private cipheroptions")
    except SealError as error:
        return error.code
    return value, inner


class LayerCipher:
    """One module and the key it is encrypted under. Makes the same ciphertext at every call.

    Nothing of it is stored: an upload that starts again encrypts again. The key lies in memory
    that is kept out of swap and core files for as long as somebody may still ask.
    """

    def __init__(self, module: ModuleSource, symkey: bytes, nonce: bytes) -> None:
        self._module = module
        self._key = SecretBuffer.of(symkey)
        self._nonce = nonce

    def chunks(self) -> Iterator[Buffer]:
        """Give the ciphertext from the start. Raises `SealError` if the module has changed."""
        encryptor = Cipher(algorithms.AES(self._key.view), modes.CTR(self._nonce)).encryptor()
        return (encryptor.update(chunk) for chunk in self._module.chunks())


def encrypt_layer(
    module: ModuleSource, *, entropy: Callable[[int], bytes]
) -> tuple[Blob, PublicOptions, PrivateOptions]:
    """Return the ciphertext (as long as the module), made anew for who asks, and both options.

    Takes a fresh 32-byte key, then a 16-byte nonce from `entropy`: one key per layer, never reused.
    """
    symkey, nonce = entropy(KEY_BYTES), entropy(NONCE_BYTES)
    cipher = LayerCipher(module, symkey, nonce)
    digest, mac = hashlib.sha256(), hmac.new(symkey, digestmod="sha256")
    for chunk in cipher.chunks():
        digest.update(chunk)
        mac.update(chunk)
    layer = Blob(f"sha256:{digest.hexdigest()}", module.size, cipher.chunks)
    return layer, PublicOptions(mac.digest()), PrivateOptions(symkey, module.digest, nonce)


def check_hmac(ciphertext: Buffer, private: PrivateOptions, public: PublicOptions) -> None:
    """Accept ciphertext that was made with this content key, or raise `SealError`.

    Does not cover nonce and plaintext digest; `sealing.unseal` checks the digest afterwards.
    """
    computed = hmac.digest(private.symkey, ciphertext, "sha256")
    if not hmac.compare_digest(computed, public.hmac):
        raise SealError(SealRefusal.HMAC_MISMATCH, "layer does not match its HMAC")


def decrypt_into(
    ciphertext: Buffer,
    private: PrivateOptions,
    public: PublicOptions,
    out: SecretBuffer | memoryview,
) -> memoryview:
    """Check the HMAC, then decrypt straight into `out`; return the plaintext as a view of it.

    Raises `SealError` before a byte is decrypted, and `ValueError` when `out` has another size
    than the ciphertext, which is a mistake of the caller.
    """
    view = out.view if isinstance(out, SecretBuffer) else out
    if len(view) != len(ciphertext):
        raise ValueError(f"buffer is {len(view)} bytes, layer is {len(ciphertext)}")
    check_hmac(ciphertext, private, public)
    decryptor = Cipher(algorithms.AES(private.symkey), modes.CTR(private.nonce)).decryptor()
    decryptor.update_into(ciphertext, view)
    return view
