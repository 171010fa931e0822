"""Inside the worker: from the answers of brokers to the content key.

Nobody else ever combines shares: the supervisor sees them only as they were wrapped to our key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from keybroker.protocol import VerifiedRelease, verify_release
from runner.errors import RunnerCode, RunnerError
from runner.refusing import refused_as
from runner.worker.handover import Handover
from runner.worker.messages import PieceName
from sealing.envelope import ShareHeader
from sealing.errors import SealError
from sealing.hpke import OpeningKey
from sealing.keys import VerifyingKey
from sealing.manifest import SealedManifest
from sealing.ocicrypt import PrivateOptions
from sealing.shamir import Share, combine, open_share
from sealing.unseal import VerifiedArtifact


def verify_releases(
    handover: Handover, requests: Sequence[str], artifact: VerifiedArtifact, *, now: datetime
) -> dict[str, VerifiedRelease]:
    """Return the releases by the brokers' identities: as many as the key takes, all different.

    Raises `RunnerError`. The keys in them are still wrapped.
    """
    identities = handover.several(PieceName.IDENTITY)
    answers = handover.several(PieceName.RELEASE)
    statement, found = artifact.statement, dict[str, VerifiedRelease]()
    if not len(identities) == len(answers) == len(requests) == statement.threshold:
        detail = f"{len(answers)} releases, expected {statement.threshold}"
        raise RunnerError(RunnerCode.BROKER_NOT_GENUINE, detail)
    for spki, answer, request in zip(identities, answers, requests, strict=True):
        with refused_as(RunnerCode.BROKER_NOT_GENUINE):
            identity = VerifyingKey.from_spki(spki)
            manifest = artifact.manifest.digest
            release = verify_release(
                answer, identity=identity, manifest=manifest, request=request, now=now
            )
        if identity.key_id not in statement.brokers or identity.key_id in found:
            detail = "two releases are of one broker, or the owner names others"
            raise RunnerError(RunnerCode.BROKER_NOT_GENUINE, detail)
        found[identity.key_id] = release
    return found


def unwrap(
    releases: Mapping[str, VerifiedRelease], manifest: SealedManifest, key: OpeningKey
) -> PrivateOptions:
    """Return the content key in `releases`: the one they hold, or the one that they share.

    Raises `RunnerError`, which names a broker whose share is not the one that the owner sealed.
    """
    headers = {each.broker: each.share for each in manifest.envelopes if each.broker}
    shares: list[Share] = []
    for broker, release in releases.items():
        with refused_as(RunnerCode.KEY_NOT_OPENED):
            secret = key.open(release.wrapped_key, info=release.info)
            header = headers[broker]
            if header is None:
                return PrivateOptions.parse(secret)
        shares.append(_share(secret, header, broker))
    with refused_as(RunnerCode.KEY_NOT_OPENED):
        return combine(shares, threshold=manifest.threshold)


def _share(secret: bytes, header: ShareHeader, broker: str) -> Share:
    try:
        return open_share(secret, header)
    except SealError as error:
        detail = f"broker {broker} released no share of this key: {error.detail}"
        raise RunnerError(RunnerCode.BROKER_NOT_GENUINE, detail, reason=error.code) from error
