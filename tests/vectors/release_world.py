"""What the release vectors are made of: one broker, its owners, a runner and silicon, all fixed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from attestation.endorsements import Endorsements
from attestation.policy import EvidencePolicy
from attestation.reference import ReferenceValue, ReferenceValues
from attestation.simulated import SimulatedGuest
from attestation.trust import TrustAnchors
from attestation.x509.pem import encode_pem
from keybroker import protocol
from keybroker.appraisal import EvidenceTrust
from keybroker.audit.leaf import BrokerInitialisedLeaf, encode_leaf
from keybroker.broker import Broker, Settings, assemble
from keybroker.challenges import ChallengeKey, Challenges
from keybroker.keys import BrokerKeys
from keybroker.owners.documents import sign_document
from keybroker.owners.enrolment import sign_owner, sign_policy
from keybroker.owners.evaluation import EVALUATION_TYPE, EvaluationDocument
from keybroker.ratelimit import Rate
from keybroker.store.protocol import Initialisation, Quota
from keybroker.store.sqlite import SqliteStore
from policies.load import load_guardrails
from sealing import canonical
from sealing.hpke import X25519, OpeningKey
from sealing.keys import SigningKey, VerifyingKey
from sealing.seal import SealedModule
from tests.fakes.sealing import seal_for
from tests.fakes.silicon import MEASUREMENT, NOW, fixed_salt_signer_of, make_silicon
from tests.fakes.world import capabilities, release_policy
from tests.unit.sealing import makers
from tests.unit.sealing.makers import FixedSealingKey, b64, unb64
from tests.unit.sealing.wasm_maker import SMALL

SILICON = make_silicon(signers=fixed_salt_signer_of)
STRANGER_SILICON = make_silicon(is_stranger=True, signers=fixed_salt_signer_of)
GUEST = SimulatedGuest(SILICON, lambda: STRANGER_SILICON, MEASUREMENT)
CHALLENGE_KEY, OTHER_CHALLENGE_KEY = ChallengeKey(b"k" * 32), ChallengeKey(b"s" * 32)
OPERATOR = SigningKey._of(ed25519.Ed25519PrivateKey.from_private_bytes(b"operator".ljust(32)))
NEWCOMER = SigningKey._of(ec.derive_private_key(0x5EED, ec.SECP256R1()))
RECEIPT_KEY = SigningKey._of(ed25519.Ed25519PrivateKey.from_private_bytes(b"receipt".ljust(32)))
RUNNER = OpeningKey.from_bytes(X25519, b"key of the runner".ljust(32, b"."))
OTHER_RUNNER = OpeningKey.from_bytes(X25519, b"key of another runner".ljust(32, b"."))
# In no vector: evidence of a TPM's key is not among these calls.
AK_CA = SigningKey._of(ec.derive_private_key(0xACA, ec.SECP256R1()))
SIMULATED_AK_CA = SigningKey._of(ec.derive_private_key(0x51A, ec.SECP256R1()))
KEYS = BrokerKeys(
    identity=makers.IDENTITY,
    sealing=(makers.BROKER,),
    ear=SigningKey._of(ec.derive_private_key(0xEA4, ec.SECP256R1())),
    checkpoint=SigningKey._of(ed25519.Ed25519PrivateKey.from_private_bytes(b"log".ljust(32))),
    challenges=(CHALLENGE_KEY,),
    attestation_ca=AK_CA,
    simulated_attestation_ca=SIMULATED_AK_CA,
)
IDENTITY = KEYS.identity.key_id
LATER = NOW + timedelta(hours=1)
POLICY = release_policy()
Members = dict[str, Any]


def fixed(key: OpeningKey) -> FixedSealingKey:
    """A sealing key that seals the same to the same bytes."""
    found = FixedSealingKey.from_bytes(key.suite, key.public.raw)
    assert isinstance(found, FixedSealingKey)
    return found


def sealed(**changes: Any) -> SealedModule:
    """The owner's module, sealed for the broker, unless told otherwise."""
    arguments: Members = {
        "name": "acme/solver",
        "version": 2,
        "policy_name": "prod",
        "capabilities": capabilities(),
        "broker_identity": IDENTITY,
        "broker_key": fixed(makers.BROKER),
        "owner": makers.OWNER,
        "now": NOW,
        "entropy": makers.fixed_entropy(),
    }
    return seal_for(SMALL, **(arguments | changes))


MODULE = sealed()


def challenge(number: int = 1, *, key: ChallengeKey = CHALLENGE_KEY) -> protocol.ChallengeResponse:
    """The challenge that a broker gave at `NOW`."""
    made = Challenges([key]).issue(now=NOW, entropy=lambda count: bytes([number]) * count)
    return protocol.ChallengeResponse(
        challenge=made.token, nonce=made.nonce, expires=protocol.format_time(made.expires)
    )


@dataclass
class Ask:
    """A request in the making; `after` replaces members once the evidence is made."""

    module: SealedModule = MODULE
    guest: SimulatedGuest = GUEST
    number: int = 1
    challenge_key: ChallengeKey = CHALLENGE_KEY
    runner_key: bytes = RUNNER.public.raw
    idempotency_key: str = "idempotency-key-000001"
    after: Members = field(default_factory=dict)

    @property
    def binding(self) -> protocol.Binding:
        given = challenge(self.number, key=self.challenge_key)
        return protocol.Binding(
            idempotency_key=self.idempotency_key,
            manifest=canonical.digest_of(self.module.manifest),
            nonce=given.nonce,
            receipt_key=RECEIPT_KEY.public.spki[-32:],
            runner_key=protocol.RunnerKey(suite=X25519, public=self.runner_key),
        )

    def members(self) -> Members:
        evidence = self.guest.attest(self.binding.report_data())
        return {
            "challenge": challenge(self.number, key=self.challenge_key).challenge,
            "runner_key": {"suite": X25519, "public": b64(self.runner_key)},
            "receipt_key": b64(self.binding.receipt_key),
            "evidence": evidence.to_wire(),
            "manifest": b64(self.module.manifest),
            "signatures": [b64(self.module.bundle)],
            "idempotency_key": self.idempotency_key,
        } | self.after

    def body(self) -> bytes:
        return canonical.encode(self.members())


