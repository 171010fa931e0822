from __future__ import annotations

import json

import pytest

from sealing.cosign import SIGNATURE_ANNOTATION, simple_signature
from sealing.errors import SealError, SealRefusal
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
