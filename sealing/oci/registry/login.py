"""Who we are to one registry: what was given for each scope, and when something else is needed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from sealing.errors import SealError, SealRefusal
from sealing.oci.reference import RegistryReference
from sealing.oci.registry.settings import Authenticator, RegistrySettings


@dataclass(frozen=True, slots=True)
class _Given:
    value: str = field(repr=False)
    challenges: Sequence[str]
    until: float | None


class RegistryLogin:
    """Asks an `Authenticator` once for what several transfers of one client can use."""

    def __init__(
        self, reference: RegistryReference, settings: RegistrySettings, authenticator: Authenticator
    ) -> None:
        self._reference = reference
        self._clock = settings.clock
        self._authenticator = authenticator
        self._given: dict[str, _Given] = {}
        self._lock = threading.Lock()

    def current(self, scope: str) -> str | None:
        """Return what to send unasked for `scope`; what has run out is asked for again first."""
        with self._lock:
            given = self._given.get(scope)
            if given is None:
                return None
            if given.until is not None and given.until <= self._clock():
                given = self._ask(scope, given.challenges)
            return given.value

    def answer(self, scope: str, challenges: Sequence[str], *, refused: str | None) -> str:
        """Return what to send instead of `refused`, or raise `seal-unauthorized`."""
        with self._lock:
            given = self._given.get(scope)
            # Another transfer was refused the same thing a moment ago, and has asked already.
            if given is None or given.value == refused:
                given = self._ask(scope, challenges)
            return given.value

    def forget(self, scope: str, refused: str) -> None:
        """Do not send `refused` again unasked."""
        with self._lock:
            if scope in self._given and self._given[scope].value == refused:
                del self._given[scope]

    def _ask(self, scope: str, challenges: Sequence[str]) -> _Given:
        self._given.pop(scope, None)
        begun = self._clock()
        answer = self._authenticator.answer(
            challenges,
            registry=self._reference.registry,
            repository=self._reference.repository,
            scope=scope,
        )
        if answer is None:
            raise SealError(
                SealRefusal.UNAUTHORIZED,
                f"{self._reference.registry} wants credentials we do not have",
            )
        until = None if answer.seconds is None else begun + answer.seconds
        given = _Given(answer.value, challenges, until)
        self._given[scope] = given
        return given
