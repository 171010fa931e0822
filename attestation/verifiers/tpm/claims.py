"""A verified quote in the flat claim names that policies use."""

from __future__ import annotations

from typing import Final

from attestation.claims import ClaimValue
from attestation.tpm.constants import PCR_COUNT
from attestation.tpm.signature import SCHEME_NAMES, TpmSignature
from attestation.verifiers.tpm.quote import GivenQuote, Signer

_PCR_NAMES: Final = tuple(f"pcr.{index}" for index in range(PCR_COUNT))


def quote_claims(
    given: GivenQuote, signer: Signer, signature: TpmSignature
) -> dict[str, ClaimValue]:
    """Return what a quote says; call only once all checks have passed."""
    quote = given.quote
    values: dict[str, ClaimValue] = {
        "pcr-digest": quote.pcr_digest.hex(),
        "attestation-key": signer.fingerprint.hex(),
        "signature-scheme": SCHEME_NAMES[signature.scheme],
        "qualified-signer": quote.qualified_signer.hex(),
        "reset-count": quote.reset_count,
        "restart-count": quote.restart_count,
        "clock-safe": quote.clock_safe,
        # All 64 bits in hex: as a number they would not survive JSON (RFC 8785).
        "firmware-version": f"{quote.firmware_version:016x}",
    }
    for index, value in given.sha256.items():
        values[_PCR_NAMES[index]] = value.hex()
    return values
