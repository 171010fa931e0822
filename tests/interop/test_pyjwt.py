"""PyJWT reads our attestation results with the published key, and we read what PyJWT writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.ear import EarPolicy, issue_ear, verify_ear
from attestation.ear_keys import key_id_of, load_ear_keys, public_jwk
from attestation.encoding import b64url_encode
from attestation.errors import EvidenceError, Refusal
from keybroker import protocol
from tests.fakes.silicon import NOW, private_key
from tests.fakes.world import START, make_world
from tests.unit.attestation.test_appraise_and_ear import KNOWN, appraise, claims

STRANGER = ec.generate_private_key(ec.SECP256R1())
NONCE = bytes(range(32))
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Published:
    """What a broker publishes and sends, and the key behind it."""

    key: ec.EllipticCurvePrivateKey
    jwk: dict[str, str]
    issuer: str
    nonce: bytes
    token: str

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    with make_world(tmp_path_factory.mktemp("world")) as world:
        challenge, runner = world.challenge(), world.runner()
        answer = world.release(runner.request(challenge))
        descriptor = protocol.verify_descriptor(world.broker.descriptor, identity=world.identity)
        return Published(
            key=world.broker.releases.keys.ear_private_key(),
            jwk=descriptor.ear["jwk"],
            issuer=f"urn:sealwasm:broker:{world.identity}",
            nonce=challenge.nonce,
            token=runner.verify(answer, world).document.result,
        )


def theirs(token: str, jwk: dict[str, str], **options: Any) -> dict[str, Any]:
    """The claims that PyJWT reads. Its clock cannot be turned, so it is not asked for the time."""
    unchecked = {"verify_exp": False, "verify_iat": False}
    return jwt.decode(token, jwt.PyJWK(jwk), algorithms=["ES256"], options=unchecked, **options)


def ours(token: str, published: Published, **changes: Any) -> Any:
    """The claims that we read, at the time when the broker of `published` sent its token."""
    policy = {"issuer": published.issuer, "audience": "acme", "nonce": published.nonce}
    keys = load_ear_keys(json.dumps(published.jwk).encode())
    return verify_ear(token, keys=keys, policy=EarPolicy(**(policy | changes)), now=START)


def members(published: Published, **changes: Any) -> dict[str, Any]:
    """The payload of the broker's own token for the audience of `ours`; None leaves one out."""
    changed = theirs(published.token, published.jwk) | {"aud": "acme"} | changes
    return {name: value for name, value in changed.items() if value is not None}


def test_pyjwt_reads_the_ear_of_a_release(published: Published) -> None:
    found = theirs(published.token, published.jwk, issuer=published.issuer)
    assert found["eat_nonce"] == b64url_encode(published.nonce)
    assert found["submods"]["snp"]["ear.sealwasm.simulated"] is True
    header = jwt.get_unverified_header(published.token)
    assert header == {"alg": "ES256", "kid": published.jwk["kid"], "typ": "JWT"}


def test_pyjwt_finds_the_key_in_a_set(published: Published) -> None:
    other = public_jwk(STRANGER.public_key())
    keys = jwt.PyJWKSet.from_dict({"keys": [other, published.jwk]})
    kid = jwt.get_unverified_header(published.token)["kid"]
    unchecked = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(published.token, keys[kid], algorithms=["ES256"], options=unchecked)


def test_pyjwt_understands_our_times_and_audience() -> None:
    now = datetime.now(UTC)

    def read(start: datetime) -> Any:
        token = issue_ear(
            appraise(claims(), KNOWN),
            key=STRANGER,
            issuer="us",
            audience="acme",
            now=start,
            ttl_seconds=1800,
            nonce=NONCE,
        )
        required = {"require": ["exp", "iat", "iss", "aud", "eat_profile", "submods"]}
        key = jwt.PyJWK(public_jwk(STRANGER.public_key()))
        return jwt.decode(
            token, key, algorithms=["ES256"], issuer="us", audience="acme", options=required
        )

    assert read(now)["iat"] == int(now.timestamp())
    with pytest.raises(jwt.ExpiredSignatureError):
        read(now - HOUR)
    with pytest.raises(jwt.ImmatureSignatureError):
        read(now + HOUR)


def test_pyjwt_refuses_what_was_changed(published: Published) -> None:
    header, payload, signature = published.token.split(".")
    other = issue_ear(
        appraise(claims(), KNOWN), key=STRANGER, issuer="us", now=NOW, ttl_seconds=60, nonce=NONCE
    )
    for parts in (
        (header, other.split(".")[1], signature),
        (other.split(".")[0], payload, signature),
        (header, payload, other.split(".")[2]),
    ):
        with pytest.raises(jwt.InvalidSignatureError):
            theirs(".".join(parts), published.jwk)
    with pytest.raises(jwt.InvalidSignatureError):
        theirs(published.token, public_jwk(STRANGER.public_key()))


@pytest.mark.parametrize(
    ("header", "audience"),
    [
        ({}, "acme"),
        ({"kid": None}, "acme"),
        ({"typ": "eat+jwt"}, "acme"),
        ({"cty": "application/eat"}, ["other", "acme"]),
    ],
)
def test_we_read_an_ear_by_pyjwt(published: Published, header: Any, audience: Any) -> None:
    payload = members(published, aud=audience, **{"private.claim": {"a": [1, 2.5, None]}})
    token = encode(published, payload, **header)
    found = ours(token, published)
    assert dict(found.members) == payload
    assert found.simulated


