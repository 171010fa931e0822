"""What the runners of cases share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from attestation.claims import VerifiedClaims
from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.evidence import UnverifiedEvidence
from attestation.policy import CrlPolicy, EvidencePolicy
from attestation.report_data import UnsafeAnyReportData
from attestation.trust import TrustAnchors
from attestation.verify import verify

BASE_POLICY: Final = EvidencePolicy(crl=CrlPolicy.UNSAFE_NOT_REQUIRED)

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its inputs under our names, when to judge it, and for whom a token is."""

    inputs: Mapping[str, bytes] = field(repr=False)
    at: datetime
    audience: str | None = None
    # Whether the manifest gave the time; a case without one does not depend on it.
    timed: bool = True

    def list_of(self, name: str) -> list[bytes]:
        """Return an input as a list of none or one."""
        return [self.inputs[name]] if name in self.inputs else []


Runner = Callable[[Case], Claims]


def verify_case(
    case: Case,
    tee: str,
    parts: Mapping[str, bytes],
    *,
    certificates: list[bytes] | None = None,
    documents: Mapping[DocumentKind, list[bytes]] | None = None,
    anchors: TrustAnchors | None = None,
    policy: EvidencePolicy = BASE_POLICY,
) -> VerifiedClaims:
    """Return what evidence of a case proves; its report data is not known."""
    given = [
        GivenDocument.of(kind, data)
        for kind, listed in (documents or {}).items()
        for data in listed
    ]
    return verify(
        UnverifiedEvidence(tee, parts),
        report_data=UnsafeAnyReportData(),
        endorsements=Endorsements.parse(certificates or [], case.list_of("crl"), given),
        policy=policy,
        anchors=anchors or TrustAnchors.vendor(),
        now=case.at,
    )
