"""One broker, put together: its services, its log, and what it says about itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from attestation.ear_keys import public_jwk
from attestation.verifiers.tpm.endorsement_key import EkTrust
from keybroker.answers import AnswerWriter
from keybroker.appraisal import EvidenceTrust
from keybroker.audit.log import AuditLog
from keybroker.challenges import Challenges
from keybroker.errors import BrokerCode, BrokerError
from keybroker.keys import BrokerKeys
from keybroker.metrics import Metrics
from keybroker.modules import Modules
from keybroker.owners.directory import Directory
from keybroker.owners.documents import Intake
from keybroker.owners.enrolment import EnrolmentService, OwnerEnrolled, PolicyEnrolled
from keybroker.owners.evaluation import EvaluationResponse, EvaluationService
from keybroker.owners.owner_changes import OwnerChangeService, OwnerRotated, RevocationRecorded
from keybroker.protocol import (
    BROKER_TYPE,
    AttestationKeyCertificate,
    ChallengeResponse,
    CredentialChallenge,
    DescribedKey,
    Descriptor,
    LogKey,
    Message,
    format_time,
)
from keybroker.ratelimit import Rate, RateLimiter
from keybroker.release import Clock, Entropy, ReleaseService
from keybroker.rulings import Rulings
from keybroker.sources import Sources
from keybroker.store.protocol import Quota, Store
from keybroker.tpm.attestation_ca import AttestationCas
from keybroker.tpm.attestation_keys import AttestationKeyService
from keybroker.tpm.enrolment_tokens import EnrolmentTokens
from policies.models import Guardrails
from sealing.keys import VerifyingKey
from sealing.signatures import dsse


class ChallengeRequest(Message):
    """The body of a request for a challenge: an empty object."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided about one broker."""

    origin: str
    operator: VerifyingKey
    trust: EvidenceTrust
    guardrails: Sequence[Guardrails]
    challenge_rate: Rate
    release_rate: Rate
    document_rate: Rate
    quota: Quota
    tpms: EkTrust = field(default_factory=EkTrust.nobody, repr=False)
    sources: Sources = field(default_factory=Sources)


@dataclass(frozen=True, slots=True)
class Broker:
    """Everything the HTTP edge serves. Safe to call from many threads."""

    store: Store = field(repr=False)
    releases: ReleaseService
    enrolment: EnrolmentService
    owner_changes: OwnerChangeService
    evaluations: EvaluationService
    attestation_keys: AttestationKeyService
    log: AuditLog = field(repr=False)
    metrics: Metrics = field(repr=False)
    challenge_rate: RateLimiter = field(repr=False)
    document_rate: RateLimiter = field(repr=False)
    descriptor: bytes = field(repr=False)
    sources: Sources

    def challenge(self, body: bytes, *, source: str) -> ChallengeResponse:
        """Return a challenge to be used once. Raises `BrokerError` and `ProtocolError`."""
        now = self.releases.clock()
        self.challenge_rate.take(source, now=now)
        ChallengeRequest.parse(body)
        made = self.releases.challenges.issue(now=now, entropy=self.releases.entropy)
        return ChallengeResponse(
            challenge=made.token, nonce=made.nonce, expires=format_time(made.expires)
        )

    def enrol_owner(self, body: bytes, *, source: str) -> OwnerEnrolled:
        """Enrol an owner, as `EnrolmentService` does, within the rate of documents."""
        self.document_rate.take(source, now=self.releases.clock())
        return self.enrolment.enrol_owner(body)

    def enrol_policy(self, body: bytes, *, source: str) -> PolicyEnrolled:
        """Enrol a policy version, as `EnrolmentService` does, within the rate of documents."""
        self.document_rate.take(source, now=self.releases.clock())
        return self.enrolment.enrol_policy(body)

    def rotate_owner(self, body: bytes, *, source: str) -> OwnerRotated:
        """Enrol an owner's next key, as `OwnerChangeService` does, within the rate of documents."""
        self.document_rate.take(source, now=self.releases.clock())
        return self.owner_changes.rotate(body)

    def revoke(self, body: bytes, *, source: str) -> RevocationRecorded:
        """Revoke, as `OwnerChangeService` does, within the rate of documents."""
        self.document_rate.take(source, now=self.releases.clock())
        return self.owner_changes.revoke(body)

    def evaluate(self, body: bytes, *, source: str) -> EvaluationResponse:
        """Answer an owner, as `EvaluationService` does, within the rate of documents."""
        self.document_rate.take(source, now=self.releases.clock())
        return self.evaluations.evaluate(body)

    def challenge_tpm(self, body: bytes, *, source: str) -> CredentialChallenge:
        """Return a credential, as `AttestationKeyService` does, within the rate of documents."""
        self.document_rate.take(source, now=self.releases.clock())
        return self.attestation_keys.challenge(body)

    def certify_attestation_key(self, body: bytes, *, source: str) -> AttestationKeyCertificate:
        """Certify a key, as `AttestationKeyService` does, within the rate of documents."""
        self.document_rate.take(source, now=self.releases.clock())
        return self.attestation_keys.activate(body)

    def checkpoint(self, *, source: str) -> bytes:
        """Return the signed head of the log, within the rate of challenges."""
        self.challenge_rate.take(source, now=self.releases.clock())
        return self.log.checkpoint()

    def proof(self, decision: str, *, source: str) -> bytes:
        """Return the proof that a decision is in the log, within the rate of challenges.

        Raises `DECISION_UNKNOWN`.
        """
        self.challenge_rate.take(source, now=self.releases.clock())
        proof = self.log.proof(decision)
        if proof is None:
            raise BrokerError(BrokerCode.DECISION_UNKNOWN, "no such decision")
        return proof

    def readiness(self) -> dict[str, bool]:
        """Return whether each thing works that every release needs."""
        reads = _works(self._read_log)
        return {"store": reads and self.store.writable, "log": _works(self.log.checkpoint)}

    def notes(self) -> dict[str, str]:
        """Return what an operator should know although it stops no release yet."""
        files = self.releases.trust.files
        if files is None or (files.first_end is None and not files.failed):
            return {}
        if files.first_end is None:
            return {"endorsements": "a changed file is bad; the last good one is used"}
        days = (files.first_end - self.releases.clock()).days
        state = "a changed file is bad, " if files.failed else ""
        when = "has ended" if days < 0 else f"ends in {days} days"
        return {"endorsements": f"{state}the first {when} ({format_time(files.first_end)})"}

    def refresh_endorsements(self) -> None:
        """Read the named endorsements again if they changed; bad ones change nothing."""
        files = self.releases.trust.files
        if files is not None:
            files.refresh()
            self.metrics.show_endorsements(files.first_end, unread=files.failed)

    def _read_log(self) -> None:
        self.metrics.show_log(self.store.tree_size())


