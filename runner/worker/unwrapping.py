"""Inside the worker: from the answer of a broker to the content key, or to its share of it.

Nobody else ever combines shares: the supervisor sees them only as they were wrapped to our key.
"""

from __future__ import annotations

from runner.errors import RunnerCode, RunnerError
from runner.genuine import GenuineRelease
from runner.refusing import refused_as
from sealing.envelope import ShareHeader
from sealing.errors import SealError
from sealing.holders.shamir import Share, open_share
from sealing.hpke import OpeningKey
from sealing.manifest import SealedManifest
from sealing.ocicrypt import PrivateOptions


def unwrap(
    release: GenuineRelease, manifest: SealedManifest, key: OpeningKey
) -> PrivateOptions | Share:
    """Return what is in a release: a whole content key, or the share that the owner sealed.

    Raises `RunnerError`. Whether a whole key is the right one shows where it opens the layer.
    """
    headers = {each.broker: each.share for each in manifest.envelopes if each.broker}
    broker = release.identity.key_id
    with refused_as(RunnerCode.KEY_NOT_OPENED):
        secret = key.open(release.verified.wrapped_key, info=release.verified.info)
        header = headers[broker]
        if header is None:
            return PrivateOptions.parse(secret)
    return _share(secret, header, broker)


def _share(secret: bytes, header: ShareHeader, broker: str) -> Share:
    try:
        return open_share(secret, header)
    except SealError as error:
        detail = f"broker {broker} released no share of this key: {error.detail}"
        raise RunnerError(RunnerCode.BROKER_NOT_GENUINE, detail, reason=error.code) from error
