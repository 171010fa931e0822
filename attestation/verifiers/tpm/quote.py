"""A quote with its signature and PCR values: what holds whoever the key belongs to.

Also used for the virtual TPMs of Azure, whose key hardware vouches for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.eventlog.events import secure_boot
from attestation.eventlog.log import parse_event_log
from attestation.eventlog.replay import replay_pcrs
from attestation.keys import TrustedKey
from attestation.policy import TpmPolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.tpm.attest import Quote, parse_quote
from attestation.tpm.constants import ALG_SHA256, HASHES
from attestation.tpm.pcr import PcrValues, digest_of, parse_pcrs, require_selected
from attestation.tpm.signature import TpmSignature, parse_signature, verify_signature
from attestation.trace import NO_TRACE, Trace

SECURE_BOOT_PCR: Final = 7


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that may have signed, with its fingerprint: taking one is as slow as a digest."""

    key: TrustedKey
    fingerprint: bytes

    @classmethod
    def of(cls, key: TrustedKey) -> Signer:
        """Return the key with its fingerprint."""
        return cls(key, key.fingerprint)


@dataclass(frozen=True, slots=True)
class GivenQuote:
    """The parts `quote`, `signature` and `pcrs`, read. Nothing has been verified."""

    quote: Quote
    pcrs: PcrValues
    message: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def sha256(self) -> Mapping[int, bytes]:
        """The values of the SHA-256 bank."""
        return self.pcrs["sha256"]


def parse_parts(parts: Mapping[str, bytes], trace: Trace = NO_TRACE) -> GivenQuote:
    """Return the quote of this evidence; raise `EvidenceError` for anything not well formed."""
    message, values = parts.get("quote", b""), parts.get("pcrs", b"")
    trace.check("Q1", "length of the quote", "one quote", len(message))
    quote = parse_quote(message)
    trace.check("V1", "length of the PCR values", "one map of banks", len(values))
    pcrs = parse_pcrs(values)
    return GivenQuote(quote, pcrs, message, parts.get("signature", b""))


def find_signer(
    given: GivenQuote, signers: Sequence[Signer], trace: Trace = NO_TRACE
) -> tuple[Signer, TpmSignature]:
    """Return the key that signed, and its signature.

    Raises `EvidenceError`: with one key, what is wrong with its signature; with several
    `untrusted-key` where none of them made it.
    """
    failures: list[EvidenceError] = []
    size = len(given.signature)
    for signer in signers:
        public = signer.key.public
        trace.check("G1", "bytes of the signature", "one by a trusted key", size)
        try:
            signature = parse_signature(given.signature, public)
            verify_signature(signature, public, given.message)
        except EvidenceError as failure:
            failures.append(failure)
        else:
            return signer, signature
    if len(failures) == 1:
        raise failures[0]
    raise EvidenceError(Refusal.UNTRUSTED_KEY, "none of the trusted keys signed this quote")


def check_pcrs(given: GivenQuote, signature: TpmSignature, trace: Trace = NO_TRACE) -> None:
    """Refuse unless the PCR values given are those that were quoted."""
    quote = given.quote
    trace.check(
        "R2",
        "PCRs",
        quote.selections,
        lambda: {name: sorted(bank) for name, bank in given.pcrs.items()},
    )
    require_selected(quote.selections, given.pcrs)
    digest = digest_of(quote.selections, given.pcrs, signature.hash_algorithm)
    trace.check("R3", "digest of the PCR values", quote.pcr_digest, digest)
    if digest != quote.pcr_digest:
        raise EvidenceError(Refusal.PCR_DIGEST_MISMATCH, "quote is over other PCR values")


def check_nonce(
    given: GivenQuote,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    trace: Trace = NO_TRACE,
) -> None:
    """Refuse unless the quote's nonce is the SHA-256 of the expected report data."""
    trace.check("F1", "SHA-256 of", report_data.shown, given.quote.extra_data)
    if not report_data.matches_sha256(given.quote.extra_data):
        raise EvidenceError(Refusal.REPORT_DATA_MISMATCH, "nonce is not that of the request")


def check_event_log(
    parts: Mapping[str, bytes], given: GivenQuote, policy: TpmPolicy, trace: Trace = NO_TRACE
) -> dict[str, bool]:
    """Return the claims that follow from an event log that explains the quoted PCRs.

    Raises `EvidenceError` `event-log-mismatch`, or `malformed` and `alg-mismatch` for the log.
    """
    pcrs = given.sha256
    explained = sorted(policy.event_log_pcrs & pcrs.keys())
    if policy.require_event_log:
        trace.check("E1", "PCRs with a log", sorted(policy.event_log_pcrs), explained)
        if "event_log" not in parts or len(explained) != len(policy.event_log_pcrs):
            raise EvidenceError(Refusal.EVENT_LOG_MISMATCH, "no log explains the quoted PCRs")
    if "event_log" not in parts or not explained:
        return {"event-log": False}
    trace.check("L1", "length of the event log", "one log", len(parts["event_log"]))
    log = parse_event_log(parts["event_log"])
    replayed = replay_pcrs(log, ALG_SHA256)
    untouched = bytes(HASHES[ALG_SHA256].digest_size)
    for index in explained:
        value = replayed.get(index, untouched)
        trace.check("E2", f"PCR {index} replayed", pcrs[index], value)
        if value != pcrs[index]:
            raise EvidenceError(
                Refusal.EVENT_LOG_MISMATCH, f"PCR {index} is not what the log adds up to"
            )
    # Whoever quotes chooses the PCRs: a log of some of them explains no boot.
    found = {"event-log": policy.event_log_pcrs <= pcrs.keys()}
    state = secure_boot(log, ALG_SHA256, SECURE_BOOT_PCR) if SECURE_BOOT_PCR in explained else None
    return found if state is None else found | {"secure-boot": state}
