from __future__ import annotations

import json
from typing import Any

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.keys import SigningKey
from sealing.signatures.cosign import (
    SIGNATURE_ANNOTATION,
    SimpleClaim,
    simple_signature,
    verify_simple,
)
from tests.unit.sealing import makers

DIGEST = "sha256:" + "ab" * 32


def test_the_parts_of_a_signature_tag() -> None:
    found = simple_signature(DIGEST, "registry.example/acme/scoring", makers.OWNER)
    assert found.tag == f"sha256-{'ab' * 32}.sig"
    assert found.payload == (
        b'{"critical":{"identity":{"docker-reference":"registry.example/acme/scoring"},'
        b'"image":{"docker-manifest-digest":"%s"},'
        b'"type":"cosign container image signature"},"optional":null}' % DIGEST.encode()
    )
    assert json.loads(found.config)["rootfs"]["diff_ids"] == [makers.digest(found.payload)]
    signature = makers.unb64(found.annotations[SIGNATURE_ANNOTATION])
    makers.OWNER.public.verify(signature, found.payload)


def test_other_keys_cannot_sign_this_form() -> None:
    with pytest.raises(SealError) as caught:
        simple_signature(DIGEST, "registry.example/a", makers.OWNER_ED25519)
    assert caught.value.code == SealRefusal.KEY_INVALID
    with pytest.raises(SealError):
        simple_signature("latest", "registry.example/a", makers.OWNER)


def claim(**changes: Any) -> bytes:
    """Return the payload cosign writes, with members of `critical` replaced."""
    critical = {
        "identity": {"docker-reference": "registry.example/a"},
        "image": {"docker-manifest-digest": DIGEST},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical | changes, "optional": {"by": "me"}}).encode()


def verify(payload: bytes, key: SigningKey = makers.OWNER) -> SimpleClaim:
    return verify_simple(
        payload,
        makers.b64(key.sign(payload)),
        manifest_digest=DIGEST,
        keys=[makers.OWNER_ED25519.public, makers.OWNER.public],
    )


def test_what_cosign_signed_is_read() -> None:
    assert verify(claim()) == SimpleClaim(makers.OWNER.public, "registry.example/a")
    ours = simple_signature(DIGEST, "registry.example/b", makers.OWNER)
    found = verify_simple(
        ours.payload,
        ours.annotations[SIGNATURE_ANNOTATION],
        manifest_digest=DIGEST,
        keys=[makers.OWNER.public],
    )
    assert found.docker_reference == "registry.example/b"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"{}", "malformed"),
        (b"no JSON", "malformed"),
        (b'{"critical":{},"optional":null}', "malformed"),
        (claim().replace(b'{"by": "me"}', b"7"), "malformed"),
        (claim().replace(b'"optional"', b'"critical": {}, "optional"'), "duplicate-member"),
        (claim(x=1), "unknown-member"),
        (claim(type="atomic container signature"), "statement-type"),
        (claim(identity={"docker-reference": 1}), "malformed"),
        (claim(identity={}), "malformed"),
        (claim(image={"docker-manifest-digest": "latest"}), "malformed"),
        (claim(image={"docker-manifest-digest": "sha256:" + "00" * 32}), "statement-mismatch"),
        (b" " * (64 << 10) + claim(), "too-large"),
    ],
)
def test_signed_payload_is_refused(payload: bytes, code: str) -> None:
    with pytest.raises(SealError) as caught:
        verify(payload)
    assert caught.value.code == f"seal-{code}"


def test_signature_of_a_stranger_is_refused() -> None:
    with pytest.raises(SealError) as caught:
        verify(claim(), makers.STRANGER)
    assert caught.value.code == SealRefusal.SIGNER_UNKNOWN
    with pytest.raises(SealError) as caught:
        verify_simple(claim(), "?", manifest_digest=DIGEST, keys=[makers.OWNER.public])
    assert caught.value.code == SealRefusal.MALFORMED
