"""A broker, owners, runners and simulated silicon in one process, with a clock that we turn."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from attestation.reference import ReferenceValue, ReferenceValues
from attestation.simulated.nvidia.devices import SimulatedDevices
from attestation.simulated.snp.guest import SimulatedGuest
from attestation.simulated.snp.platform import SimulatedPlatform
from keybroker import protocol
from keybroker.broker import Broker
from keybroker.edge.serve import EvidenceFiles, NewBroker, init_broker, open_broker
from keybroker.owners.documents import sign_document
from keybroker.owners.enrolment import sign_owner, sign_policy
from keybroker.owners.evaluation import EVALUATION_TYPE, EvaluationDocument
from keybroker.owners.owner_changes import Revoked, sign_revocation, sign_rotation
from policies.load import parse_document
from sealing import canonical, hpke
from sealing.keys import SigningKey
from sealing.ocicrypt import PrivateOptions
from sealing.seal import SealedModule
from tests.fakes.sealing import seal_for
from tests.fakes.silicon import MEASUREMENT, make_platform

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MODULE = b"\0asm\x01\x00\x00\x00"
SOURCE = "192.0.2.7"
POLICY = "prod"
NO_RATE = {"burst": 1_000_000, "per-second": 1_000_000}


@dataclass
class Clock:
    """Says the time we tell it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


def release_policy(*, version: int = 1, name: str = POLICY, **spec: Any) -> dict[str, Any]:
    """The canonical document of a policy that wants our measurement on simulated silicon."""
    document = {
        "apiVersion": "sealwasm/v1",
        "kind": "ReleasePolicy",
        "metadata": {"name": name, "version": version},
        "spec": {
            "any-of": [{"name": "here", "tee": "snp", "measurement": {"in": [MEASUREMENT.hex()]}}],
            "simulated-tee": "allow",
            "lease": "15m",
            **spec,
        },
    }
    return parse_document(document).to_document()


def capabilities(**spec: Any) -> dict[str, Any]:
    """The canonical document of a capability policy."""
    document = {
        "apiVersion": "sealwasm/v1",
        "kind": "CapabilityPolicy",
        "metadata": {"name": "solver", "version": 1},
        "spec": {"imports": ["wasi_snapshot_preview1.fd_write"], **spec},
    }
    return parse_document(document).to_document()


@dataclass
class Runner:
    """One run of a runner: its keys, its guest, and what it asks for."""

    guest: SimulatedGuest
    module: SealedModule
    key: hpke.OpeningKey = field(default_factory=hpke.OpeningKey.generate)
    receipt_key: SigningKey = field(default_factory=lambda: SigningKey.generate("ed25519"))
    idempotency_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    binding: protocol.Binding | None = None
    wire_key: protocol.RunnerKey | None = None

    @property
    def runner_key(self) -> protocol.RunnerKey:
        return self.wire_key or protocol.RunnerKey.model_validate(
            {"suite": self.key.suite, "public": self.key.public.raw}
        )

    def request(self, challenge: protocol.ChallengeResponse, **changes: Any) -> bytes:
        """The body of a release; `changes` replace members after the evidence was made."""
        self.binding = protocol.Binding(
            idempotency_key=self.idempotency_key,
            manifest=canonical.digest_of(self.module.manifest),
            nonce=challenge.nonce,
            receipt_key=self.receipt_key.public.spki[-32:],
            runner_key=self.runner_key,
        )
        evidence = self.guest.attest(self.binding.report_data())
        members = {
            "challenge": challenge.challenge,
            "runner_key": self.runner_key,
            "receipt_key": self.binding.receipt_key,
            "evidence": evidence.to_wire(),
            "manifest": self.module.manifest,
            "signatures": (self.module.bundle,),
            "idempotency_key": self.idempotency_key,
        }
        return protocol.ReleaseRequest.model_validate(members | changes).to_bytes()

    def verify(self, response: bytes, world: World) -> protocol.VerifiedRelease:
        """Verify an answer as a runner does before it has the key."""
        assert self.binding is not None
        return protocol.verify_release(
            response,
            identity=world.broker.releases.keys.identity.public,
            manifest=self.binding.manifest,
            request=self.binding.digest(),
            now=world.clock.now,
        )

    def open(self, response: bytes, world: World) -> PrivateOptions:
        """Verify an answer and unwrap the content key."""
        release = self.verify(response, world)
        return PrivateOptions.parse(self.key.open(release.wrapped_key, info=release.info))


