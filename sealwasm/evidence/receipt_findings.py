"""What a verifier of receipts brings along, and what it has found out so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.policy import EvidencePolicy
from attestation.trust import TrustAnchors
from keybroker.audit.leaf import ReleaseLeaf
from keybroker.protocol import Descriptor, ReleaseDocument
from runner.receipt import Receipt, ToldRelease
from sealwasm.failure import CliError, Kind


def refuse(code: str, why: str) -> CliError:
    """Return the error of a receipt whose parts are each genuine and do not fit together."""
    return CliError(Kind.EVIDENCE, code, "the receipt does not verify", why=why)


@dataclass(frozen=True, slots=True)
class Trust:
    """Everything a verifier of receipts brings along. Nothing of it comes from the receipt."""

    descriptors: tuple[Descriptor, ...]
    anchors: TrustAnchors
    endorsements: Endorsements
    policy: EvidencePolicy
    owners: frozenset[str] = frozenset()
    measurements: frozenset[str] = frozenset()
    # How many brokers the owner wants; None to believe what those that released say.
    brokers_needed: int | None = None


class Check(NamedTuple):
    """One thing that was checked and what it showed; `state` is "ok", or "-" if nobody asked."""

    name: str
    shown: str
    state: str = "ok"


@dataclass(slots=True)
class ReleaseFindings:
    """One release of a receipt, and what holds of it so far: its broker, what its evidence proved.

    `descriptor` and `claims` are there once their steps are done.
    """

    told: ToldRelease
    document: ReleaseDocument
    leaf: ReleaseLeaf
    descriptor: Descriptor | None = None
    claims: VerifiedClaims | None = None

    def broker(self) -> Descriptor:
        """Return the broker that signed it. Raises `CliError` before that step."""
        if self.descriptor is None:
            raise refuse("receipt-release", "the release was not verified")
        return self.descriptor

    def verified_claims(self) -> VerifiedClaims:
        """Return what the evidence proved. Raises `CliError` before that step."""
        if self.claims is None:
            raise refuse("receipt-evidence", "the evidence was not verified")
        return self.claims


@dataclass(slots=True)
class Findings:
    """A receipt, its releases, and every check that was made."""

    receipt: Receipt
    releases: tuple[ReleaseFindings, ...]
    checks: list[Check] = field(default_factory=list)

    @property
    def measurement(self) -> str:
        """What the runner measures, by the evidence of the first release."""
        return self.releases[0].verified_claims().measurement.hex()
