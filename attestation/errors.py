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
    COLLATERAL_NOT_YET_VALID = "collateral-not-yet-valid"
    COLLATERAL_SIGNATURE_INVALID = "collateral-signature-invalid"
    SIGNATURE_INVALID = "signature-invalid"
    ALG_MISMATCH = "alg-mismatch"
    ALG_NOT_ALLOWED = "alg-not-allowed"

    # Do the parts belong together, and to this request
    BINDING = "binding"
    PRODUCT_MISMATCH = "product-mismatch"
    CHIP_ID_MISMATCH = "chip-id-mismatch"
    TCB_MISMATCH = "tcb-mismatch"
    TCB_INCONSISTENT = "tcb-inconsistent"
    REPORT_DATA_MISMATCH = "report-data-mismatch"
    NONCE_MISMATCH = "nonce-mismatch"

    # Do we accept such a machine
    TCB_BELOW_MINIMUM = "tcb-below-minimum"
    DEBUG_ENABLED = "debug-enabled"
    MIGRATABLE = "migratable"
    VMPL_NONZERO = "vmpl-nonzero"
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
