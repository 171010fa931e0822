"""The one error type that leaves this package, and its closed list of codes."""

from __future__ import annotations

from enum import StrEnum


class RunnerCode(StrEnum):
    """Stable codes: logged, asserted by tests, mapped to exit codes. Append only."""

    # Supervisor and worker
    FRAME_MALFORMED = "worker-frame-malformed"
    WORKER_LOST = "worker-lost"
    WORKER_SLOW = "worker-slow"
    LOCKDOWN_FAILED = "worker-lockdown-failed"
    WORKER_FAULT = "worker-fault"

    # Engine
    ENGINE_UNUSABLE = "engine-unusable"
    MODULE_INVALID = "module-invalid"
    MODULE_TOO_LARGE = "module-too-large"
    COMPONENT_UNSUPPORTED = "component-unsupported"
    ENTRYPOINT_MISSING = "module-entrypoint-missing"
    FEATURE_NOT_GRANTED = "feature-not-granted"
    FEATURE_UNSUPPORTED = "feature-unsupported"
    IMPORT_UNKNOWN = "import-unknown"
    IMPORT_NOT_GRANTED = "import-not-granted"
    IMPORT_MISMATCH = "import-mismatch"
    GRANT_INVALID = "grant-invalid"
    INPUT_NOT_GRANTED = "input-not-granted"
    INPUT_MISSING = "input-missing"
    INPUT_TOO_LARGE = "input-too-large"

    # What the caller gives
    INPUT_MALFORMED = "input-malformed"
    PATH_REFUSED = "path-refused"
    WRITE_BACK_FAILED = "write-back-failed"
    OUTPUT_CLOSED = "output-closed"

    # Artifact, broker, release
    REGISTRY_UNREACHABLE = "registry-unreachable"
    ARTIFACT_REFUSED = "artifact-refused"
    GRANT_DENIED = "grant-denied"
    NOT_MEASURABLE = "runner-not-measurable"
    ATTESTER_MISSING = "attester-missing"
    EVIDENCE_REFUSED = "evidence-refused"
    BROKER_URL_INVALID = "broker-url-invalid"
    BROKER_UNREACHABLE = "broker-unreachable"
    BROKER_REFUSED = "broker-refused"
    BROKER_NOT_GENUINE = "broker-not-genuine"
    RELEASE_DENIED = "release-denied"
    KEY_NOT_OPENED = "release-key-not-opened"
    LEASE_EXPIRED = "lease-expired"
    BROKERS_MISSING = "brokers-missing"
    BROKER_REPEATED = "broker-repeated"

    # Receipts
    RECEIPT_MALFORMED = "receipt-malformed"
    RECEIPT_SIGNATURE = "receipt-signature-invalid"
    RECEIPT_SUBJECT = "receipt-subject-differs"
    RECEIPT_RELEASE = "receipt-release-differs"
    RECEIPT_SIMULATED = "receipt-simulated-differs"
    RECEIPT_RESULT = "receipt-result-impossible"
    RECEIPT_TIMES = "receipt-times-impossible"
    RECEIPT_SEQUENCE = "receipt-sequence-impossible"


class RunnerError(Exception):
    """The runner refused or failed. `detail` is for our log: no secret, no plaintext.

    `remedy` is what would allow the refused thing, as lines of YAML or a command, or empty.
    `reason` is the code of the other package that refused (`seal-hmac-mismatch`), or empty.
    """

    def __init__(self, code: RunnerCode, detail: str, remedy: str = "", reason: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.reason = reason
