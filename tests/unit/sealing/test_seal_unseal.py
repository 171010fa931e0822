from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sealing import hpke, limits
from sealing.envelope import open_envelope
from sealing.errors import SealError, SealRefusal
from sealing.hpke import OpeningKey
from sealing.keys import VerifyingKey
from sealing.ocicrypt import PrivateOptions
from sealing.seal import SealedModule
from sealing.secret import SecretBuffer
from sealing.shapes import COMPAT
from sealing.unseal import VerifiedArtifact, unseal, verify_artifact
from tests.fakes.sealing import bytes_of, seal_for
from tests.unit.sealing import makers
from tests.unit.sealing.hidden_maker import hiding
from tests.unit.sealing.makers import unb64
from tests.unit.sealing.wasm_maker import FULL, SMALL

FIXED = makers.FixedSealingKey.from_bytes(makers.BROKER.suite, makers.BROKER.public.raw)


def seal_one(module: bytes = SMALL, **changes) -> SealedModule:
    arguments = {
        "name": "acme/scoring",
        "version": 7,
        "policy_name": "acme/prod",
        "capabilities": makers.CAPABILITIES,
        "broker_identity": makers.IDENTITY.key_id,
        "broker_key": makers.BROKER.public,
        "owner": makers.OWNER,
        "now": makers.NOW,
    }
    return seal_for(module, **(arguments | changes))


def verified(sealed: SealedModule, *owners: VerifyingKey) -> VerifiedArtifact:
    return verify_artifact(
        sealed.manifest, sealed.config, [sealed.bundle], owners=owners or [makers.OWNER.public]
    )


def refusal_of(call, *args, **kwargs) -> SealRefusal:
    with pytest.raises(SealError) as caught:
        call(*args, **kwargs)
    return caught.value.code


@pytest.mark.parametrize("owner", [makers.OWNER, makers.OWNER_ED25519])
@pytest.mark.parametrize("suite", hpke.SUITES)
@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("module", [SMALL, FULL])
def test_the_way_there_and_back(module: bytes, hidden: bool, suite: str, owner) -> None:
    broker = OpeningKey.generate(suite)
    sealed = seal_one(module, broker_key=broker.public, owner=owner, hide_details=hidden)
    artifact = verified(sealed, owner.public)
    options = open_envelope(artifact.manifest.envelopes[0], broker)
    with SecretBuffer(len(module)) as out:
        assert unseal(artifact, bytes_of(sealed.layer), options, out) == module
        assert out.view == module
    assert artifact.statement == sealed.statement
    assert artifact.statement.capabilities == makers.CAPABILITIES
    assert artifact.owner == owner.public


def test_the_published_bytes_are_those_written_by_hand() -> None:
    sealed = seal_one(broker_key=FIXED, entropy=makers.fixed_entropy())
    expected = makers.make()
    assert sealed.config == expected.config
    assert bytes_of(sealed.layer) == expected.layer
    assert sealed.manifest == expected.manifest
    assert sealed.bundle == expected.bundles[0]
    assert sealed.manifest_digest == makers.digest(expected.manifest)


def test_a_hidden_one_is_what_was_written_by_hand_too() -> None:
    sealed = seal_one(broker_key=FIXED, entropy=makers.fixed_entropy(), hide_details=True)
    expected = makers.make(**hiding())
    assert (sealed.config, sealed.manifest) == (expected.config, expected.manifest)
    assert sealed.bundle == expected.bundles[0]


def test_what_is_hidden_is_nowhere_in_the_artifact() -> None:
    secrets = [b"fd_write", makers.digest(SMALL).encode(), b"_start"]
    open_one, hidden = seal_one(), seal_one(hide_details=True, capabilities={"kind": "none"})
    for sealed, found in ((open_one, True), (hidden, False)):
        payload = unb64(json.loads(sealed.bundle)["dsseEnvelope"]["payload"])
        parts = b"".join([sealed.manifest, sealed.config, payload, bytes_of(sealed.layer)])
        assert [secret in parts for secret in secrets] == [found] * 3
    assert verified(open_one).plaintext_digest == makers.digest(SMALL)
    assert verified(hidden).plaintext_digest is None


def test_the_same_module_is_committed_to_differently_every_time() -> None:
    one, two = (verified(seal_one(hide_details=True)).statement.bill for _ in range(2))
    assert one != two


def test_a_container_image_hides_nothing() -> None:
    code = refusal_of(seal_one, shape=COMPAT, hide_details=True)
    assert code == SealRefusal.PLATFORM


def test_every_sealing_has_its_own_key() -> None:
    one, two = seal_one(), seal_one()
    assert one.layer.digest != two.layer.digest
    assert one.manifest_digest != two.manifest_digest


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "Acme"}, SealRefusal.MALFORMED),
        ({"name": "../acme"}, SealRefusal.MALFORMED),
        ({"name": "a" * (limits.NAME_CHARS + 1)}, SealRefusal.MALFORMED),
        ({"version": 0}, SealRefusal.MALFORMED),
        ({"version": True}, SealRefusal.MALFORMED),
        ({"version": limits.VERSION_MAX + 1}, SealRefusal.MALFORMED),
        ({"policy_name": ""}, SealRefusal.MALFORMED),
        ({"broker_identity": "acme"}, SealRefusal.MALFORMED),
        ({"capabilities": {"x": 0.5}}, SealRefusal.MALFORMED),
        ({"capabilities": {"x": "y" * limits.CAPABILITIES_BYTES}}, SealRefusal.TOO_LARGE),
        ({"module": b""}, SealRefusal.NOT_WASM),
        ({"module": b"#!/bin/sh"}, SealRefusal.NOT_WASM),
        ({"module": SMALL[:-1]}, SealRefusal.MODULE_MALFORMED),
        ({"module": b"\0asm\x02\0\0\0"}, SealRefusal.MODULE_UNSUPPORTED),
    ],
)
def test_what_is_not_sealed(changes: dict, code: SealRefusal) -> None:
    assert refusal_of(seal_one, **changes) == code


