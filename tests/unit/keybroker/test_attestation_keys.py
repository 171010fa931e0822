"""Certificates for attestation keys: asked for and refused, without any TPM."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.errors import EvidenceError
from attestation.keys import load_public_key
from attestation.tpm.constants import ALG_ECDSA
from attestation.tpm.public import encode_public, parse_public
from attestation.tpm.templates import AK_ATTRIBUTES
from attestation.x509 import path
from attestation.x509.certificate import parse_certificate
from keybroker import protocol
from keybroker.challenges import ChallengeKey
from keybroker.edge.serve import open_broker
from keybroker.errors import BrokerCode, BrokerError
from keybroker.protocol import ProtocolError
from keybroker.tpm.attestation_ca import AttestationCa, AttestationCas
from keybroker.tpm.enrolment_tokens import EnrolmentTokens, PendingKey
from sealing.keys import SigningKey
from tests.fakes.swtpm import SIMULATED_MAKER, Maker
from tests.fakes.world import SOURCE, START, Clock, World, make_world

EK = ec.generate_private_key(ec.SECP256R1())
AK = ec.generate_private_key(ec.SECP256R1())
AREA = encode_public(AK.public_key(), attributes=AK_ATTRIBUTES, scheme=ALG_ECDSA)
MAKER = Maker("Acme TPM Root CA", START)
SECRET = b"s" * 32
KEY, OTHER = ChallengeKey(b"k" * 32), ChallengeKey(b"o" * 32)
PENDING = PendingKey(AREA, b"e" * 32, b"d" * 32, simulated=False, expires=START)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keys")
    with make_world(made):
        pass
    broker = made / "broker"
    (broker / "maker.pem").write_bytes(MAKER.root_pem)
    config = yaml.safe_load((broker / "broker.yaml").read_text())
    config["evidence"] = {"references": "references.json", "tpm-roots": ["maker.pem"]}
    (broker / "broker.yaml").write_text(yaml.safe_dump(config))
    return broker


@pytest.fixture
def broker(folder: Path) -> Iterator[Any]:
    """A broker whose chosen secrets are all the same, and its clock."""
    clock = Clock()
    with open_broker(folder, clock=clock, entropy=lambda size: b"s" * size) as opened:
        yield World(opened, clock, None, None, None)  # type: ignore[arg-type]


def asked(broker: World, **changes: Any) -> protocol.CredentialChallenge:
    members = {"ak_public": AREA, "ek_chain": (MAKER.certify(EK.public_key()),)}
    request = protocol.AttestationKeyRequest.model_validate(members | changes)
    return broker.broker.challenge_tpm(request.to_bytes(), source=SOURCE)


def activated(broker: World, token: str, secret: bytes = SECRET) -> Any:
    request = protocol.ActivationRequest(token=token, secret=secret)
    return broker.broker.certify_attestation_key(request.to_bytes(), source=SOURCE)


def test_key_is_certified(broker: World) -> None:
    challenge = asked(broker)
    assert challenge.expires == protocol.format_time(START + timedelta(minutes=5))
    answer = activated(broker, challenge.token)
    leaf, root = map(parse_certificate, answer.ak_chain)
    assert load_public_key(leaf.spki).public_numbers() == AK.public_key().public_numbers()
    assert (leaf.issuer_cn, root.subject_cn, answer.simulated) == ("TPM AK CA", "TPM AK CA", False)
    assert leaf.subject_cn == f"TPM AK {parse_public(AREA).name.hex()[4:20]}"
    assert leaf.not_after == START + timedelta(days=30)
    assert answer.expires == protocol.format_time(leaf.not_after)


def test_messages_show_no_secret(broker: World) -> None:
    challenge = asked(broker)
    shown = repr(challenge) + repr(protocol.ActivationRequest(token=challenge.token, secret=SECRET))
    assert challenge.token not in shown
    assert repr(SECRET) not in shown


def test_certificate_is_of_another_number_each_time(broker: World) -> None:
    first = parse_certificate(activated(broker, asked(broker).token).ak_chain[0])
    broker.clock.advance(seconds=1)
    second = parse_certificate(activated(broker, asked(broker).token).ak_chain[0])
    assert first.serial != second.serial


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ak_public": AREA + b"\0"}, "trailing-data"),
        ({"ak_public": b"garbage"}, "malformed"),
        ({"ek_chain": (b"garbage",)}, "malformed"),
        ({"ek_chain": (Maker("Stranger", START).certify(EK.public_key()),)}, "untrusted-chain"),
        ({"ek_chain": (MAKER.certify(AK.public_key(), usage="1.2.3"),)}, "untrusted-chain"),
        (
            {"ek_chain": (MAKER.certify(ec.generate_private_key(ec.SECP384R1()).public_key()),)},
            "alg-mismatch",
        ),
    ],
    ids=["ak-trailing", "ak-garbage", "ek-garbage", "stranger", "usage", "p384"],
)
def test_refused_requests(broker: World, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(EvidenceError) as refused:
        asked(broker, **changes)
    assert refused.value.code == code


def test_no_work_is_done_with_a_strangers_keys(
    broker: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slowest keys there are stand below a maker's name: only the maker's own is tried."""
    below = Maker("Acme TPM Next CA", START)
    own = parse_certificate(below.root)
    # Self-issued, but for the name of its issuer: a stranger cannot sign for that one.
    name = parse_certificate(MAKER.root).subject
    forged = below.root.replace(own.issuer, name, 1)
    chain = (below.certify(EK.public_key()), forged, MAKER.root)
    tried: list[bytes] = []

    def verify_signed(*arguments: Any, **options: Any) -> None:
        tried.append(arguments[3])
        real(*arguments, **options)

    real = path.verify_signed
    monkeypatch.setattr(path, "verify_signed", verify_signed)
    with pytest.raises(EvidenceError) as refused:
        asked(broker, ek_chain=chain)
    assert refused.value.code == "signature-invalid"
    assert tried == [parse_certificate(MAKER.root).spki]


