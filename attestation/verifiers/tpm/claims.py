"""A verified quote in the flat claim names that policies use."""

from __future__ import annotations

from attestation.claims import ClaimValue
from attestation.keys import TrustedKey
from attestation.tpm.signature import SCHEME_NAMES, TpmSignature
from attestation.verifiers.tpm.quote import GivenQuote


def quote_claims(
    given: GivenQuote, key: TrustedKey, signature: TpmSignature
) -> dict[str, ClaimValue]:
    """Return what a quote says; call only once all checks have passed."""
    quote = given.quote
    values: dict[str, ClaimValue] = {
        "pcr-digest": quote.pcr_digest.hex(),
        "attestation-key": key.fingerprint.hex(),
        "signature-scheme": SCHEME_NAMES[signature.scheme],
        "qualified-signer": quote.qualified_signer.hex(),
        "reset-count": quote.reset_count,
        "restart-count": quote.restart_count,
        "clock-safe": quote.clock_safe,
        # All 64 bits in hex: as a number they would not survive JSON (RFC 8785).
        "firmware-version": f"{quote.firmware_version:016x}",
    }
    return values | {f"pcr.{index}": value.hex() for index, value in given.sha256.items()}
