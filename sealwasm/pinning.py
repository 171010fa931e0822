"""Whose broker answers at an address, to be written down before anything is sealed to it."""

from __future__ import annotations

from sealwasm.broker_api import check_url, fetch_descriptor
from sealwasm.failure import CliError
from sealwasm.session import Session


def pinned_identity(session: Session, url: str, identity: str | None) -> str | None:
    """Return the identity to keep for the broker at `url`: the given one, or what is found here.

    On this machine whoever answers is believed, and that is said; elsewhere it has to be given.
    None where no broker runs here yet. Raises `CliError`.
    """
    check_url(url)
    if identity is not None:
        return identity
    try:
        found = fetch_descriptor(url, None).identity_key().key_id
    except CliError as error:
        if error.code != "broker-unreachable":
            raise
        session.say(f"no broker answers at {url} yet: its identity is not pinned")
        return None
    session.say(f"pinned {found}, the identity of whoever answers at {url} on this machine")
    return found


def broker_identity(url: str, identity: str | None) -> str:
    """Return the identity of the broker that answers at `url`, which has to be the pinned one."""
    return fetch_descriptor(url, identity).identity_key().key_id
