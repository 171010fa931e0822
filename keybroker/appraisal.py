"""What the broker believes about evidence: whose roots, which revocations, which measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from attestation.appraise import AttestationResult, appraise
from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.reference import ReferenceValues
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trust import TrustAnchors
from attestation.verify import VERIFIERS, verify


@dataclass(frozen=True, slots=True)
class EvidenceTrust:
    """Everything evidence is checked against. `simulated`: a root of simulated silicon is in it."""

    anchors: TrustAnchors = field(repr=False)
    endorsements: Endorsements = field(repr=False)
    policy: EvidencePolicy
    references: ReferenceValues = field(repr=False)
    simulated: bool

    @property
    def tees(self) -> tuple[str, ...]:
        """The TEE types this broker can verify."""
        return tuple(sorted(VERIFIERS))

    def verify(
        self,
        evidence: Mapping[str, str],
        *,
        report_data: ExpectedReportData | UnsafeAnyReportData,
        now: datetime,
    ) -> VerifiedClaims:
        """Return what the evidence of a message proves, or raise `EvidenceError`."""
        return verify(
            UnverifiedEvidence.from_wire(dict(evidence)),
            report_data=report_data,
            endorsements=self.endorsements,
            policy=self.policy,
            anchors=self.anchors,
            now=now,
        )

    def appraise(self, claims: VerifiedClaims) -> AttestationResult:
        """Return how much to trust what was proved. Decides nothing."""
        return appraise(claims, self.references)