def encode(published: Published, payload: dict[str, Any], **header: Any) -> str:
    """What PyJWT makes with the broker's key."""
    headers = {"kid": published.jwk["kid"]} | header
    known = {name: value for name, value in headers.items() if value is not None}
    return jwt.encode(payload, published.key, "ES256", headers=known)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "urn:sealwasm:broker:other"}, Refusal.ISSUER_MISMATCH),
        ({"aud": ["other"]}, Refusal.AUDIENCE_MISMATCH),
        ({"aud": None}, Refusal.AUDIENCE_MISMATCH),
        ({"eat_nonce": "AAAA"}, Refusal.NONCE_MISMATCH),
        ({"exp": START}, Refusal.TOKEN_EXPIRED),
        ({"iat": START + HOUR, "exp": START + 2 * HOUR}, Refusal.TOKEN_NOT_YET_VALID),
        ({"nbf": START + HOUR}, Refusal.TOKEN_NOT_YET_VALID),
        ({"exp": None}, Refusal.MISSING_CLAIMS),
        ({"submods": None}, Refusal.MISSING_CLAIMS),
        ({"eat_profile": "urn:other"}, Refusal.MALFORMED),
    ],
    ids=str,
)
def test_we_refuse_an_ear_by_pyjwt(published: Published, changes: Any, code: Refusal) -> None:
    require_refused(encode(published, members(published, **changes)), published, code)


def require_refused(token: str, published: Published, code: Refusal) -> None:
    with pytest.raises(EvidenceError) as caught:
        ours(token, published)
    assert caught.value.code is code


class Careless(jwt.algorithms.HMACAlgorithm):
    """HMAC as it was before PyJWT looked at what it is given for a secret."""

    def prepare_key(self, key: str | bytes) -> bytes:
        return key if isinstance(key, bytes) else key.encode()


def careless() -> jwt.PyJWS:
    writer = jwt.PyJWS()
    for name, digest in (("HS256", Careless.SHA256), ("HS512", Careless.SHA512)):
        writer.unregister_algorithm(name)
        writer.register_algorithm(name, Careless(digest))
    return writer


# Other algorithms, and the classic mistakes: each is refused before a key is touched.
ALGORITHMS: dict[str, tuple[str, Callable[[Published], Any]]] = {
    "none": ("none", lambda _: None),
    "HMAC under our public key": ("HS256", lambda published: published.spki),
    "HMAC under our PEM file": ("HS256", lambda published: published.pem),
    "HMAC under our JWK": ("HS256", lambda published: json.dumps(published.jwk).encode()),
    "HMAC, longer": ("HS512", lambda published: published.spki),
    "P-384": ("ES384", lambda _: ec.generate_private_key(ec.SECP384R1())),
    "secp256k1": ("ES256K", lambda _: ec.generate_private_key(ec.SECP256K1())),
    "Ed25519": ("EdDSA", lambda _: ed25519.Ed25519PrivateKey.generate()),
    "RSA": ("RS256", lambda _: rsa_key()),
    "RSA-PSS": ("PS256", lambda _: rsa_key()),
}


def rsa_key() -> rsa.RSAPrivateKey:
    return private_key("stranger")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_we_refuse_other_algorithms(published: Published, name: str) -> None:
    algorithm, key = ALGORITHMS[name]
    token = careless().encode(
        json.dumps(members(published)).encode(),
        key(published),
        algorithm,
        headers={"kid": published.jwk["kid"], "typ": "JWT"},
    )
    require_refused(token, published, Refusal.ALG_NOT_ALLOWED)
    with pytest.raises(jwt.InvalidAlgorithmError):
        theirs(token, published.jwk, audience="acme")


STRANGERS: dict[str, tuple[dict[str, Any], Refusal]] = {
    "under our key id": ({}, Refusal.SIGNATURE_INVALID),
    "under no key id": ({"kid": None}, Refusal.SIGNATURE_INVALID),
    "under its own": ({"kid": key_id_of(STRANGER.public_key())}, Refusal.UNKNOWN_SIGNING_KEY),
    "bringing its key": ({"jwk": public_jwk(STRANGER.public_key())}, Refusal.UNTRUSTED_KEY),
    "naming its address": ({"jku": "https://keys.invalid/"}, Refusal.UNTRUSTED_KEY),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_we_refuse_a_strangers_key(published: Published, name: str) -> None:
    header, code = STRANGERS[name]
    stranger = Published(STRANGER, published.jwk, "", b"", "")
    require_refused(encode(stranger, members(published), **header), published, code)


def test_we_refuse_a_critical_header_and_a_detached_payload(published: Published) -> None:
    critical = encode(published, members(published), crit=["exp"])
    require_refused(critical, published, Refusal.MALFORMED)
    detached = jwt.api_jws.encode(
        json.dumps(members(published)).encode(),
        published.key,
        "ES256",
        headers={"kid": published.jwk["kid"], "b64": False},
        is_payload_detached=True,
    )
    require_refused(detached, published, Refusal.MALFORMED)


def test_key_files_of_pyjwt_are_read(tmp_path: Path) -> None:
    public = STRANGER.public_key()
    text = jwt.algorithms.ECAlgorithm.to_jwk(public)
    (key,) = load_ear_keys(text.encode())
    assert key.public == public
    with pytest.raises(EvidenceError) as caught:
        load_ear_keys(jwt.algorithms.ECAlgorithm.to_jwk(STRANGER).encode())
    assert caught.value.code is Refusal.BAD_TRUST_ANCHOR
