"""The one error that leaves this package, and its closed list of reasons."""

from __future__ import annotations

from enum import StrEnum


class SealRefusal(StrEnum):
    """Stable codes: logged, counted, put in receipts, asserted by test vectors."""

    # Any document.
    TOO_LARGE = "seal-too-large"
    MALFORMED = "seal-malformed"
    DUPLICATE_MEMBER = "seal-duplicate-member"
    UNKNOWN_MEMBER = "seal-unknown-member"
    NOT_CANONICAL = "seal-not-canonical"
    # Keys and signatures.
    KEY_INVALID = "seal-key-invalid"
    KEY_PASSPHRASE = "seal-key-passphrase"  # noqa: S105 - a code, not a passphrase
    KEY_URI = "seal-key-uri"
    KEY_NOT_FOUND = "seal-key-not-found"
    KEY_UNAVAILABLE = "seal-key-unavailable"
    EXTRA_MISSING = "seal-extra-missing"
    SIGNATURE_MISSING = "seal-signature-missing"
    SIGNATURE_INVALID = "seal-signature-invalid"
    SIGNER_UNKNOWN = "seal-signer-unknown"
    SIGNATURE_REPEATED = "seal-signature-repeated"
    PAYLOAD_TYPE = "seal-payload-type"
    # Owners' keys over time.
    KEY_CHAIN = "seal-key-chain"
    KEY_EXPIRED = "seal-key-expired"
    # Envelopes.
    SUITE_UNKNOWN = "seal-suite-unknown"
    ENVELOPE_VERSION = "seal-envelope-version"
    ENVELOPE_NOT_OPENED = "seal-envelope-not-opened"
    ENVELOPE_COUNT = "seal-envelope-count"
    ENVELOPE_SCHEME = "seal-envelope-scheme"
    ENVELOPE_REPEATED = "seal-envelope-repeated"
    CONTEXT_MISMATCH = "seal-context-mismatch"
    SHARE_THRESHOLD = "seal-share-threshold"
    SHARE_SET = "seal-share-set"
    SHARE_COMMITMENT = "seal-share-commitment"
    # Manifest and config.
    MEDIA_TYPE = "seal-media-type"
    NOT_SEALED = "seal-not-sealed"
    ENCRYPTED = "seal-encrypted"
    LAYER_COUNT = "seal-layer-count"
    CIPHER_UNKNOWN = "seal-cipher-unknown"
    CIPHER_OPTIONS = "seal-cipher-options"
    PLATFORM = "seal-platform"
    DIGEST_MISMATCH = "seal-digest-mismatch"
    SIZE_MISMATCH = "seal-size-mismatch"
    # Statement.
    STATEMENT_TYPE = "seal-statement-type"
    STATEMENT_MISMATCH = "seal-statement-mismatch"
    # Opening the layer.
    HMAC_MISMATCH = "seal-hmac-mismatch"
    PLAINTEXT_MISMATCH = "seal-plaintext-mismatch"
    NOT_WASM = "seal-not-wasm"
    BILL_MISMATCH = "seal-bill-mismatch"
    ARCHIVE_MALFORMED = "seal-archive-malformed"
    # Reading a module.
    MODULE_MALFORMED = "seal-module-malformed"
    MODULE_UNSUPPORTED = "seal-module-unsupported"
    MODULE_CHANGED = "seal-module-changed"
    # Registries and layout folders.
    REFERENCE_INVALID = "seal-reference-invalid"
    STORE_MALFORMED = "seal-store-malformed"
    NOT_FOUND = "seal-not-found"
    UNAUTHORIZED = "seal-unauthorized"
    UNREACHABLE = "seal-unreachable"
    REGISTRY_REFUSED = "seal-registry-refused"
    REFERENCE_INCOMPLETE = "seal-reference-incomplete"
    STORE_UNUSABLE = "seal-store-unusable"
    FORBIDDEN = "seal-forbidden"
    REGISTRY_FAILED = "seal-registry-failed"
    REGISTRY_MALFORMED = "seal-registry-malformed"
    REGISTRY_SLOW = "seal-registry-slow"
    REDIRECT_REFUSED = "seal-redirect-refused"
    PLAIN_HTTP_REFUSED = "seal-plain-http-refused"
    REGISTRY_UNTRUSTED = "seal-registry-untrusted"
    REALM_REFUSED = "seal-realm-refused"
    CREDENTIALS_UNUSABLE = "seal-credentials-unusable"


class SealError(Exception):
    """A sealed artifact, a key or a store was refused. `detail` is for our log only."""

    def __init__(self, code: SealRefusal, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
