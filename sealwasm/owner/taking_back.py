"""What an owner tells brokers after publishing: the key that comes next, and what is revoked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sealwasm.broker_api import fetch_descriptor, post_document
from sealwasm.failure import CliError, Kind
from sealwasm.owner.enrolling import ENROLMENT_MINUTES
from sealwasm.steps import Steps

if TYPE_CHECKING:
    from datetime import datetime

    from keybroker.owners.owner_changes import Revoked
    from sealing.keys import Signer
    from sealwasm.artifacts.registry_access import RegistryAccess
    from sealwasm.owner.chosen_brokers import BrokerAt, ChosenBrokers
    from sealwasm.session import Session


def tell_brokers(
    session: Session, brokers: ChosenBrokers, path: str, document: Callable[[str], bytes]
) -> list[dict[str, Any]]:
    """Send each broker its own document; return what they answered.

    One that cannot be told stops the rest and what is left to do is said: a broker that was not
    told goes on as before. Raises `CliError`.
    """
    steps = Steps(session, [f"broker {one.url}" for one in brokers.brokers])
    answers = []
    for one in brokers.brokers:
        with steps.doing(f"broker {one.url}"):
            answers.append({"broker": one.url, **_tell(one, path, document)})
    return answers


# The same again, after a broker was told and another one could not be.
_TOLD_BEFORE = "owner-exists"


def _tell(broker: BrokerAt, path: str, document: Callable[[str], bytes]) -> dict[str, Any]:
    identity = fetch_descriptor(broker.url, broker.identity).identity_key().key_id
    try:
        return post_document(broker.url, path, document(identity))
    except CliError as error:
        if error.code != _TOLD_BEFORE:
            raise
        return {"enrolled": "before"}


def rotation_for(old: Signer, new: Signer, now: datetime) -> Callable[[str], bytes]:
    """Return what makes the document that hands the place of `old` to `new` at one broker."""
    from keybroker.owners.owner_changes import sign_rotation

    end = now + timedelta(minutes=ENROLMENT_MINUTES)
    return lambda identity: sign_rotation(broker=identity, old=old, new=new, not_after=end)


def revocation_for(
    revokes: Revoked, *, owner: str, reason: str, signer: Signer, now: datetime
) -> Callable[[str], bytes]:
    """Return what makes the document that takes something of `owner` back at one broker."""
    from keybroker.owners.owner_changes import sign_revocation

    end = now + timedelta(minutes=ENROLMENT_MINUTES)
    return lambda identity: sign_revocation(
        revokes, broker=identity, owner=owner, reason=reason, signer=signer, not_after=end
    )


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What is revoked; and of an artifact that could be looked at, whose it says it is."""

    revokes: Revoked
    owner: str | None = None


def revoked_thing(
    registry: RegistryAccess,
    *,
    reference: str | None,
    module: str | None,
    through: int | None,
    whole_key: bool,
) -> TakenBack:
    """Return the one thing that the options name. Raises `CliError` for none, or more than one."""
    from keybroker.owners.owner_changes import RevokedKey, RevokedModule

    if [reference is not None, through is not None, whole_key].count(True) != 1:
        raise CliError(
            Kind.USAGE,
            "usage",
            "what is revoked is not one thing",
            why="a revocation is for ever, so it says exactly what it is about",
            next_step="REFERENCE, or --through VERSION with --name, or --whole-key",
        )
    if reference is not None:
        return _artifact(reference, registry)
    if through is None:
        return TakenBack(RevokedKey(key=True))
    if module is None:
        raise CliError(
            Kind.USAGE,
            "usage",
            "--through is given, but not of which module",
            next_step="--name OWNER/MODULE",
        )
    return TakenBack(RevokedModule(module=module, through=through))


def _artifact(reference: str, registry: RegistryAccess) -> TakenBack:
    """Return the artifact at the digest in the reference, or at the one that its tag names now.

    A digest is enough where the artifact is gone or its registry does not answer.
    """
    from keybroker.owners.owner_changes import RevokedManifest
    from sealing.canonical import digest_of
    from sealing.errors import SealError
    from sealing.manifest import SealedManifest
    from sealwasm.artifacts.offered import require_one
    from sealwasm.artifacts.transfers import parse_reference

    place = parse_reference(reference)
    try:
        with registry.open(place) as store:
            data = store.get_manifest(place.target)
    except SealError:
        if place.digest is None:
            raise
        return TakenBack(RevokedManifest(manifest=place.digest))
    # No broker releases by any other digest: revoking something else would change nothing.
    require_one(
        reference,
        data,
        "each has its own digest, and brokers know these and not the one of the index",
        "--through VERSION with --name, or revoke each by its digest",
    )
    owner = SealedManifest.parse(data).envelopes[0].context.owner
    return TakenBack(RevokedManifest(manifest=digest_of(data)), owner)
