"""One broker that the owner named, and its release for one request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from keybroker.protocol import (
    ReleaseDocument,
    ReleaseResponse,
    parse_time,
    unverified_identity,
    verify_descriptor,
    verify_release,
)
from policies.models import CapabilityPolicy
from policies.within import require_within
from runner.asking import Asked
from runner.broker import Broker
from runner.errors import RunnerCode, RunnerError
from runner.fetching import SignedModule
from runner.grants import parse_grant
from runner.refusing import refused_as
from sealing.envelope import Envelope
from sealing.keys import VerifyingKey


@dataclass(frozen=True, slots=True)
class Released:
    """A genuine release for our request. The key in it is wrapped to the worker's key."""

    broker: Broker = field(repr=False)
    asked: Asked = field(repr=False)
    answer: bytes = field(repr=False)
    text: str = field(repr=False)
    document: ReleaseDocument = field(repr=False)
    identity: VerifyingKey
    grant: CapabilityPolicy

    @property
    def lease_ends(self) -> datetime:
        """When the key must be gone."""
        return parse_time(self.document.lease.expires)


def known_identity(broker: Broker, key_ids: Sequence[str]) -> VerifyingKey:
    """Return the identity key of a broker that proves to be one of `key_ids`.

    Raises `RunnerError`.
    """
    with refused_as(RunnerCode.BROKER_NOT_GENUINE):
        descriptor = broker.descriptor()
        claimed = unverified_identity(descriptor)
        # One that claims another identity is held against the first it should have.
        expected = claimed if claimed in key_ids else key_ids[0]
        return verify_descriptor(descriptor, identity=expected).identity_key()


def obtain_release(
    broker: Broker,
    asked: Asked,
    module: SignedModule,
    identity: VerifyingKey,
    now: Callable[[], datetime],
) -> Released:
    """Return the release that `identity` made for this request and this very module.

    Opening the key is left to the worker, which checks all of this again. Raises `RunnerError`.
    """
    answer = broker.release(asked.request)
    with refused_as(RunnerCode.BROKER_NOT_GENUINE):
        release = verify_release(
            answer,
            identity=identity,
            manifest=asked.binding.manifest,
            request=asked.binding.digest(),
            now=now(),
        )
        text = ReleaseResponse.parse(answer, limit_bytes=len(answer)).release
    document, statement = release.document, module.statement
    got = (document.module, document.version, document.owner)
    if got != (statement.module, statement.version, statement.owner):
        detail = f"release names {document.module} {document.version}"
        raise RunnerError(RunnerCode.BROKER_NOT_GENUINE, detail)
    _require_share(document, module.artifact.manifest.envelopes, identity)
    grant = parse_grant(document.grant)
    # No broker may give a module more than its owner asked for.
    with refused_as(RunnerCode.BROKER_NOT_GENUINE):
        require_within(grant, module.requested)
    return Released(broker, asked, answer, text, document, identity, grant)


def _require_share(
    document: ReleaseDocument, envelopes: Sequence[Envelope], identity: VerifyingKey
) -> None:
    """Accept a release of what the owner sealed for `identity`: the whole key, or that share."""
    theirs = (each.share for each in envelopes if each.broker == identity.key_id)
    header = next(theirs, None)
    expected = header and (header.set, header.index, header.threshold, header.of)
    said = document.share
    if (said and (said.set, said.index, said.threshold, said.of)) != expected:
        detail = "release is not of the key or share that the owner sealed for this broker"
        raise RunnerError(RunnerCode.BROKER_NOT_GENUINE, detail)
