"""PyJWT and we read the same tokens of attestation services in the same way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from attestation.errors import EvidenceError
from attestation.jws import verify_published
from attestation.keys import load_keys
from attestation.tokens.core import ALGORITHMS
from tests.fakes.silicon import private_key
from tests.vectors.tokens_cases import KEYS, KID, MEMBERS, rsa_jwk, token

VECTORS = Path(__file__).parents[1] / "vectors" / "tokens"
SINGLE = ("gcs", "ita")
UNCHECKED: Any = dict.fromkeys(
    (f"verify_{name}" for name in ("exp", "nbf", "iat", "aud", "sub", "jti", "iss")), False
)
# Ours is stricter: these are not refused by PyJWT, or not for the signature's sake.
STRICTER = {
    "gcs-crit_refused": "the one critical header that PyJWT understands",
    "gcs-payload-twice_refused": "a member twice",
    "gcs-payload-nan_refused": "NaN",
    "gcs-keys-nameless_refused": "a key without id",
    "gcs-kid-missing_refused": "a token without key id",
    "gcs-kid-other_refused": "a key id that no key has",
    "gcs-kid-a-number_refused": "a key id that is no text",
    "gcs-line-break_refused": "a line break behind the token",
    "gcs-padded_refused": "padding",
    "gcs-too-long_refused": "any length",
}


def theirs(text: str, keys: bytes, kind: str) -> dict[str, Any]:
    """What PyJWT reads with the first key of the set, whatever the token calls its key."""
    listed = json.loads(keys)["keys"] if keys else []
    if not listed:
        raise jwt.InvalidTokenError
    algorithms = list(ALGORITHMS[kind])
    alg = jwt.get_unverified_header(text).get("alg")
    if alg not in algorithms or listed[-1].get("alg") not in {None, alg}:
        raise jwt.InvalidTokenError
    key = jwt.PyJWK(listed[-1], algorithm=alg)
    found: dict[str, Any] = jwt.decode(text, key, algorithms=algorithms, options=UNCHECKED)
    return found


def cases() -> list[Path]:
    found = []
    for path in sorted(VECTORS.glob("*/case.json")):
        case = json.loads(path.read_bytes())
        if case["kind"] in SINGLE and case["stage"] != "keys" and "keys-one" not in str(path):
            found.append(path)
    return found


@pytest.mark.parametrize("path", cases(), ids=lambda path: path.parent.name)
def test_the_same_tokens_are_signed(path: Path) -> None:
    case = json.loads(path.read_bytes())
    keys = (path.parent / case["keys"]).read_bytes()
    text = (path.parent / "token.bin").read_text(encoding="utf-8")
    kind = case["kind"]
    if case["stage"] != "signature":
        ours = verify_published(text, keys=load_keys(keys), algorithms=ALGORITHMS[kind])
        assert ours == theirs(text, keys, kind)
        return
    with pytest.raises(EvidenceError):
        verify_published(text, keys=load_keys(keys) if keys else (), algorithms=ALGORITHMS[kind])
    if path.parent.name not in STRICTER:
        with pytest.raises(jwt.PyJWTError):
            theirs(text, keys, kind)


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "PS384"])
def test_we_read_what_pyjwt_signs(algorithm: str) -> None:
    text = jwt.encode(MEMBERS["ita"], private_key("ask"), algorithm=algorithm, headers={"kid": KID})
    found = verify_published(
        text, keys=load_keys(json.dumps(rsa_jwk()).encode()), algorithms=(algorithm,)
    )
    assert found == MEMBERS["ita"]


def test_pyjwt_reads_what_we_sign_with_es384() -> None:
    text = token("nras", {"iat": 1})
    key = jwt.PyJWK(json.loads(KEYS["nras"])["keys"][0])
    assert jwt.decode(text, key, algorithms=["ES384"], options=UNCHECKED) == {"iat": 1}