def owner_document(owner: SigningKey = NEWCOMER, **changes: Any) -> bytes:
    """An enrolment that the operator and the owner signed."""
    arguments: Members = {
        "broker": IDENTITY,
        "name": "newcomer",
        "operator": OPERATOR,
        "owner": owner,
        "not_after": LATER,
    }
    return sign_owner(**(arguments | changes))


def policy_document(document: Members | None = None, **changes: Any) -> bytes:
    """A policy that its owner signed."""
    arguments: Members = {"broker": IDENTITY, "owner": makers.OWNER, "not_after": LATER}
    return sign_policy(POLICY if document is None else document, **(arguments | changes))


def evaluation(**changes: Any) -> bytes:
    """An owner's question about evidence."""
    report_data = bytes(range(64))
    members: Members = {
        "v": 1,
        "broker": IDENTITY,
        "owner": makers.OWNER.key_id,
        "policy": "prod",
        "evidence": GUEST.attest(report_data).to_wire(),
        "report_data": report_data,
        "not_after": protocol.format_time(LATER),
    }
    signer = changes.pop("signer", makers.OWNER)
    document = EvaluationDocument.model_validate(members | changes)
    return sign_document(document, EVALUATION_TYPE, signer)


def world_document() -> Members:
    """Everything a driver needs to be this broker; secrets too, since nobody else ever has them."""
    return {
        "identity": b64(KEYS.identity.to_pem()),
        "sealing_key": b64(makers.BROKER.to_bytes()),
        "ear_key": b64(KEYS.ear.to_pem()),
        "checkpoint_key": b64(KEYS.checkpoint.to_pem()),
        "challenge_key": b64(CHALLENGE_KEY.secret),
        "operator": b64(OPERATOR.public.spki),
        "simulated_root": b64(encode_pem("CERTIFICATE", SILICON.root())),
        "certificates": [b64(SILICON.intermediate("vcek")), b64(SILICON.root())],
        "crl": b64(SILICON.crl()),
        "references": b64(
            ReferenceValues.of([ReferenceValue("snp", MEASUREMENT, "runner")]).to_bytes()
        ),
        "owner": b64(owner_document(makers.OWNER, name="acme")),
        "policy": b64(policy_document()),
        "enrolled_at": protocol.format_time(NOW),
    }


@contextmanager
def broker_of(
    world: Members, folder: Path, *, clock: Callable[[], datetime], **options: Any
) -> Iterator[Broker]:
    """The broker of a world document, with its owner and policy enrolled."""
    enrolled_at = protocol.parse_time(world["enrolled_at"])
    keys = BrokerKeys(
        identity=SigningKey.from_pem(unb64(world["identity"])),
        sealing=(OpeningKey.from_bytes(X25519, unb64(world["sealing_key"])),),
        ear=SigningKey.from_pem(unb64(world["ear_key"])),
        checkpoint=SigningKey.from_pem(unb64(world["checkpoint_key"])),
        challenges=(ChallengeKey(unb64(world["challenge_key"])),),
        attestation_ca=AK_CA,
        simulated_attestation_ca=SIMULATED_AK_CA,
    )
    with SqliteStore.create(folder / "broker.db") as store:
        store.initialise(Initialisation((), encode_leaf(_first_leaf(keys, enrolled_at))))
        settings = _settings(world, **options)
        early = assemble(
            store, keys, settings, clock=lambda: enrolled_at, entropy=secrets.token_bytes
        )
        early.enrolment.enrol_owner(unb64(world["owner"]))
        early.enrolment.enrol_policy(unb64(world["policy"]))
        yield assemble(store, keys, settings, clock=clock, entropy=secrets.token_bytes)


def _first_leaf(keys: BrokerKeys, at: datetime) -> BrokerInitialisedLeaf:
    sealing = tuple(key.public.key_id for key in keys.sealing)
    return BrokerInitialisedLeaf(
        "broker-0000", at, keys.identity.key_id, sealing, keys.ear.key_id, keys.checkpoint.key_id
    )


def _settings(
    world: Members,
    *,
    simulated: bool = True,
    guardrails: str = "",
    live_leases: int = 9,
    burst: int = 99,
) -> Settings:
    anchors = TrustAnchors.vendor()
    if simulated:
        anchors = anchors.with_simulated(unb64(world["simulated_root"]))
    trust = EvidenceTrust(
        anchors=anchors,
        endorsements=Endorsements.parse(map(unb64, world["certificates"]), [unb64(world["crl"])]),
        policy=EvidencePolicy(),
        references=ReferenceValues.parse(unb64(world["references"])),
        simulated=simulated,
    )
    rails = [load_guardrails(guardrails.encode(), name="guardrails")] if guardrails else []
    return Settings(
        origin="broker.example/log",
        operator=VerifyingKey.from_spki(unb64(world["operator"])),
        trust=trust,
        guardrails=rails,
        challenge_rate=Rate(burst, 1.0),
        release_rate=Rate(burst, 1.0),
        document_rate=Rate(burst, 1.0),
        quota=Quota(live_leases, 99),
    )
