"""Whatever single bit of a published artifact changes: refused with a code, and no plaintext."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import hpke
from sealing.envelope import Envelope, open_envelope
from sealing.errors import SealError
from sealing.hpke import OpeningKey
from sealing.manifest import ANNOTATION_ENVELOPES
from sealing.secret import SecretBuffer
from sealing.unseal import unseal, verify_artifact
from tests.fakes.sealing import bytes_of
from tests.unit.sealing import makers
from tests.unit.sealing.makers import Artifact, b64, flipped, unb64
from tests.unit.sealing.test_seal_unseal import seal_one
from tests.unit.sealing.wasm_maker import SMALL

PARTS = ("manifest", "config", "layer", "bundle")
SAMPLED_BITS = 1500


def publish(owner, suite: str) -> Artifact:
    broker = OpeningKey.generate(suite)
    sealed = seal_one(owner=owner, broker_key=broker.public)
    parts = (sealed.manifest, sealed.config, bytes_of(sealed.layer), [sealed.bundle])
    return Artifact(*parts, [owner.public.spki], broker)


ARTIFACTS = {("p256", suite): publish(makers.OWNER, suite) for suite in hpke.SUITES} | {
    ("ed25519", hpke.X25519): publish(makers.OWNER_ED25519, hpke.X25519)
}
artifacts = pytest.mark.parametrize("kind", ARTIFACTS)


def open_all(artifact: Artifact, out: SecretBuffer) -> None:
    """Go the whole way: broker and runner with all their secrets."""
    owner = makers.OWNER if artifact.owners == [makers.OWNER.public.spki] else makers.OWNER_ED25519
    verified = verify_artifact(
        artifact.manifest, artifact.config, artifact.bundles, owners=[owner.public]
    )
    options = open_envelope(verified.manifest.envelopes[0], artifact.opening_key)
    unseal(verified, artifact.layer, options, out)


def part_of(artifact: Artifact, name: str) -> bytes:
    return artifact.bundles[0] if name == "bundle" else getattr(artifact, name)


def with_part(artifact: Artifact, name: str, data: bytes) -> Artifact:
    if name == "bundle":
        return replace(artifact, bundles=[data])
    return replace(artifact, **{name: data})


def assert_refused(artifact: Artifact) -> None:
    with SecretBuffer(len(SMALL)) as out:
        with pytest.raises(SealError):
            open_all(artifact, out)
        assert bytes(out.view) == bytes(len(SMALL))


def sampled(data: bytes) -> Iterator[int]:
    """Every bit of short parts; of long ones a stride that meets each bit place and most bytes."""
    bits = len(data) * 8
    stride = max(1, bits // SAMPLED_BITS)
    return iter(range(0, bits, stride + 1 - stride % 2))


@artifacts
def test_unchanged_artifacts_open(kind) -> None:
    with SecretBuffer(len(SMALL)) as out:
        open_all(ARTIFACTS[kind], out)
        assert out.view == SMALL


@artifacts
@pytest.mark.parametrize("name", PARTS)
def test_sampled_bits_of_every_part(kind, name: str) -> None:
    artifact = ARTIFACTS[kind]
    data = part_of(artifact, name)
    for bit in sampled(data):
        assert_refused(with_part(artifact, name, flipped(data, bit)))


@given(st.sampled_from(sorted(ARTIFACTS)), st.sampled_from(PARTS), st.data())
def test_any_bit_of_any_part(kind, name: str, data: st.DataObject) -> None:
    artifact = ARTIFACTS[kind]
    part = part_of(artifact, name)
    bit = data.draw(st.integers(0, len(part) * 8 - 1))
    assert_refused(with_part(artifact, name, flipped(part, bit)))


@given(st.sampled_from(sorted(ARTIFACTS)), st.sampled_from(PARTS), st.data())
def test_any_cut_or_addition_to_any_part(kind, name: str, data: st.DataObject) -> None:
    artifact = ARTIFACTS[kind]
    part = part_of(artifact, name)
    size = data.draw(st.integers(0, len(part) - 1))
    assert_refused(with_part(artifact, name, part[:size]))
    assert_refused(with_part(artifact, name, part + data.draw(st.binary(min_size=1, max_size=9))))


def inner_parts() -> dict[str, tuple[bytes, Callable[[bytes], Artifact]]]:
    """What lies inside base64, where a flipped bit leaves the text around it well-formed."""
    artifact = ARTIFACTS["p256", hpke.X25519]
    bundle = json.loads(artifact.bundles[0])
    manifest = json.loads(artifact.manifest)
    annotations = manifest["layers"][0]["annotations"]

    def in_bundle(*path: str | int) -> tuple[bytes, Callable[[bytes], Artifact]]:
        holder = bundle
        for step in path[:-1]:
            holder = holder[step]
        before = holder[path[-1]]

        def put(data: bytes) -> Artifact:
            text = artifact.bundles[0].replace(before.encode(), b64(data).encode())
            return replace(artifact, bundles=[text])

        return unb64(before), put

    def put_envelope(data: bytes) -> Artifact:
        before = annotations[ANNOTATION_ENVELOPES].encode()
        return replace(artifact, manifest=artifact.manifest.replace(before, b64(data).encode()))

    return {
        "statement": in_bundle("dsseEnvelope", "payload"),
        "signature": in_bundle("dsseEnvelope", "signatures", 0, "sig"),
        "hint": in_bundle("verificationMaterial", "publicKey", "hint"),
        "envelope": (unb64(annotations[ANNOTATION_ENVELOPES]), put_envelope),
    }


INNER = inner_parts()


@pytest.mark.parametrize("name", INNER)
def test_sampled_bits_inside_base64(name: str) -> None:
    data, put = INNER[name]
    for bit in sampled(data):
        assert_refused(put(flipped(data, bit)))


@given(st.data())
def test_any_bit_of_an_envelope_alone_is_refused_by_the_broker(data: st.DataObject) -> None:
    envelope = INNER["envelope"][0]
    bit = data.draw(st.integers(0, len(envelope) * 8 - 1))
    key = ARTIFACTS["p256", hpke.X25519].opening_key
    with pytest.raises(SealError):
        open_envelope(Envelope.parse(flipped(envelope, bit)), key)
