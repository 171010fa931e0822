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

    # Attestation keys
    AK_ENROLMENT_REFUSED = "attestation-key-enrolment-refused"
    AK_ENROLMENT_EXPIRED = "attestation-key-enrolment-expired"
    AK_NOT_ACTIVATED = "attestation-key-not-activated"

    # The release path
    RATE_LIMITED = "rate-limited"
    POLICY_UNKNOWN = "policy-unknown"
    ENVELOPE_FOR_ANOTHER_BROKER = "envelope-for-another-broker"

    # Signed documents, and the log as peers see it
    DOCUMENT_FOR_ANOTHER_BROKER = "document-for-another-broker"
    DOCUMENT_EXPIRED = "document-expired"
    DECISION_UNKNOWN = "decision-unknown"

    # The HTTP edge and the files the broker starts from
    REQUEST_TOO_LARGE = "request-too-large"
    REQUEST_TOO_SLOW = "request-too-slow"
    CONFIG_INVALID = "broker-config-invalid"

    # What the store decides inside a transaction
    REQUEST_REPEATED = "request-repeated"
    IDEMPOTENCY_CONFLICT = "idempotency-conflict"
    QUOTA_EXCEEDED = "quota-exceeded"
    VERSION_ROLLED_BACK = "version-rolled-back"
    OWNER_EXISTS = "owner-exists"
    OWNER_FOLLOWED = "owner-followed"
    OWNER_UNKNOWN = "owner-unknown"
    OWNER_REVOKED = "owner-revoked"
    MODULE_REVOKED = "module-revoked"
    POLICY_NOT_NEWER = "policy-not-newer"
    POLICY_REPLACED = "policy-replaced"
    ALREADY_INITIALISED = "broker-already-initialised"
    NOT_INITIALISED = "broker-not-initialised"

    # The database file
    STORE_MISSING = "store-missing"
    STORE_EXISTS = "store-exists"
    STORE_IN_USE = "store-in-use"
    STORE_UNSAFE = "store-unsafe"
    STORE_INCOMPATIBLE = "store-incompatible"
    STORE_UNAVAILABLE = "store-unavailable"
    RECORD_INVALID = "record-invalid"

    # Master key and broker keys
    MASTER_KEY_MISSING = "master-key-missing"
    MASTER_KEY_EXISTS = "master-key-exists"
    MASTER_KEY_UNSAFE = "master-key-unsafe"
    MASTER_KEY_MALFORMED = "master-key-malformed"
    BROKER_KEY_REFUSED = "broker-key-refused"
    BROKER_KEYS_INCOMPLETE = "broker-keys-incomplete"
    KEY_UNKNOWN = "broker-key-unknown"

    # Audit log
    LEAF_MALFORMED = "audit-leaf-malformed"
    LOG_KEY_MALFORMED = "audit-log-key-malformed"
    CHECKPOINT_MALFORMED = "audit-checkpoint-malformed"
    CHECKPOINT_OTHER_LOG = "audit-checkpoint-other-log"
    CHECKPOINT_UNSIGNED = "audit-checkpoint-unsigned"
    CHECKPOINT_BAD_SIGNATURE = "audit-checkpoint-bad-signature"
    PROOF_MALFORMED = "audit-proof-malformed"
    PROOF_FOREIGN_SIGNATURE = "audit-proof-foreign-signature"
    NOT_INCLUDED = "audit-not-included"
    NOT_CONSISTENT = "audit-not-consistent"


class BrokerError(Exception):
    """The broker refused or failed. `detail` is for our log and never reaches the peer.

    `code` is a `BrokerCode`, or the code of the package that refused a request: evidence, sealed
    module or policy. `decision` names the refusal in the audit log, `rules` the rules that denied.
    """

    def __init__(
        self,
        code: StrEnum,
        detail: str,
        *,
        decision: str | None = None,
        rules: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.decision = decision
        self.rules = rules
