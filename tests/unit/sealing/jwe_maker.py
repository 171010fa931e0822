"""Writes JWE and whole artifacts as other tools do: by hand, so that our reader is checked.

RSA-OAEP is made from its definition (RFC 8017, 7.1.1) with a fixed seed, so that vectors are the
same every time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from sealing.oci.blob import Blob
from sealing.oci.layout import OciLayout
from tests.unit.sealing.makers import NONCE, SYMKEY, b64, digest, options_json

CONTENT_KEY = bytes(range(0x80, 0xA0))
IV = bytes(range(0xA0, 0xAC))
SEED = b"the same seed in every vector of OAEP here, which nobody else must do"
CURVES = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48), "secp521r1": ("P-521", 66)}

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def point(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    curve, size = CURVES[key.curve.name]
    numbers = key.public_numbers()
    return {
        "kty": "EC",
        "crv": curve,
        "x": url64(numbers.x.to_bytes(size, "big")),
        "y": url64(numbers.y.to_bytes(size, "big")),
    }


def oaep(key: rsa.RSAPublicKey, message: bytes, name: str) -> bytes:
    size, hashed = key.key_size // 8, hashlib.new(name).digest_size
    block = hashlib.new(name).digest()
    block += bytes(size - len(message) - 2 * hashed - 2) + b"\1" + message
    seed = SEED[:hashed]
    masked = xor(block, mgf(seed, len(block), name))
    number = b"\0" + xor(seed, mgf(masked, hashed, name)) + masked
    public = key.public_numbers()
    return pow(int.from_bytes(number, "big"), public.e, public.n).to_bytes(size, "big")


def mgf(seed: bytes, size: int, name: str) -> bytes:
    blocks = (hashlib.new(name, seed + struct.pack(">I", n)).digest() for n in range(size))
    out = b""
    while len(out) < size:
        out += next(blocks)
    return out[:size]


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def ephemeral_of(key: ec.EllipticCurvePublicKey) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(0xE9, key.curve)


def agree(key: ec.EllipticCurvePublicKey, algorithm: str, size: int) -> bytes:
    """Return the wrapping key: one round of the Concat KDF (RFC 7518, 4.6.2)."""
    shared = ephemeral_of(key).exchange(ec.ECDH(), key)
    name = algorithm.encode()
    other = struct.pack(">I", len(name)) + name + bytes(8) + struct.pack(">I", 8 * size)
    return hashlib.sha256(struct.pack(">I", 1) + shared + other).digest()[:size]


def wrapped(key: PublicKey, algorithm: str) -> tuple[dict[str, Any], bytes]:
    """Return header members of a recipient and the wrapped content key."""
    if isinstance(key, rsa.RSAPublicKey):
        name = "sha1" if algorithm == "RSA-OAEP" else "sha256"
        return {"alg": algorithm}, oaep(key, CONTENT_KEY, name)
    size = int(algorithm[len("ECDH-ES+A") : -len("KW")]) // 8
    header = {"alg": algorithm, "epk": point(ephemeral_of(key).public_key())}
    return header, aes_key_wrap(agree(key, algorithm, size), CONTENT_KEY)


def default_algorithm(key: PublicKey) -> str:
    return "RSA-OAEP" if isinstance(key, rsa.RSAPublicKey) else "ECDH-ES+A256KW"


def message(protected: dict[str, Any], secret: bytes) -> dict[str, Any]:
    head = url64(json.dumps(protected, separators=(",", ":")).encode())
    sealed = AESGCM(CONTENT_KEY).encrypt(IV, secret, head.encode())
    return {
        "protected": head,
        "iv": url64(IV),
        "ciphertext": url64(sealed[:-16]),
        "tag": url64(sealed[-16:]),
    }


def flattened(
    secret: bytes, key: PublicKey, algorithm: str | None = None, **header: Any
) -> dict[str, Any]:
    """Return a JWE for one recipient, as go-jose writes it."""
    members, encrypted = wrapped(key, algorithm or default_algorithm(key))
    document = message({"enc": "A256GCM"} | members | header, secret)
    return document | {"encrypted_key": url64(encrypted)}


def general(secret: bytes, *keys: PublicKey) -> dict[str, Any]:
    """Return a JWE for several recipients, with the key that go-jose writes twice."""
    recipients = []
    for key in keys:
        members, encrypted = wrapped(key, default_algorithm(key))
        recipients.append({"header": members, "encrypted_key": url64(encrypted)})
    document = message({"enc": "A256GCM"}, secret)
    first = recipients[0]["encrypted_key"]
    return document | {"recipients": recipients, "encrypted_key": first}


def to_json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def manifest_by_hand(
    module: bytes, config: bytes, annotations: dict[str, str], **kinds: str
) -> tuple[bytes, bytes]:
    """Return a manifest as tools without a canonical form write it, and the layer."""
    layer = Cipher(algorithms.AES(SYMKEY), modes.CTR(NONCE)).encryptor().update(module)
    mac = hmac.digest(SYMKEY, layer, "sha256")
    pubopts = f'{{"cipher":"AES_256_CTR_HMAC_SHA256","hmac":"{b64(mac)}","cipheroptions":{{}}}}'
    document = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": kinds.get("config_type", "application/vnd.wasm.config.v0+json"),
            "digest": digest(config),
            "size": len(config),
        },
        "layers": [
            {
                "mediaType": kinds.get("layer_type", "application/wasm+encrypted"),
                "digest": digest(layer),
                "size": len(layer),
                "annotations": {
                    "org.opencontainers.image.enc.pubopts": b64(pubopts.encode()),
                    **annotations,
                },
            }
        ],
    }
    return json.dumps(document, indent=1).encode(), layer


def seal_by_hand(store: OciLayout, tag: str, module: bytes, public: str) -> None:
    """Store `module` encrypted for a PEM key as a tool of others would."""
    key = serialization.load_pem_public_key(Path(public).read_bytes())
    assert isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey))
    config = json.dumps(
        {"os": "wasip1", "architecture": "wasm", "layerDigests": [digest(module)]}
    ).encode()
    entry = to_json(flattened(options_json(SYMKEY, digest(module), NONCE), key))
    annotations = {"org.opencontainers.image.enc.keys.jwe": b64(entry)}
    manifest, layer = manifest_by_hand(module, config, annotations)
    for blob in (config, layer):
        store.put_blob(Blob.of(blob))
    store.put_manifest(manifest, tag=tag)
