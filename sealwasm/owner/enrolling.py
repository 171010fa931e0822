"""Signed documents of an owner on their way to a broker."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sealwasm.broker_api import post_document
from sealwasm.failure import CliError

if TYPE_CHECKING:
    from datetime import datetime

    from policies.models import ReleasePolicy
    from sealing.keys import Signer

# An enrolment document that is found later than this is not sent by its owner any more.
ENROLMENT_MINUTES = 10


def load_release_file(path: str) -> ReleasePolicy:
    """Return the release policy in a YAML file."""
    from policies.load import load_release
    from sealwasm.files import read_file

    return load_release(read_file(path), name=path)


def send_policy(
    release: ReleasePolicy, *, url: str, identity: str, owner: Signer, now: datetime
) -> dict[str, Any]:
    """Sign a release policy for the broker at `url` and enrol it; return its answer."""
    from keybroker.owners.enrolment import sign_policy

    body = sign_policy(
        release.to_document(),
        broker=identity,
        owner=owner,
        not_after=now + timedelta(minutes=ENROLMENT_MINUTES),
    )
    return post_document(url, "/v1/policies", body)


def ensure_policy(
    release: ReleasePolicy, *, url: str, identity: str, owner: Signer, now: datetime
) -> bool:
    """Enrol a release policy unless the broker has that version or a newer one.

    Return whether it was sent. Whether the broker's is the same to the letter it does not say.
    """
    try:
        send_policy(release, url=url, identity=identity, owner=owner, now=now)
    except CliError as error:
        if error.code != "policy-not-newer":
            raise
        return False
    return True
