"""From bytes to a quote that a platform at a known TCB made; shared by TDX, SGX and Azure.

Steps are those of docs/specs/evidence-tdx.md and docs/specs/evidence-sgx.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from attestation.cache import BoundedCache
from attestation.claims import ClaimValue
from attestation.endorsements import DocumentKind, Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.intel.attestation_key import AttestationKey, verify_attestation_key
from attestation.intel.claims import platform_claims
from attestation.intel.collateral import Collateral
from attestation.intel.ecdsa import verify_raw
from attestation.intel.module import appraise_module
from attestation.intel.qe_identity import appraise_qe
from attestation.intel.quote import Quote, parse_quote
from attestation.intel.reports import SgxReport, TdReport
from attestation.intel.selection import choose_collateral, pck_chains
from attestation.intel.tcb import PlatformTcb, appraise_sgx, appraise_tdx
from attestation.intel.tcb_info import SGX, TDX
from attestation.limits import MAX_CACHED_CHAINS
from attestation.policy import IntelPolicy
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.x509.path import check_validity, period_of

Report = TypeVar("Report", TdReport, SgxReport)


@dataclass(frozen=True, slots=True)
class AppraisedPlatform:
    """A platform and how current it is. `tcb` is no verdict: `require_tcb` judges it."""

    key: AttestationKey
    collateral: Collateral
    tcb: PlatformTcb
    claims: Mapping[str, ClaimValue] = field(repr=False)


# A platform is rated once for its SVNs and a document; how many TDs it runs does not matter.
_rated: Final = BoundedCache[AppraisedPlatform](MAX_CACHED_CHAINS)


def authenticate_quote(
    data: bytes,
    kind: type[Report],
    *,
    endorsements: Endorsements,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> tuple[Quote, Report, AttestationKey]:
    """Return a quote that a platform of Intel's made, its report, and the key it is signed with.

    Steps Q, C and G. `kind` is `TdReport` or `SgxReport`: what the quote must be about. Not
    checked: which quoting enclave it was, how current the platform is, what the quote says. Raises
    `EvidenceError`.
    """
    # (1) Structure, and what vouches for the attestation key.
    trace.check("Q", "form of the quote", "version 3, 4 or 5 of known size", lambda: len(data))
    quote = parse_quote(data)
    report = quote.body
    trace.check("Q4", "report in the quote", kind.__name__, type(report).__name__)
    if not isinstance(report, kind):
        raise EvidenceError(Refusal.MALFORMED, f"quote is about no {kind.__name__}")
    key = verify_attestation_key(quote, pck_chains(endorsements), anchors=anchors, trace=trace)
    path = key.pck.path.certificates
    trace.check("C8", "PCK chain is valid", now, lambda: period_of(path))
    check_validity(path, now)

    # (2) That key signed exactly these bytes.
    trace.check("G1", "signature of the quote", "by the attestation key", quote.signature)
    verify_raw(key.key, quote.signature, quote.signed, Refusal.SIGNATURE_INVALID, "the quote")
    return quote, report, key


def appraise_platform(
    quote: Quote,
    key: AttestationKey,
    *,
    endorsements: Endorsements,
    policy: IntelPolicy,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> AppraisedPlatform:
    """Return how current the platform is by the newest collateral (K, E, M and T).

    Not checked: whether such a status is acceptable. Raises `EvidenceError`.
    """
    # (1) Collateral for this platform and TEE, in date, by Intel; nothing revoked.
    tee = TDX if isinstance(quote.body, TdReport) else SGX
    given = endorsements.of_kind(DocumentKind.INTEL_COLLATERAL)
    trace.check("K", "collateral", f"{tee} {key.pck.platform.fmspc.hex()}", f"{len(given)} given")
    collateral = choose_collateral(endorsements, key.pck, tee, anchors=anchors, now=now)
    _check_rollback(collateral, policy, trace)

    # (2) The quoting enclave is Intel's; how current processor, module and that enclave are.
    trace.check("E1", "MRSIGNER of the QE", collateral.qe_identity.mrsigner, key.qe_report.mrsigner)
    report = quote.body if isinstance(quote.body, TdReport) else None
    name = key.digest + collateral.digest + (report.rated if report is not None else b"")
    found = _rated.get(name)
    if found is None:
        found = _rate(key, collateral, report, trace)
        _rated.put(name, found)
    elif report is not None:
        _note_module(report, collateral, trace)
    return found


def _rate(
    key: AttestationKey, collateral: Collateral, report: TdReport | None, trace: Trace
) -> AppraisedPlatform:
    qe = appraise_qe(key.qe_report, collateral.qe_identity)
    platform, info = key.pck.platform, collateral.tcb_info
    if report is None:
        tcb = appraise_sgx(platform, info, qe)
    else:
        _note_module(report, collateral, trace)
        tcb = appraise_tdx(platform, report, info, appraise_module(report, info), qe)
    return AppraisedPlatform(key, collateral, tcb, platform_claims(key, collateral, tcb))


def _note_module(report: TdReport, collateral: Collateral, trace: Trace) -> None:
    known = collateral.tcb_info.modules
    trace.check("M1", "TDX module", lambda: sorted(known), report.tee_tcb_svn)


def _check_rollback(collateral: Collateral, policy: IntelPolicy, trace: Trace) -> None:
    least = policy.minimum_tcb_evaluation_number
    numbers = (collateral.tcb_info.evaluation_number, collateral.qe_identity.evaluation_number)
    trace.check("K13", "TCB evaluation data number at least", least, min(numbers))
    if min(numbers) < least:
        raise EvidenceError(
            Refusal.COLLATERAL_ROLLBACK,
            f"TCB evaluation data numbers are {numbers}, expected at least {least}",
        )


def require_tcb(platform: AppraisedPlatform, policy: IntelPolicy, trace: Trace = NO_TRACE) -> None:
    """Refuse a platform whose TCB `policy` does not accept (P1 and P2)."""
    tcb = platform.tcb
    trace.check("P1", "TCB status", lambda: sorted(policy.accepted_statuses), tcb.status)
    if tcb.status not in policy.accepted_statuses:
        raise EvidenceError(
            Refusal(f"tcb-{tcb.status}"),
            f"TCB is {tcb.status} (processor {tcb.tdx_status or tcb.sgx_status or 'no level'},"
            f" module {tcb.module_status or 'none'}, QE {tcb.qe_status})",
        )
    denied = policy.denied_advisories.intersection(tcb.advisories)
    trace.check("P2", "advisories", "none that is denied", lambda: ",".join(tcb.advisories))
    if denied:
        raise EvidenceError(
            Refusal.ADVISORY_NOT_ACCEPTED, f"platform is open to {', '.join(sorted(denied))}"
        )