def test_bounds_that_still_pass() -> None:
    name = "a" * limits.NAME_CHARS
    statement = verified(seal_one(name=name, version=limits.VERSION_MAX)).statement
    assert (statement.module, statement.version) == (name, limits.VERSION_MAX)


def test_a_naive_time_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no zone"):
        seal_one(now=makers.NOW.replace(tzinfo=None))


def test_owners_are_named_and_not_guessed() -> None:
    sealed = seal_one()
    call = (verify_artifact, sealed.manifest, sealed.config)
    stranger = seal_one(owner=makers.STRANGER)
    assert refusal_of(*call, [sealed.bundle], owners=[]) == SealRefusal.SIGNER_UNKNOWN
    owners = [makers.OWNER.public]
    assert refusal_of(*call, [], owners=owners) == SealRefusal.SIGNATURE_MISSING
    assert refusal_of(*call, [stranger.bundle], owners=owners) == SealRefusal.SIGNER_UNKNOWN
    twice = verify_artifact(sealed.manifest, sealed.config, [sealed.bundle] * 2, owners=owners)
    assert twice.signers == (makers.OWNER.public,)
    many = [sealed.bundle] * (limits.BUNDLES + 1)
    assert refusal_of(*call, many, owners=owners) == SealRefusal.TOO_LARGE
    beside = verify_artifact(
        sealed.manifest, sealed.config, [stranger.bundle, sealed.bundle], owners=owners
    )
    assert beside.owner == makers.OWNER.public


@pytest.mark.parametrize("foreign", [b"", b"{}", b"x" * (limits.BUNDLE_BYTES + 1)])
def test_bundles_of_other_kinds_beside_the_owners_change_nothing(foreign: bytes) -> None:
    sealed, owners = seal_one(), [makers.OWNER.public]
    call = (verify_artifact, sealed.manifest, sealed.config)
    for bundles in ([foreign, sealed.bundle], [sealed.bundle, foreign]):
        found = verify_artifact(sealed.manifest, sealed.config, bundles, owners=owners)
        assert found.bundle == sealed.bundle
    alone = refusal_of(*call, [foreign], owners=owners)
    assert alone != SealRefusal.SIGNER_UNKNOWN
    stranger = seal_one(owner=makers.STRANGER).bundle
    assert refusal_of(*call, [stranger, foreign], owners=owners) == alone


def test_no_key_means_no_plaintext() -> None:
    sealed = seal_one()
    artifact = verified(sealed)
    wrong = PrivateOptions(bytes(32), artifact.config.listed_digest, bytes(16))
    with SecretBuffer(len(SMALL)) as out:
        assert (
            refusal_of(unseal, artifact, bytes_of(sealed.layer), wrong, out)
            == SealRefusal.HMAC_MISMATCH
        )
        assert bytes(out.view) == bytes(len(SMALL))


def test_a_failure_after_decrypting_leaves_zeros() -> None:
    sealed = seal_one()
    artifact = verified(sealed)
    right = open_envelope(artifact.manifest.envelopes[0], makers.BROKER)
    wrong = replace(right, nonce=bytes(16))
    with SecretBuffer(len(SMALL)) as out:
        code = refusal_of(unseal, artifact, bytes_of(sealed.layer), wrong, out)
        assert code == SealRefusal.PLAINTEXT_MISMATCH
        assert bytes(out.view) == bytes(len(SMALL))


def test_a_fault_of_ours_leaves_zeros_too(monkeypatch) -> None:
    sealed = seal_one()
    artifact = verified(sealed)
    right = open_envelope(artifact.manifest.envelopes[0], makers.BROKER)

    def fail(_: memoryview) -> None:
        raise MemoryError

    monkeypatch.setattr("sealing.unseal.bill_of", fail)
    with SecretBuffer(len(SMALL)) as out:
        with pytest.raises(MemoryError):
            unseal(artifact, bytes_of(sealed.layer), right, out)
        assert bytes(out.view) == bytes(len(SMALL))


def test_a_buffer_of_another_size_is_a_mistake() -> None:
    sealed = seal_one()
    artifact = verified(sealed)
    options = open_envelope(artifact.manifest.envelopes[0], makers.BROKER)
    with SecretBuffer(len(SMALL) + 1) as out, pytest.raises(ValueError, match="buffer"):
        unseal(artifact, bytes_of(sealed.layer), options, out)


def test_nothing_secret_is_shown() -> None:
    sealed = seal_one(entropy=makers.fixed_entropy(), broker_key=FIXED)
    artifact = verified(sealed)
    options = open_envelope(artifact.manifest.envelopes[0], makers.BROKER)
    shown = repr((sealed, artifact, options, makers.BROKER, makers.OWNER))
    assert repr(options) == "PrivateOptions()"
    for secret in (makers.SYMKEY, makers.NONCE, makers.BROKER.to_bytes()):
        assert secret.hex() not in shown
        assert makers.b64(secret) not in shown
        assert repr(secret)[2:-1] not in shown
