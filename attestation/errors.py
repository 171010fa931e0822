"""The one error that leaves this package, and its closed list of reasons."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Stable codes: logged, counted, put in receipts, asserted by test vectors. Never renamed."""

    # Structure
    MALFORMED = "malformed"
    TRAILING_DATA = "trailing-data"
    UNSUPPORTED = "unsupported"

    # Who signed
    NO_ENDORSEMENT = "no-endorsement"
    ENDORSEMENT_UNAVAILABLE = "endorsement-unavailable"
    BAD_TRUST_ANCHOR = "bad-trust-anchor"
    UNTRUSTED_CHAIN = "untrusted-chain"
    UNTRUSTED_KEY = "untrusted-key"
    UNKNOWN_SIGNING_KEY = "unknown-signing-key"
    SIMULATED_NOT_TRUSTED = "simulated-not-trusted"
    CERT_EXPIRED = "cert-expired"
    CERT_NOT_YET_VALID = "cert-not-yet-valid"
    CERT_REVOKED = "cert-revoked"
    CERT_ON_HOLD = "cert-on-hold"
    CRL_MISSING = "crl-missing"
    CRL_EXPIRED = "crl-expired"
    CRL_ISSUER_MISMATCH = "crl-issuer-mismatch"
    COLLATERAL_EXPIRED = "collateral-expired"
    COLLATERAL_NOT_YET_VALID = "collateral-not-yet-valid"
    COLLATERAL_SIGNATURE_INVALID = "collateral-signature-invalid"
    COLLATERAL_TEE_MISMATCH = "collateral-tee-mismatch"
    COLLATERAL_ROLLBACK = "collateral-rollback"
    SIGNATURE_INVALID = "signature-invalid"
    ALG_MISMATCH = "alg-mismatch"
    ALG_NOT_ALLOWED = "alg-not-allowed"

    # Do the parts belong together, and to this request
    BINDING = "binding"
    REALM_PLATFORM_BINDING = "realm-platform-binding"
    PCR_DIGEST_MISMATCH = "pcr-digest-mismatch"
    EVENT_LOG_MISMATCH = "event-log-mismatch"
    DEVICE_BINDING = "device-binding"
    PRODUCT_MISMATCH = "product-mismatch"
    FMSPC_MISMATCH = "fmspc-mismatch"
    QE_MISMATCH = "qe-mismatch"
    MODULE_MISMATCH = "module-mismatch"
    CHIP_ID_MISMATCH = "chip-id-mismatch"
    TCB_MISMATCH = "tcb-mismatch"
    TCB_INCONSISTENT = "tcb-inconsistent"
    REPORT_DATA_MISMATCH = "report-data-mismatch"
    NONCE_MISMATCH = "nonce-mismatch"

    # Do we accept such a machine
    TCB_BELOW_MINIMUM = "tcb-below-minimum"
    TCB_OUT_OF_DATE = "tcb-OutOfDate"
    TCB_OUT_OF_DATE_CONFIGURATION_NEEDED = "tcb-OutOfDateConfigurationNeeded"
    TCB_CONFIGURATION_NEEDED = "tcb-ConfigurationNeeded"
    TCB_SW_HARDENING_NEEDED = "tcb-SWHardeningNeeded"
    TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED = "tcb-ConfigurationAndSWHardeningNeeded"
    TCB_TD_RELAUNCH_ADVISED = "tcb-TDRelaunchAdvised"
    TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED = "tcb-TDRelaunchAdvisedConfigurationNeeded"
    TCB_REVOKED = "tcb-Revoked"
    TCB_NOT_SUPPORTED = "tcb-NotSupported"
    ADVISORY_NOT_ACCEPTED = "advisory-not-accepted"
    MEASUREMENT_MISMATCH = "measurement-mismatch"
    DEBUG_ENABLED = "debug-enabled"
    MIGRATABLE = "migratable"
    VMPL_NONZERO = "vmpl-nonzero"
    SERVICE_TD_BOUND = "service-td-bound"
    SEPT_VE_DISABLE_CLEAR = "sept-ve-disable-clear"
    LIFECYCLE_NOT_SECURED = "lifecycle-not-secured"
    REPORT_VERSION_TOO_OLD = "report-version-too-old"
    PRODUCT_NOT_ALLOWED = "product-not-allowed"
    SIGNING_KEY_NOT_ALLOWED = "signing-key-not-allowed"
    CHIP_ID_MASKED = "chip-id-masked"
    GUEST_POLICY_NOT_ALLOWED = "guest-policy-not-allowed"
    PLATFORM_NOT_ALLOWED = "platform-not-allowed"

    # Tokens
    MISSING_CLAIMS = "missing-claims"
    TOKEN_EXPIRED = "token-expired"  # noqa: S105 - a reason code
    TOKEN_NOT_YET_VALID = "token-not-yet-valid"  # noqa: S105 - a reason code
    ISSUER_MISMATCH = "issuer-mismatch"
    AUDIENCE_MISMATCH = "audience-mismatch"


class EvidenceError(Exception):
    """Evidence was refused. `detail` is for our log and never reaches the peer."""

    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
