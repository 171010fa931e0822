"""A quote and the PCR values that belong to it, from a TPM."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from attestation.errors import EvidenceError
from attestation.report_data import sha256_nonce
from attestation.tpm.attest import parse_quote
from attestation.tpm.client import LoadedKey, Tpm
from attestation.tpm.codes import TpmError
from attestation.tpm.constants import ALG_SHA256, PCR_COUNT
from attestation.tpm.pcr import PcrSelection, digest_of, encode_pcrs

_ALL: Final = PcrSelection(ALG_SHA256, tuple(range(PCR_COUNT)))
# Whatever extends PCRs three times in a row does so all the time.
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class TakenQuote:
    """The parts `quote`, `signature` and `pcrs` of evidence."""

    quote: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    pcrs: bytes = field(repr=False)

    @property
    def parts(self) -> dict[str, bytes]:
        """The parts under their names in evidence."""
        return {"quote": self.quote, "signature": self.signature, "pcrs": self.pcrs}


def take_quote(tpm: Tpm, key: LoadedKey, report_data: bytes) -> TakenQuote:
    """Return a quote over all SHA-256 PCRs and the SHA-256 of these 64 bytes.

    Values and quote are taken by several commands, so they are compared, and taken again if a PCR
    was extended in between. Nothing else is checked. Raises `TpmError`.
    """
    for _ in range(_ATTEMPTS):
        values = {"sha256": tpm.pcr_read(_ALL)}
        quote, signature = tpm.quote(key, sha256_nonce(report_data), [_ALL])
        try:
            digest = parse_quote(quote).pcr_digest
        except EvidenceError as error:
            raise TpmError.unreadable(error.detail) from error
        # TPMs hash with the signature's algorithm, which is SHA-256 for the keys asked here.
        if digest == digest_of([_ALL], values, ALG_SHA256):
            return TakenQuote(quote, signature, encode_pcrs(values))
    raise TpmError("PCRs are extended faster than they can be quoted")
