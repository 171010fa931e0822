"""What supervisor and worker both ask of a broker's release before they believe it.

One function for both, so that neither lets pass what the other refuses. What is in the release is
still wrapped: only the worker finds out whether it is what the owner sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from keybroker.protocol import ReleaseDocument, VerifiedRelease, parse_time, verify_release
from policies.models import CapabilityPolicy
from policies.within import require_within
from runner.errors import RunnerCode, RunnerError
from runner.grants import parse_grant
from runner.limits import MIN_LEASE_SECONDS
from runner.refusing import refused_as
from sealing.envelope import Envelope
from sealing.keys import VerifyingKey
from sealing.signatures.statement import SealedModuleStatement
from sealing.unseal import VerifiedArtifact


@dataclass(frozen=True, slots=True)
class GenuineRelease:
    """A release by a broker that the owner named, of what was sealed for it, for one request."""

    identity: VerifyingKey
    verified: VerifiedRelease = field(repr=False)
    grant: CapabilityPolicy

    @property
    def document(self) -> ReleaseDocument:
        """What the broker says about its release."""
        return self.verified.document

    @property
    def lease_ends(self) -> datetime:
        """When the key must be gone."""
        return parse_time(self.document.lease.expires)


def verify_genuine(
    answer: bytes,
    artifact: VerifiedArtifact,
    requested: CapabilityPolicy,
    *,
    identity: VerifyingKey,
    request: str,
    now: datetime,
) -> GenuineRelease:
    """Return the release in `answer`, made by `identity` for this artifact and binding `request`.

    `requested` are the capabilities that the owner signed. Raises `RunnerError`.
    """
    statement = artifact.statement
    if identity.key_id not in statement.brokers:
        raise _not_genuine(f"the owner did not name broker {identity.key_id}")
    with refused_as(RunnerCode.BROKER_NOT_GENUINE):
        verified = verify_release(
            answer, identity=identity, manifest=artifact.manifest.digest, request=request, now=now
        )
    _require_module(verified.document, statement)
    _require_share(verified.document, artifact.manifest.envelopes, identity)
    grant = parse_grant(verified.document.grant)
    # No broker may give a module more than its owner asked for.
    with refused_as(RunnerCode.BROKER_NOT_GENUINE):
        require_within(grant, requested)
    found = GenuineRelease(identity, verified, grant)
    require_lasting(found, now)
    return found


def require_lasting(release: GenuineRelease, now: datetime) -> None:
    """Accept a release whose lease leaves time to start with. Raises `RunnerError`."""
    left = (release.lease_ends - now).total_seconds()
    if left < MIN_LEASE_SECONDS:
        detail = f"the lease has {left:.0f} seconds left, expected {MIN_LEASE_SECONDS} or more"
        raise RunnerError(RunnerCode.LEASE_EXPIRED, detail)


def _require_module(document: ReleaseDocument, statement: SealedModuleStatement) -> None:
    got = (document.module, document.version, document.owner)
    if got != (statement.module, statement.version, statement.owner):
        raise _not_genuine(f"release names {document.module} {document.version}")


def _require_share(
    document: ReleaseDocument, envelopes: Sequence[Envelope], identity: VerifyingKey
) -> None:
    """Accept a release of what the owner sealed for `identity`: the whole key, or that share."""
    theirs = (each.share for each in envelopes if each.broker == identity.key_id)
    header = next(theirs, None)
    expected = header and (header.set, header.index, header.threshold, header.of)
    said = document.share
    if (said and (said.set, said.index, said.threshold, said.of)) != expected:
        raise _not_genuine("release is not of the key or share that the owner sealed for it")


def _not_genuine(detail: str) -> RunnerError:
    return RunnerError(RunnerCode.BROKER_NOT_GENUINE, detail)