@dataclass
class World:
    """Everything around one broker. Verbs make the things that go wrong."""

    broker: Broker
    clock: Clock
    platform: SimulatedPlatform
    operator: SigningKey
    owner: SigningKey

    @property
    def identity(self) -> str:
        return self.broker.releases.keys.identity.key_id

    def enrol_owner(self, owner: SigningKey, *, name: str = "acme") -> None:
        self.broker.enrolment.enrol_owner(self.owner_document(owner, name=name))

    def owner_document(self, owner: SigningKey, *, name: str = "acme", **changes: Any) -> bytes:
        arguments: dict[str, Any] = {
            "broker": self.identity,
            "name": name,
            "operator": self.operator,
            "owner": owner,
            "not_after": self.clock.now + timedelta(hours=1),
        }
        return sign_owner(**(arguments | changes))

    def enrol_policy(self, document: dict[str, Any], *, owner: SigningKey | None = None) -> None:
        self.broker.enrolment.enrol_policy(self.policy_document(document, owner=owner))

    def policy_document(
        self, document: dict[str, Any], *, owner: SigningKey | None = None, **changes: Any
    ) -> bytes:
        arguments: dict[str, Any] = {
            "broker": self.identity,
            "owner": owner or self.owner,
            "not_after": self.clock.now + timedelta(hours=1),
        }
        return sign_policy(document, **(arguments | changes))

    def evaluation(
        self,
        *,
        owner: SigningKey | None = None,
        guest: SimulatedGuest | None = None,
        **changes: Any,
    ) -> bytes:
        """A question of an owner about evidence for made-up report data."""
        asks = owner or self.owner
        report_data = bytes(range(64))
        members: dict[str, Any] = {
            "v": 1,
            "broker": self.identity,
            "owner": asks.key_id,
            "policy": POLICY,
            "evidence": (guest or self.guest()).attest(report_data).to_wire(),
            "report_data": report_data,
            "not_after": protocol.format_time(self.clock.now + timedelta(hours=1)),
        }
        document = EvaluationDocument.model_validate(members | changes)
        return sign_document(document, EVALUATION_TYPE, asks)

    def seal(self, **changes: Any) -> SealedModule:
        """A module sealed by our owner for our broker, unless told otherwise."""
        arguments: dict[str, Any] = {
            "name": "acme/solver",
            "version": 1,
            "policy_name": POLICY,
            "capabilities": capabilities(),
            "broker_identity": self.identity,
            "broker_key": self.broker.releases.keys.sealing[0].public,
            "owner": self.owner,
            "now": self.clock.now,
        }
        return seal_for(MODULE, **(arguments | changes))

    def guest(self, measurement: bytes = MEASUREMENT) -> SimulatedGuest:
        return self.platform.launch(measurement)

    def rotation_document(self, new: SigningKey, *, owner: SigningKey | None = None) -> bytes:
        """What hands the place of our owner, or of `owner`, to another key."""
        return sign_rotation(
            broker=self.identity,
            old=owner or self.owner,
            new=new,
            not_after=self.clock.now + timedelta(hours=1),
        )

    def revocation_document(
        self, revokes: Revoked, *, signer: SigningKey | None = None, owner: str = ""
    ) -> bytes:
        """What takes something of our owner back, signed by it or by `signer`."""
        return sign_revocation(
            revokes,
            broker=self.identity,
            owner=owner or self.owner.key_id,
            reason="leaks its input",
            signer=signer or self.owner,
            not_after=self.clock.now + timedelta(hours=1),
        )

    def runner(
        self, module: SealedModule | None = None, *, guest: SimulatedGuest | None = None
    ) -> Runner:
        return Runner(guest or self.guest(), module or self.seal())

    def challenge(self) -> protocol.ChallengeResponse:
        return self.broker.challenge(b"{}", source=SOURCE)

    def release(self, body: bytes) -> bytes:
        return self.broker.releases.release(body, source=SOURCE)


def references(*measurements: bytes) -> bytes:
    values = [ReferenceValue("snp", one, f"runner {n}") for n, one in enumerate(measurements)]
    return ReferenceValues.of(values).to_bytes()


@contextmanager
def make_world(
    folder: Path,
    *,
    guardrails: Sequence[str] = (),
    trust_simulated: bool = True,
    devices: SimulatedDevices | None = None,
    beside: World | None = None,
    **settings: Any,
) -> Iterator[World]:
    """A broker in `folder`, with one owner and one policy enrolled.

    `devices` are ones whose vendor it knows as well; `settings` replace members of broker.yaml.
    `beside` another world it has the same silicon, owner and clock, and a broker and operator of
    its own.
    """
    platform = (
        beside.platform if beside else make_platform(folder / "tee", now=START - timedelta(days=1))
    )
    roots = platform.roots_pem() + (b"" if devices is None else devices.roots_pem())
    operator = SigningKey.generate("ed25519")
    owner = beside.owner if beside else SigningKey.generate("p256")
    evidence = EvidenceFiles(
        references=references(MEASUREMENT),
        certificates=platform.endorsements_pem(),
        crl=platform.crl(),
        endorsements=None if devices is None else devices.bundle().to_bytes(),
        simulated_root=roots if trust_simulated else None,
    )
    new = NewBroker(
        operator=operator.public,
        origin="broker.example/log",
        evidence=evidence,
        guardrails={f"g{n}.yaml": text.encode() for n, text in enumerate(guardrails)},
    )
    clock = beside.clock if beside else Clock()
    init_broker(folder / "broker", new, now=clock.now)
    written = folder / "broker" / "broker.yaml"
    config = yaml.safe_load(written.read_text()) | {
        name: copy.deepcopy(value) for name, value in settings.items()
    }
    written.write_text(yaml.safe_dump(config, sort_keys=False))
    with open_broker(folder / "broker", clock=clock) as broker:
        world = World(broker, clock, platform, operator, owner)
        world.enrol_owner(owner)
        world.enrol_policy(release_policy())
        yield world
