"""A TD quote from its bytes to an accepted TD on an accepted platform, whatever it was made for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from attestation.endorsements import Endorsements
from attestation.intel.appraisal import (
    AppraisedPlatform,
    appraise_platform,
    authenticate_quote,
    require_tcb,
)
from attestation.intel.reports import TdReport
from attestation.policy import EvidencePolicy
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.tdx.acceptance import check_td


@dataclass(frozen=True, slots=True)
class AppraisedTd:
    """A quote that is authentic, of a TD and a platform that the policy accepts.

    Its report data has been compared with nothing by `authenticate_td_quote` alone.
    """

    report: TdReport
    quote_version: int
    platform: AppraisedPlatform = field(repr=False)

    @property
    def simulated(self) -> bool:
        """Whether the root of trust is simulated silicon."""
        return self.platform.key.pck.path.anchor.simulated


def authenticate_td_quote(
    quote_bytes: bytes,
    *,
    endorsements: Endorsements,
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
    check_binding: Callable[[TdReport], None] = lambda _: None,
) -> AppraisedTd:
    """Return the authentic quote of a TD that `policy` accepts, without looking at report data.

    For evidence that binds the quote in its own way, such as Azure's: `check_binding` sees the
    authentic report before anything about the TD or its platform is judged, and raises to refuse.
    Steps are those of docs/specs/evidence-tdx.md, all but F and L. Raises `EvidenceError`.
    """
    # (1) to (4) The quote is authentic.
    quote, report, key = authenticate_quote(
        quote_bytes, TdReport, endorsements=endorsements, anchors=anchors, now=now, trace=trace
    )

    # (5) The quote was made for this.
    check_binding(report)

    # (6) The caller accepts such a TD.
    check_td(report, policy.tdx, trace)

    # (7) Current collateral knows the platform, and the caller accepts its TCB.
    platform = appraise_platform(
        quote,
        key,
        endorsements=endorsements,
        policy=policy.intel,
        anchors=anchors,
        now=now,
        trace=trace,
    )
    require_tcb(platform, policy.intel, trace)
    return AppraisedTd(report, quote.version, platform)
