"""What the broker believes about evidence: whose roots, which revocations, which measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from attestation.appraise import AttestationResult, appraise
from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.evidence import DEVICE_TEES, UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.reference import ReferenceValues
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trust import TrustAnchors
from attestation.verify import VERIFIERS, verify
from keybroker.endorsement_files import EndorsementFiles


@dataclass(frozen=True, slots=True)
class EvidenceTrust:
    """Everything evidence is checked against. `simulated`: a root of simulated silicon is in it.

    `files` are endorsements that may change while the broker runs; the rest stays as it started.
    """

    anchors: TrustAnchors = field(repr=False)
    endorsements: Endorsements = field(repr=False)
    policy: EvidencePolicy
    references: ReferenceValues = field(repr=False)
    simulated: bool
    files: EndorsementFiles | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # More than a set may hold is said when the broker starts, not with every request.
        self._endorsements()

    @property
    def tees(self) -> tuple[str, ...]:
        """The TEE types this broker can verify; devices beside a processor are none."""
        return tuple(sorted(VERIFIERS.keys() - DEVICE_TEES))

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
            endorsements=self._endorsements(),
            policy=self.policy,
            anchors=self.anchors,
            now=now,
        )

    def _endorsements(self) -> Endorsements:
        return self.endorsements if self.files is None else self.files.joined(self.endorsements)

    def appraise(self, claims: VerifiedClaims) -> AttestationResult:
        """Return how much to trust what was proved. Decides nothing."""
        return appraise(claims, self.references)
