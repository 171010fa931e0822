"""One leaf of each kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from keybroker.audit.fields import PolicyReference
from keybroker.audit.leaf import (
    AttestationKeyLeaf,
    BrokerInitialisedLeaf,
    OwnerEnrolledLeaf,
    OwnerRotatedLeaf,
    PolicyEnrolledLeaf,
    RefusalLeaf,
    ReleaseLeaf,
    RevocationLeaf,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def key_id(character: str) -> str:
    return character * 64


def digest(character: str) -> str:
    return f"sha256:{character * 64}"


POLICY = PolicyReference("acme/prod", 3, digest("1"))
RELEASE = ReleaseLeaf(
    id="decision-0001",
    at=NOW,
    owner=key_id("a"),
    module="acme/scoring",
    version=7,
    policy=POLICY,
    guardrails=(digest("2"),),
    tee="snp",
    simulated=True,
    evidence=digest("3"),
    manifest=digest("4"),
    request=digest("5"),
    grant=digest("6"),
    runner_key=key_id("b"),
    lease="lease-0001",
    lease_expires=NOW + timedelta(minutes=15),
)
REFUSAL = RefusalLeaf(
    id="decision-0002",
    at=NOW,
    code="evidence-debug",
    rules=("any-of[0].debug",),
    tee="snp",
    simulated=None,
    evidence=digest("3"),
    manifest=digest("4"),
    request=digest("5"),
    owner=None,
    module=None,
    version=None,
    policy=None,
)
OWNER = OwnerEnrolledLeaf("event-0003", NOW, key_id("a"), "Acme", digest("7"))
POLICY_ENROLLED = PolicyEnrolledLeaf("event-0004", NOW, key_id("a"), POLICY, digest("8"))
BIRTH = BrokerInitialisedLeaf(
    "event-0000", NOW, key_id("c"), (key_id("d"), key_id("e")), key_id("f"), key_id("0")
)
ATTESTATION_KEY = AttestationKeyLeaf(
    id="event-0005",
    at=NOW,
    key=key_id("1"),
    endorsement=digest("9"),
    certificate=digest("a"),
    expires=NOW + timedelta(days=30),
    simulated=False,
)
ROTATED = OwnerRotatedLeaf("event-0006", NOW, key_id("b"), key_id("a"), digest("b"))
REVOCATION = RevocationLeaf(
    "event-0007", NOW, key_id("a"), "module", "acme/scoring", 7, "leaks its input", digest("c")
)
ALL = (RELEASE, REFUSAL, OWNER, POLICY_ENROLLED, BIRTH, ATTESTATION_KEY, ROTATED, REVOCATION)
