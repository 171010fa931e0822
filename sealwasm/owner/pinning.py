"""Whose broker answers at an address, to be written down before anything is sealed to it."""

from __future__ import annotations

from dataclasses import dataclass

from sealwasm.broker_api import check_url, fetch_descriptor
from sealwasm.failure import CliError
from sealwasm.session import Session


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a broker: nothing, if it is on this machine and does not run yet."""

    identity: str | None
    simulated: bool = False


def look_at_broker(session: Session, url: str, identity: str | None) -> Found:
    """Return what to keep of the broker at `url`: the given identity, or the one found here.

    On this machine whoever answers is believed, and that is said; elsewhere it has to be given.
    A broker that does not answer is no failure. Raises `CliError`.
    """
    check_url(url)
    try:
        found = fetch_descriptor(url, identity)
    except CliError as error:
        if error.code != "broker-unreachable":
            raise
        pinned = "" if identity else ": its identity is not pinned"
        session.say(f"no broker answers at {url} yet{pinned}")
        return Found(identity)
    known = found.identity_key().key_id
    if identity is None:
        session.say(f"pinned {known}, the identity of whoever answers at {url} on this machine")
    return Found(known, found.simulated)


def pinned_identity(session: Session, url: str, identity: str | None) -> str | None:
    """As `look_at_broker`, for the identity alone; a given one is taken without asking anybody."""
    check_url(url)
    return identity or look_at_broker(session, url, None).identity


def broker_identity(url: str, identity: str | None) -> str:
    """Return the identity of the broker that answers at `url`, which has to be the pinned one."""
    return fetch_descriptor(url, identity).identity_key().key_id
