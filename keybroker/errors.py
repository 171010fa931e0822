"""The one error type that leaves this package, and its closed list of codes."""

from __future__ import annotations

from enum import StrEnum


class BrokerCode(StrEnum):
    """Stable codes: logged, counted, put in problems and audit leaves, asserted by test vectors."""

    # Challenges
    CHALLENGE_MALFORMED = "challenge-malformed"
    CHALLENGE_NOT_OURS = "challenge-not-ours"
    CHALLENGE_EXPIRED = "challenge-expired"
    CHALLENGE_FROM_THE_FUTURE = "challenge-from-the-future"
    CHALLENGE_SPENT = "challenge-spent"

    # What the store decides inside a transaction
    REQUEST_REPEATED = "request-repeated"
    IDEMPOTENCY_CONFLICT = "idempotency-conflict"
    QUOTA_EXCEEDED = "quota-exceeded"
    VERSION_ROLLED_BACK = "version-rolled-back"
    OWNER_EXISTS = "owner-exists"
    OWNER_UNKNOWN = "owner-unknown"
    POLICY_NOT_NEWER = "policy-not-newer"
    ALREADY_INITIALISED = "broker-already-initialised"
    NOT_INITIALISED = "broker-not-initialised"

    # The database file
    STORE_IN_USE = "store-in-use"
    STORE_UNSAFE = "store-unsafe"
    STORE_INCOMPATIBLE = "store-incompatible"
    STORE_UNAVAILABLE = "store-unavailable"
    RECORD_INVALID = "record-invalid"

    # Master key and broker keys
    SEAL_UNSAFE = "seal-unsafe"
    SEAL_MALFORMED = "seal-malformed"
    SEAL_MISSING = "seal-missing"
    SEAL_EXISTS = "seal-exists"
    SEAL_REFUSED = "seal-refused"
    KEYS_INCOMPLETE = "keys-incomplete"
    KEY_UNKNOWN = "key-unknown"

    # Audit log
    LEAF_MALFORMED = "audit-leaf-malformed"
    LOG_KEY_MALFORMED = "audit-log-key-malformed"
    CHECKPOINT_MALFORMED = "audit-checkpoint-malformed"
    CHECKPOINT_OTHER_LOG = "audit-checkpoint-other-log"
    CHECKPOINT_UNSIGNED = "audit-checkpoint-unsigned"
    CHECKPOINT_BAD_SIGNATURE = "audit-checkpoint-bad-signature"
    PROOF_MALFORMED = "audit-proof-malformed"
    NOT_INCLUDED = "audit-not-included"
    NOT_CONSISTENT = "audit-not-consistent"


class BrokerError(Exception):
    """The broker refused or failed. `detail` is for our log and never reaches the peer."""

    def __init__(self, code: BrokerCode, detail: str, *, decision: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.decision = decision
