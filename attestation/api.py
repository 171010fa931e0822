"""The names that a program needs to verify evidence, in one place.

Nothing is defined here: each name's module says what it does. Inside this package we import from
those modules.
"""

from __future__ import annotations

from attestation.appraise import AttestationResult, appraise
from attestation.bundle import Bundle, parse_bundle
from attestation.claims import VerifiedClaims
from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.reference import ReferenceValue, ReferenceValues
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trace import RecordedTrace
from attestation.trust import TrustAnchors
from attestation.verify import verify

__all__ = [
    "AttestationResult",
    "Bundle",
    "DocumentKind",
    "Endorsements",
    "EvidenceError",
    "EvidencePolicy",
    "ExpectedReportData",
    "GivenDocument",
    "RecordedTrace",
    "ReferenceValue",
    "ReferenceValues",
    "Refusal",
    "TrustAnchors",
    "UnsafeAnyReportData",
    "UnverifiedEvidence",
    "VerifiedClaims",
    "appraise",
    "parse_bundle",
    "verify",
]