@pytest.mark.parametrize(
    "bit", [1, 4, 5, 16, 18], ids=["fixed-tpm", "fixed-parent", "origin", "restricted", "sign"]
)
def test_key_must_be_one_that_only_its_tpm_uses(broker: World, bit: int) -> None:
    area = encode_public(AK.public_key(), attributes=AK_ATTRIBUTES & ~(1 << bit), scheme=ALG_ECDSA)
    with pytest.raises(EvidenceError, match="signing-key-not-allowed"):
        asked(broker, ak_public=area)


def test_simulated_maker_is_not_trusted_by_itself(broker: World) -> None:
    maker = Maker(SIMULATED_MAKER, START)
    with pytest.raises(EvidenceError, match="simulated-not-trusted"):
        asked(broker, ek_chain=(maker.certify(EK.public_key()), maker.root))


def refused(call: Any, *arguments: Any) -> BrokerCode:
    with pytest.raises(BrokerError) as caught:
        call(*arguments)
    return caught.value.code


def test_secret_must_be_the_one(broker: World) -> None:
    token = asked(broker).token
    assert refused(activated, broker, token, b"x" * 32) == BrokerCode.AK_NOT_ACTIVATED
    broker.clock.advance(minutes=5)
    assert refused(activated, broker, token) == BrokerCode.AK_ENROLMENT_EXPIRED


def test_enrolment_has_the_rate_of_documents(folder: Path) -> None:
    config = yaml.safe_load((folder / "broker.yaml").read_text())
    slow = {**config, "documents": {"burst": 1, "per-second": 1}}
    (folder / "broker.yaml").write_text(yaml.safe_dump(slow))
    try:
        with open_broker(folder, clock=Clock()) as opened:
            world = World(opened, Clock(), None, None, None)  # type: ignore[arg-type]
            token = asked(world).token
            assert refused(asked, world) == BrokerCode.RATE_LIMITED
            assert refused(activated, world, token) == BrokerCode.RATE_LIMITED
    finally:
        (folder / "broker.yaml").write_text(yaml.safe_dump(config))


@pytest.mark.parametrize("call", ["challenge_tpm", "certify_attestation_key"])
def test_messages_have_one_form(broker: World, call: str) -> None:
    with pytest.raises(ProtocolError):
        getattr(broker.broker, call)(b"{}", source=SOURCE)


def test_token_says_what_was_sealed_and_no_more() -> None:
    tokens = EnrolmentTokens([KEY, OTHER])
    token = tokens.seal(PENDING, entropy=secrets.token_bytes)
    assert tokens.open(token, now=START - timedelta(seconds=1)) == PENDING
    simulated = replace(PENDING, simulated=True)
    token = EnrolmentTokens([OTHER]).seal(simulated, entropy=secrets.token_bytes)
    assert tokens.open(token, now=START - timedelta(seconds=1)) == simulated


def test_every_flipped_bit_of_a_token_is_refused() -> None:
    tokens = EnrolmentTokens([KEY])
    raw = bytearray(_raw(tokens.seal(PENDING, entropy=secrets.token_bytes)))
    for bit in range(0, len(raw) * 8, 7):
        raw[bit // 8] ^= 1 << bit % 8
        changed = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        assert refused(_open, tokens, changed) == BrokerCode.AK_ENROLMENT_REFUSED
        raw[bit // 8] ^= 1 << bit % 8


def _raw(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def _open(tokens: EnrolmentTokens, token: str) -> PendingKey:
    return tokens.open(token, now=START - timedelta(days=1))


@pytest.mark.parametrize("token", ["é" * 80, "A" * 81, "A" * 81 + "B", "A" * 80])
def test_token_that_is_none(token: str) -> None:
    assert refused(_open, EnrolmentTokens([KEY]), token) == BrokerCode.AK_ENROLMENT_REFUSED


def test_token_of_another_broker() -> None:
    token = EnrolmentTokens([OTHER]).seal(PENDING, entropy=secrets.token_bytes)
    assert refused(_open, EnrolmentTokens([KEY]), token) == BrokerCode.AK_ENROLMENT_REFUSED


def test_cas_are_the_same_at_every_start() -> None:
    keys = [SigningKey.generate("p256") for _ in range(2)]
    first, second = (AttestationCas.of_keys(*keys) for _ in range(2))
    assert first.hardware.certificate == second.hardware.certificate
    assert first.simulated.certificate != first.hardware.certificate
    assert first.simulated.name != first.hardware.name


def test_ca_takes_a_key_on_p256() -> None:
    with pytest.raises(BrokerError, match="P-256"):
        AttestationCa.of(SigningKey.generate("ed25519"), simulated=False)
