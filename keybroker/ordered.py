"""Canonical JSON of what we made ourselves, at the speed of the machine."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json


def ordered_json(value: Any) -> bytes:
    """Return the RFC 8785 form of a value whose members are in order already, at every depth.

    Nothing is checked or sorted, so this is for documents that a function of ours writes member by
    member; a test compares each of them with `sealing.canonical.encode`. Anything that came from
    outside goes through `sealing.canonical`.
    """
    return to_json(value)
