"""What one request leaves behind: the attempt as the steps fill it, and its records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from attestation.claims import VerifiedClaims
from keybroker.audit.fields import PolicyReference
from keybroker.audit.leaf import RefusalLeaf, encode_leaf
from keybroker.audit.limits import MAX_LIST
from keybroker.challenges import Challenge
from keybroker.modules import OwnedModule
from keybroker.ordered import ordered_json
from keybroker.protocol import Binding, ReleaseRequest
from keybroker.store.protocol import ChallengeUse, DecisionKind, DecisionRow, RefusalRecord
from policies.claims import ClaimValue
from policies.decision import Decision
from sealing import canonical
from sealing.envelope import ShareHeader
from sealing.hpke import SealingKey

Entropy = Callable[[int], bytes]
_ID_BYTES = 16


def new_id(prefix: str, entropy: Entropy) -> str:
    """Return an id that nobody can guess."""
    return f"{prefix}-{entropy(_ID_BYTES).hex()}"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came, its digest, and the key that its answer would be wrapped to."""

    request: ReleaseRequest = field(repr=False)
    digest: str
    runner_key: SealingKey


@dataclass(slots=True)
class Attempt:
    """One request that answers an authentic challenge, and what the steps made of it so far.

    A step that refuses leaves the members of later steps as they are; the log says no more.
    """

    id: str
    at: datetime
    asked: Asked
    challenge: Challenge = field(repr=False)
    binding: Binding = field(repr=False)
    claims: VerifiedClaims | None = None
    module: OwnedModule | None = None
    facts: Mapping[str, ClaimValue] = field(default_factory=dict, repr=False)
    decision: Decision | None = None
    denial: Decision | None = None
    share: ShareHeader | None = None

    @classmethod
    def begin(cls, asked: Asked, challenge: Challenge, *, at: datetime, entropy: Entropy) -> Self:
        """Return the attempt of a request that answers `challenge`."""
        binding = asked.request.binding(challenge.nonce)
        return cls(new_id("decision", entropy), at, asked, challenge, binding)

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the rules that denied, as many as a page holds."""
        return self.denial.failed[:MAX_LIST] if self.denial else ()

    @property
    def policy(self) -> PolicyReference | None:
        """The release policy that decided, if one did."""
        decided = self.decision or self.denial
        return policy_reference(decided) if decided else None

    @property
    def challenge_use(self) -> ChallengeUse:
        """What spends the challenge."""
        return ChallengeUse(self.challenge.nonce_hash, self.challenge.expires)

    @property
    def evidence_digest(self) -> str:
        """The digest of the evidence as it came."""
        evidence = self.asked.request.evidence
        return canonical.digest_of(ordered_json(dict(sorted(evidence.items()))))


def decision_row(
    attempt: Attempt, *, kind: DecisionKind, code: str, reason: str = ""
) -> DecisionRow:
    """Return the entry of the decision log, for owner and compliance.

    It holds the facts that policies saw: with the policy of the same digest they give the same
    explanation again, rule by rule.
    """
    said = attempt.module.statement if attempt.module else None
    detail = {
        "environment": attempt.decision.environment if attempt.decision else None,
        "facts": dict(sorted(attempt.facts.items())),
        "failed": attempt.rules,
        "reason": reason,
        "share": f"{attempt.share.index} of {attempt.share.of}" if attempt.share else None,
    }
    return DecisionRow(
        id=attempt.id,
        kind=kind,
        at=attempt.at,
        code=code,
        owner=said.owner if said else None,
        module=said.module if said else None,
        version=said.version if said else None,
        policy=said.policy if said else None,
        detail=ordered_json(detail),
    )


def refusal_record(attempt: Attempt, *, code: StrEnum, reason: str) -> RefusalRecord:
    """Return what a refusal leaves behind."""
    said = attempt.module.statement if attempt.module else None
    leaf = RefusalLeaf(
        id=attempt.id,
        at=attempt.at,
        code=str(code),
        rules=attempt.rules,
        tee=attempt.asked.request.evidence["tee"],
        simulated=attempt.claims.simulated if attempt.claims else None,
        evidence=attempt.evidence_digest,
        manifest=attempt.binding.manifest,
        request=attempt.binding.digest(),
        owner=said.owner if said else None,
        module=said.module if said else None,
        version=said.version if said else None,
        policy=attempt.policy,
    )
    row = decision_row(attempt, kind=DecisionKind.REFUSAL, code=str(code), reason=reason)
    return RefusalRecord(attempt.challenge_use, row, encode_leaf(leaf))


def policy_reference(decision: Decision) -> PolicyReference:
    """Return the policy that decided."""
    policy = decision.policy
    return PolicyReference(policy.name, policy.version, policy.digest)