def _works(check: Callable[[], object]) -> bool:
    try:
        check()
    except BrokerError:
        return False
    return True


def assemble(
    store: Store, keys: BrokerKeys, settings: Settings, *, clock: Clock, entropy: Entropy
) -> Broker:
    """Return the broker that these parts make."""
    log = AuditLog(store, origin=settings.origin, key=keys.checkpoint)
    directory = Directory(store)
    rulings = Rulings(directory.policy, settings.guardrails)
    identity = keys.identity.key_id
    intake = Intake(identity, clock, entropy)
    metrics = Metrics()
    cas = AttestationCas.of_keys(keys.attestation_ca, keys.simulated_attestation_ca)
    trust = cas.trusted_in(settings.trust)
    tokens = EnrolmentTokens(keys.challenges)
    return Broker(
        store=store,
        releases=ReleaseService(
            store=store,
            keys=keys,
            trust=trust,
            modules=Modules(directory.owner),
            rulings=rulings,
            challenges=Challenges(keys.challenges),
            answers=AnswerWriter(keys, quota=settings.quota, entropy=entropy),
            rate=RateLimiter(settings.release_rate),
            metrics=metrics,
            clock=clock,
            entropy=entropy,
        ),
        enrolment=EnrolmentService(directory, intake, settings.operator),
        owner_changes=OwnerChangeService(directory, intake, settings.operator),
        evaluations=EvaluationService(directory, identity, trust, rulings, clock),
        attestation_keys=AttestationKeyService(store, cas, settings.tpms, tokens, clock, entropy),
        log=log,
        metrics=metrics,
        challenge_rate=RateLimiter(settings.challenge_rate),
        document_rate=RateLimiter(settings.document_rate),
        descriptor=_describe(keys, settings, log, now=clock()),
        sources=settings.sources,
    )


def _describe(keys: BrokerKeys, settings: Settings, log: AuditLog, *, now: datetime) -> bytes:
    descriptor = Descriptor(
        v=1,
        identity=keys.identity.public.spki,
        sealing_keys=tuple(
            DescribedKey.model_validate(
                {"id": key.public.key_id, "suite": key.suite, "public": key.public.raw}
            )
            for key in keys.sealing
        ),
        tees=settings.trust.tees,
        simulated=settings.trust.simulated,
        log=LogKey(origin=log.log_key.origin, key=log.log_key.vkey),
        ear={"jwk": public_jwk(keys.ear_private_key().public_key())},
        issued=format_time(now),
    )
    return dsse.sign(BROKER_TYPE, descriptor.to_bytes(), [keys.identity])
