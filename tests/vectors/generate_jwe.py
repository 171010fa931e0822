"""Vectors of section J of docs/specs/other-holders.md: messages made by hand, each bent once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealing import limits
from tests.unit.sealing import jwe_maker
from tests.unit.sealing.jwe_maker import flattened, general, point, to_json, url64
from tests.unit.sealing.makers import NONCE, SYMKEY, digest, options_json
from tests.unit.sealing.wasm_maker import SMALL
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case
from tests.vectors.jwe_world import (
    EC_KEY,
    EC_KEY_384,
    EC_KEY_521,
    RSA_KEY,
    SHORT_RSA_KEY,
)

SECRET = options_json(SYMKEY, digest(SMALL), NONCE)
OPEN, KEY = "open", "key"


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    data: bytes
    holder: str = "p256"
    stage: str = OPEN


def bent(change: Callable[[dict[str, Any]], Any]) -> bytes:
    document = flattened(SECRET, EC_KEY.public_key())
    change(document)
    return to_json(document)


def two(change: Callable[[dict[str, Any]], Any] = lambda _: None) -> bytes:
    document = general(SECRET, RSA_KEY.public_key(), EC_KEY.public_key())
    change(document)
    return to_json(document)


def with_header(**header: Any) -> bytes:
    return to_json(flattened(SECRET, EC_KEY.public_key(), **header))


def with_point(**members: Any) -> bytes:
    ephemeral = point(jwe_maker.ephemeral_of(EC_KEY.public_key()).public_key())
    return with_header(epk=ephemeral | members)


def refused(name: str, why: str, code: str, data: bytes, **rest: Any) -> Case:
    return Case(name, why, f"seal-{code}", data, **rest)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def jwk(**members: Any) -> bytes:
    return json.dumps(point(EC_KEY.public_key()) | members).encode()


def rsa_jwk(**members: Any) -> bytes:
    numbers = RSA_KEY.public_key().public_numbers()
    document = {"kty": "RSA", "n": url64(numbers.n.to_bytes(256, "big")), "e": "AQAB"}
    return json.dumps(document | members).encode()


def public(name: str, why: str, data: bytes, code: str | None = None) -> Case:
    return Case(name, why, ACCEPTED if code is None else f"seal-{code}", data, stage=KEY)


ACCEPTED_CASES = (
    Case(
        "rsa-oaep",
        "J5: as ocicrypt writes for an RSA PEM key",
        ACCEPTED,
        to_json(flattened(SECRET, RSA_KEY.public_key())),
        "rsa",
    ),
    Case(
        "rsa-oaep-256",
        "J5: as it writes for a JWK that says so",
        ACCEPTED,
        to_json(flattened(SECRET, RSA_KEY.public_key(), "RSA-OAEP-256")),
        "rsa",
    ),
    Case("p256", "J5: as it writes for an elliptic key", ACCEPTED, with_header()),
    Case(
        "p384",
        "J7: another curve",
        ACCEPTED,
        to_json(flattened(SECRET, EC_KEY_384.public_key())),
        "p384",
    ),
    Case(
        "p521",
        "J7: another curve",
        ACCEPTED,
        to_json(flattened(SECRET, EC_KEY_521.public_key())),
        "p521",
    ),
    Case(
        "a128kw",
        "J5: a JWK may ask for a shorter wrapping key",
        ACCEPTED,
        to_json(flattened(SECRET, EC_KEY.public_key(), "ECDH-ES+A128KW")),
    ),
    Case("two-recipients-first", "J2: general form", ACCEPTED, two(), "rsa"),
    Case("two-recipients-second", "J2: general form", ACCEPTED, two()),
    Case(
        "two-recipients-plain",
        "J2: the repeated key may be missing",
        ACCEPTED,
        two(lambda one: one.pop("encrypted_key")),
    ),
    Case("key-id", "J6: a key id means nothing", ACCEPTED, with_header(kid="ours")),
    Case(
        "spaced",
        "J1: order and spaces are free",
        ACCEPTED,
        json.dumps(json.loads(with_header()), indent=2, sort_keys=True).encode(),
    ),
    public("public-rsa", "J8: an RSA key", pem(RSA_KEY)),
    public("public-p521", "J8: a key on P-521", pem(EC_KEY_521)),
    public("public-jwk", "J8: a key as JWK", jwk(kid="ours", use="enc")),
    public("public-rsa-jwk", "J8: an RSA key as JWK, with an algorithm", rsa_jwk(alg="RSA-OAEP")),
)

REFUSED_CASES = (
    refused("too-large", "J1: at most 32 KiB", "too-large", b" " * (limits.JWE_BYTES + 1)),
    refused("not-json", "J1: JSON", "malformed", b"eyJhbGciOiJub25lIn0..."),
    refused("array", "J1: an object", "malformed", b"[]"),
    refused(
        "repeated-member",
        "J1: no object names a member twice",
        "duplicate-member",
        with_header().replace(b'{"protected"', b'{"iv":"","protected"', 1),
    ),
    refused(
        "repeated-header",
        "J1: no header names a member twice",
        "duplicate-member",
        bent(
            lambda one: one.update(
                protected=url64(b'{"alg":"RSA-OAEP","alg":"RSA-OAEP","enc":"A256GCM"}')
            )
        ),
    ),
    refused(
        "aad",
        "J2: nothing else is authenticated",
        "unknown-member",
        bent(lambda one: one.update(aad="eA")),
    ),
    refused(
        "unprotected",
        "J2: no unprotected header",
        "unknown-member",
        bent(lambda one: one.update(unprotected={"zip": "DEF"})),
    ),
    refused("no-tag", "J2: no missing member", "malformed", bent(lambda one: one.pop("tag"))),
    refused(
        "one-in-a-list",
        "J2: one recipient has the other form",
        "envelope-count",
        two(lambda one: one["recipients"].pop()),
    ),
    refused(
        "seventeen-recipients",
        "J2: at most 16",
        "envelope-count",
        two(lambda one: one.update(recipients=one["recipients"][:1] * 17)),
    ),
    refused(
        "seven-rsa-recipients",
        "J2: at most 6 with RSA",
        "envelope-count",
        two(lambda one: one.update(recipients=one["recipients"][:1] * 7)),
    ),
    refused(
        "repeated-key-differs",
        "J2: the repeated key is the first one",
        "malformed",
        two(lambda one: one.update(encrypted_key="AAAA")),
    ),
    refused(
        "recipient-with-a-signature",
        "J2: no unknown member",
        "unknown-member",
        two(lambda one: one["recipients"][1].update(signature="x")),
    ),
    refused(
        "shared-algorithm",
        "J6: several recipients say each how",
        "unknown-member",
        two(lambda one: one.update(protected=url64(b'{"alg":"dir","enc":"A256GCM"}'))),
    ),
    refused(
        "padded", "J3: no padding", "malformed", bent(lambda one: one.update(iv=one["iv"] + "="))
    ),
    refused(
        "standard-alphabet",
        "J3: the URL alphabet",
        "malformed",
        bent(lambda one: one.update(iv="++++++++++++++++")),
    ),
    refused(
        "unused-bits",
        "J3: base64url in its one form",
        "not-canonical",
        bent(lambda one: one.update(tag=one["tag"][:-1] + "x")),
    ),
    refused("short-iv", "J3: 12 bytes of IV", "malformed", bent(lambda one: one.update(iv="AAAA"))),
    refused(
        "short-tag",
        "J3: 16 bytes of tag",
        "malformed",
        bent(lambda one: one.update(tag=one["tag"][:16])),
    ),
    refused(
        "long-ciphertext",
        "J3: at most 1 KiB",
        "too-large",
        to_json(flattened(bytes(limits.OPTIONS_BYTES + 1), EC_KEY.public_key())),
    ),
    refused("enc-a128cbc", "J4: A256GCM", "suite-unknown", with_header(enc="A128CBC-HS256")),
    refused("enc-a128gcm", "J4: A256GCM", "suite-unknown", with_header(enc="A128GCM")),
    refused(
        "no-enc",
        "J4: A256GCM",
        "suite-unknown",
        bent(lambda one: one.update(protected=url64(b'{"alg":"RSA-OAEP"}'))),
    ),
    refused("alg-none", "J5: an algorithm", "suite-unknown", with_header(alg="none")),
    refused("alg-dir", "J5: no shared key", "suite-unknown", with_header(alg="dir")),
    refused(
        "alg-password", "J5: no password", "suite-unknown", with_header(alg="PBES2-HS512+A256KW")
    ),
    refused("alg-rsa-1-5", "J5: no PKCS#1 v1.5", "suite-unknown", with_header(alg="RSA1_5")),
    refused(
        "alg-direct-agreement", "J5: a wrapped key", "suite-unknown", with_header(alg="ECDH-ES")
    ),
    refused("long-key-id", "J6: at most 2048 characters", "too-large", with_header(kid="k" * 2049)),
    refused("key-id-number", "J6: a text", "malformed", with_header(kid=1)),
    refused("zip", "J6: no compression", "unknown-member", with_header(zip="DEF")),
    refused("crit", "J6: no extension", "unknown-member", with_header(crit=["exp"], exp=1)),
    refused("party", "J6: no party names", "unknown-member", with_header(apu="QWxpY2U")),
    refused(
        "rsa-with-a-point", "J6: no unknown member", "unknown-member", with_header(alg="RSA-OAEP")
    ),
    refused(
        "no-point",
        "J6: elliptic keys have a point",
        "malformed",
        bent(lambda one: one.update(protected=url64(b'{"alg":"ECDH-ES+A256KW","enc":"A256GCM"}'))),
    ),
    refused(
        "header-not-an-object",
        "J6: headers are objects",
        "malformed",
        bent(lambda one: one.update(protected=url64(b"[]"))),
    ),
    refused(
        "point-off-the-curve",
        "J7: a point of its curve",
        "key-invalid",
        with_point(y=url64(bytes(31) + b"\1")),
    ),
    refused("point-short", "J7: coordinates have their size", "malformed", with_point(x="AAAA")),
    refused(
        "point-of-another-curve",
        "J7: P-256, P-384 or P-521",
        "suite-unknown",
        with_point(crv="secp256k1"),
    ),
    refused("point-okp", "J7: a point of these curves", "suite-unknown", with_point(kty="OKP")),
    refused("point-private", "J7: no unknown member", "unknown-member", with_point(d="AA")),
    refused(
        "other-curve-than-the-key",
        "J9: the key opens it",
        "envelope-not-opened",
        to_json(flattened(SECRET, EC_KEY_384.public_key())),
    ),
    refused(
        "stranger", "J9: the key opens it", "envelope-not-opened", with_header(), holder="stranger"
    ),
    refused(
        "rsa-for-elliptic",
        "J9: the key opens it",
        "envelope-not-opened",
        with_header(),
        holder="rsa",
    ),
    refused(
        "tag-bit",
        "J9: the tag holds",
        "envelope-not-opened",
        bent(lambda one: one.update(tag=("B" if one["tag"][0] == "A" else "A") + one["tag"][1:])),
    ),
    refused(
        "iv-bit",
        "J9: the tag holds",
        "envelope-not-opened",
        bent(lambda one: one.update(iv="A" * 16)),
    ),
    refused(
        "header-swapped",
        "J9: the tag covers the header",
        "envelope-not-opened",
        bent(lambda one: one.update(protected=json.loads(with_header(kid="x"))["protected"])),
    ),
    refused(
        "oaep-hash-swapped",
        "J9: the algorithm is what the key was wrapped with",
        "envelope-not-opened",
        two(lambda one: one["recipients"][0]["header"].update(alg="RSA-OAEP-256")),
        holder="rsa",
    ),
    public("public-rsa-1024", "J8: at least 2048 bits", pem(SHORT_RSA_KEY), "key-invalid"),
    public(
        "public-secp256k1",
        "J8: these curves",
        pem(ec.derive_private_key(7, ec.SECP256K1())),
        "key-invalid",
    ),
    public("public-not-pem", "J8: PEM or JWK", b"ssh-rsa AAAA", "key-invalid"),
    public(
        "public-private-jwk", "J8: a public key", jwk(d=url64(bytes(31) + b"\7")), "key-invalid"
    ),
    public("public-jwk-oct", "J8: RSA or elliptic", b'{"kty":"oct","k":"AA"}', "key-invalid"),
    public(
        "public-jwk-repeated",
        "J1: no repeated member",
        jwk().replace(b"{", b'{"kty": "EC", ', 1),
        "duplicate-member",
    ),
    public("public-jwk-signing", "J8: a key for encryption", jwk(use="sig"), "key-invalid"),
    public(
        "public-jwk-algorithm", "J8: an algorithm of its kind", jwk(alg="RSA-OAEP"), "suite-unknown"
    ),
    public("public-jwk-exponent", "J8: exponent 65537", rsa_jwk(e="Aw"), "key-invalid"),
    public(
        "public-jwk-padded-number",
        "J3: numbers in their shortest form",
        rsa_jwk(e="AAEAAQ"),
        "malformed",
    ),
    public(
        "public-jwk-unknown",
        "J8: no unknown member",
        jwk(x5u="https://elsewhere"),
        "unknown-member",
    ),
    public("public-too-large", "J8: at most 64 KiB", b"-" * (limits.PEM_BYTES + 1), "too-large"),
)

CASES = (*ACCEPTED_CASES, *REFUSED_CASES)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "jwe")
    for case in CASES:
        document = {"why": case.why, "expect": case.expect, "stage": case.stage}
        if case.stage == OPEN:
            document["holder"] = case.holder
        write_case(folder, case.name, document, {"data.bin": case.data})
