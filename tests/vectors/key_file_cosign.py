"""Cases of steps K7 to K10 (key files of cosign) and K12 to K14 (pkcs11: URIs)."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from nacl.secret import SecretBox

from sealing import limits
from tests.unit.sealing.makers import OWNER, OWNER_ED25519
from tests.vectors.folder import ACCEPTED

LABEL = "ENCRYPTED SIGSTORE PRIVATE KEY"
INVALID, PASSPHRASE, URI = "seal-key-invalid", "seal-key-passphrase", "seal-key-uri"
SALT, NONCE = bytes(range(32)), bytes(range(24))
CORRECT = b"correct horse"
Plain = tuple[str, str, str, bytes]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def document(plain: bytes, cost: int = 1 << 15, passphrase: bytes = CORRECT) -> dict[str, Any]:
    key = hashlib.scrypt(passphrase, salt=SALT, n=cost, r=8, p=1, maxmem=256 << 20, dklen=32)
    return {
        "kdf": {"name": "scrypt", "params": {"N": cost, "r": 8, "p": 1}, "salt": b64(SALT)},
        "cipher": {"name": "nacl/secretbox", "nonce": b64(NONCE)},
        "ciphertext": b64(SecretBox(key).encrypt(plain, NONCE).ciphertext),
    }


def pem(text: bytes, label: str = LABEL, end: str | None = None) -> bytes:
    body = base64.encodebytes(text).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {end or label}-----\n".encode()


def written(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


GOOD = document(OWNER.to_pkcs8())


def bent(
    name: str, why: str, bend: Callable[[dict[str, Any]], object], expect: str = INVALID
) -> Plain:
    value = copy.deepcopy(GOOD)
    bend(value)
    return (name, why, expect, pem(written(value)))


def with_cost(name: str, **params: Any) -> Plain:
    return bent(
        f"cosign-{name}", "K8: a cost of cosign's", lambda v: v["kdf"]["params"].update(params)
    )


def p384() -> bytes:
    return ec.derive_private_key(7, ec.SECP384R1()).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def inside(name: str, why: str, plain: bytes, expect: str = INVALID) -> Plain:
    return (f"cosign-{name}", why, expect, pem(written(document(plain))))


TEXT = written(GOOD)
COSIGN_CASES: tuple[Plain, ...] = (
    ("cosign-p256", "K7: ECDSA P-256", ACCEPTED, pem(TEXT)),
    (
        "cosign-old-label",
        "K7: the older label",
        ACCEPTED,
        pem(TEXT, LABEL.replace("SIGSTORE", "COSIGN")),
    ),
    inside("ed25519", "K10: Ed25519", OWNER_ED25519.to_pkcs8(), ACCEPTED),
    ("cosign-owasp", "K8: 128 MiB", ACCEPTED, pem(written(document(OWNER.to_pkcs8(), 1 << 17)))),
    ("cosign-other-label", "K7: a label of cosign's", INVALID, pem(TEXT, "ENCRYPTED PRIVATE KEY")),
    ("cosign-two-labels", "K7: one label", INVALID, pem(TEXT, end="PRIVATE KEY")),
    ("cosign-twice", "K7: one block", INVALID, pem(TEXT) * 2),
    ("cosign-text-before", "K7: nothing else", INVALID, b"Key: mine\n" + pem(TEXT)),
    ("cosign-text-after", "K7: nothing else", INVALID, pem(TEXT) + b"mine\n"),
    ("cosign-not-base64", "K7: base64", INVALID, pem(TEXT).replace(b"eyJr", b"eyJ=")),
    (
        "cosign-too-large",
        "K7: at most 64 KiB",
        "seal-too-large",
        pem(TEXT) + b"\n" * limits.PEM_BYTES,
    ),
    ("cosign-not-json", "K7: JSON", "seal-malformed", pem(TEXT[:-1])),
    ("cosign-array", "K7: an object", INVALID, pem(written([GOOD]))),
    (
        "cosign-duplicate",
        "K7: each member once",
        "seal-duplicate-member",
        pem(TEXT.replace(b'{"kdf"', b'{"ciphertext":"","kdf"')),
    ),
    bent("cosign-unknown-member", "K7: no other member", lambda v: v.update(hint="x")),
    bent("cosign-no-cipher", "K7: every member", lambda v: v.pop("cipher")),
    bent("cosign-kdf-member", "K7: no other member", lambda v: v["kdf"].update(hint="x")),
    bent("cosign-kdf-text", "K7: an object", lambda v: v.update(kdf="scrypt")),
    bent("cosign-cipher-member", "K7: no other member", lambda v: v["cipher"].update(hint="x")),
    bent("cosign-salt-number", "K7: base64", lambda v: v["kdf"].update(salt=7)),
    bent("cosign-salt-base64", "K7: base64", lambda v: v["kdf"].update(salt="*" * 44)),
    bent(
        "cosign-salt-other-form",
        "K7: base64 in its one form",
        lambda v: v["kdf"].update(salt=v["kdf"]["salt"][:-2] + "9="),
    ),
    bent("cosign-salt-short", "K8: 32 bytes", lambda v: v["kdf"].update(salt=b64(SALT[:-1]))),
    bent("cosign-kdf-name", "K8: scrypt", lambda v: v["kdf"].update(name="argon2id")),
    with_cost("cost-tiny", N=2),
    with_cost("cost-between", N=1 << 14),
    with_cost("cost-huge", N=1 << 30),
    with_cost("cost-text", N="32768"),
    with_cost("block-size", r=1 << 20),
    with_cost("parallel", p=1 << 20),
    with_cost("parallel-true", p=True),
    bent("cosign-cost-member", "K7: no other member", lambda v: v["kdf"]["params"].update(s=1)),
    bent("cosign-cipher-name", "K9: secretbox", lambda v: v["cipher"].update(name="aes-gcm")),
    bent("cosign-nonce-short", "K9: 24 bytes", lambda v: v["cipher"].update(nonce=b64(NONCE[:12]))),
    bent(
        "cosign-nothing-sealed",
        "K9: more than a tag",
        lambda v: v.update(ciphertext=b64(bytes(16))),
    ),
    bent(
        "cosign-tampered",
        "K9: as it was sealed",
        lambda v: v.update(ciphertext=b64(bytes(200))),
        PASSPHRASE,
    ),
    (
        "cosign-wrong-passphrase",
        "K9: the right passphrase",
        PASSPHRASE,
        pem(written(document(OWNER.to_pkcs8(), passphrase=b"battery staple"))),
    ),
    inside("inside-p384", "K10: a key of K1", p384()),
    inside("inside-text", "K10: PKCS#8", b"not a key"),
    inside("inside-pem", "K10: DER", OWNER.to_pem()),
    inside("inside-trailing", "K10: nothing behind it", OWNER.to_pkcs8() + b"\0"),
)

MODULE = "?module-path=/usr/lib/softhsm/libsofthsm2.so"
KEY = "pkcs11:token=owner;object=release"


def uri(name: str, why: str, text: str, expect: str = URI) -> Plain:
    return (f"uri-{name}", why, expect, text.encode())


URI_CASES: tuple[Plain, ...] = (
    uri("usual", "K12: a token and a key", KEY + MODULE, ACCEPTED),
    uri(
        "everything",
        "K12: every attribute",
        "pkcs11:token=my%20token;serial=01:2;manufacturer=a(b);model=c;slot-id=0;object=%c3%a9;"
        f"id=%00%01;type=private{MODULE}&pin-source=file:/run/pin",
        ACCEPTED,
    ),
    uri("other-scheme", "K12: pkcs11", (KEY + MODULE).replace("pkcs11:", "PKCS11:")),
    uri("unknown-path", "K12: no other attribute", f"{KEY};library-version=3{MODULE}"),
    uri("unknown-query", "K12: no other attribute", f"{KEY}{MODULE}&module-name=softhsm2"),
    uri("repeated", "K12: each once", f"{KEY};token=other{MODULE}"),
    uri("repeated-query", "K12: each once", f"{KEY}{MODULE}&module-path=/usr/lib/a.so"),
    uri("empty-value", "K12: none empty", f"{KEY};id={MODULE}"),
    uri("no-equals", "K12: name and value", f"{KEY};id{MODULE}"),
    uri("empty-attribute", "K12: name and value", f"{KEY};;id=%01{MODULE}"),
    uri("space", "K12: escaped", f"pkcs11:token=my token;object=a{MODULE}"),
    uri("slash", "K12: escaped", f"pkcs11:token=a/b;object=a{MODULE}"),
    uri("not-ascii", "K12: escaped", f"pkcs11:token=é;object=a{MODULE}"),
    uri("half-escape", "K12: escaped", f"pkcs11:token=a%2;object=a{MODULE}"),
    uri("not-utf8", "K12: UTF-8", f"pkcs11:token=%ff;object=a{MODULE}"),
    uri("zero-byte", "K12: no zero bytes", f"pkcs11:token=a%00;object=a{MODULE}"),
    uri("public", "K12: a private key", f"{KEY};type=public{MODULE}"),
    uri("slot-text", "K12: a number", f"pkcs11:slot-id=one;object=a{MODULE}"),
    uri("slot-leading-zero", "K12: a number", f"pkcs11:slot-id=01;object=a{MODULE}"),
    uri("slot-too-large", "K12: a number", f"pkcs11:slot-id={1 << 64};object=a{MODULE}"),
    uri("query-in-path", "K12: escaped", f"pkcs11:token=a&pin-source=/run/pin;object=a{MODULE}"),
    uri("two-queries", "K12: one query", f"{KEY}{MODULE}?pin-source=/run/pin"),
    uri("too-long", "K12: at most 2048", f"{KEY}{'a' * 2048}{MODULE}", "seal-too-large"),
    uri("pin-value", "K13: no PIN", f"{KEY}{MODULE}&pin-value=1234"),
    uri("pin-in-path", "K13: no PIN", f"{KEY};pin-value=1234{MODULE}"),
    uri("pin-source-relative", "K13: an absolute path", f"{KEY}{MODULE}&pin-source=pin"),
    uri("pin-source-command", "K13: a file", f"{KEY}{MODULE}&pin-source=|/bin/cat"),
    uri("pin-source-host", "K13: a file here", f"{KEY}{MODULE}&pin-source=file://host/pin"),
    uri("no-module", "K14: a library", KEY),
    uri("relative-module", "K14: an absolute path", f"{KEY}?module-path=libsofthsm2.so"),
    uri("no-token", "K14: a token", f"pkcs11:object=release{MODULE}"),
    uri("nothing", "K14: a library", "pkcs11:"),
)
