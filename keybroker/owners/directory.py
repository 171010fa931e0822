"""Who is enrolled, under which policies: read from the store once, and again after each enrolment.

One process owns the store, so what it has not enrolled itself has not changed. Only what was found
is remembered: a name that is missing is looked up every time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from keybroker.limits import CACHED_ENROLMENTS
from keybroker.store.protocol import (
    OwnerEnrolment,
    OwnerRotation,
    OwnerRow,
    PolicyEnrolment,
    PolicyRow,
    Recorded,
    Revocation,
    Store,
)

_Key = TypeVar("_Key")
_Row = TypeVar("_Row")


class Directory:
    """Enrolled owners and policies. Safe to call from many threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owners: OrderedDict[str, OwnerRow] = OrderedDict()
        self._policies: OrderedDict[tuple[str, str], PolicyRow] = OrderedDict()
        self._changes = 0
        self._lock = Lock()

    def owner(self, key_id: str) -> OwnerRow | None:
        """The owner with this key, if enrolled."""
        return self._find(self._owners, key_id, lambda: self._store.owner(key_id))

    def policy(self, owner: str, name: str) -> PolicyRow | None:
        """The newest version of an owner's policy."""
        return self._find(self._policies, (owner, name), lambda: self._store.policy(owner, name))

    def enrol_owner(self, record: OwnerEnrolment) -> Recorded:
        """Enrol an owner. Raises as the store does."""
        return self._store.enrol_owner(record)

    def rotate_owner(self, record: OwnerRotation) -> Recorded:
        """Enrol the key that follows another. Raises as the store does."""
        return self._store.rotate_owner(record)

    def revoke(self, record: Revocation) -> Recorded:
        """Write down what is revoked, which counts from now on. Raises as the store does."""
        recorded = self._store.revoke(record)
        with self._lock:
            self._changes += 1
            self._owners.pop(record.revoked.owner, None)
        return recorded

    def put_policy(self, record: PolicyEnrolment) -> Recorded:
        """Enrol a policy version, which counts from now on. Raises as the store does."""
        recorded = self._store.put_policy(record)
        with self._lock:
            # A reader that asked the store before this must not remember what it was told.
            self._changes += 1
            self._policies.pop((record.policy.owner, record.policy.name), None)
        return recorded

    def _find(
        self, rows: OrderedDict[_Key, _Row], key: _Key, ask: Callable[[], _Row | None]
    ) -> _Row | None:
        with self._lock:
            known, changes = rows.get(key), self._changes
        if known is not None:
            return known
        found = ask()
        if found is not None:
            with self._lock:
                if changes == self._changes:
                    rows[key] = found
                    if len(rows) > CACHED_ENROLMENTS:
                        rows.popitem(last=False)
        return found
