"""One blob on its way into a registry; after a break it goes on where the registry says it is.

A registry that is wrong about that gets the whole blob again: what counts is the digest at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.blob import Blob
from sealing.oci.fields import received
from sealing.oci.registry.answers import Answer, TransientError, require_digest
from sealing.oci.registry.http import Call, RegistryHttp

_BEGUN: Final = frozenset({202})
_STATE: Final = frozenset({204})
_TAKEN: Final = frozenset({202})
_DONE: Final = frozenset({201})
_OCTETS: Final = {"Content-Type": "application/octet-stream"}
_NOTHING: Final = Blob.of(b"")
# What a session is answered with that is gone, or of which the registry knows something else.
_LOST: Final = (SealRefusal.NOT_FOUND, SealRefusal.REGISTRY_REFUSED)


@dataclass(frozen=True, slots=True)
class Uploads:
    """Where one repository takes uploads, and the scope for them."""

    http: RegistryHttp
    path: str
    scope: str

    def begin(self) -> str:
        """Return the URL of a new session."""
        return self.place_in(self.http.call_once(Call("POST", self.path, self.scope, _BEGUN)), "")

    def state(self, session: str) -> tuple[str, int]:
        """Return where a session goes on, and how many bytes it has got."""
        state = self.http.call_once(Call("GET", session, self.scope, _STATE))
        return self.place_in(state, session), received(state.headers.get("range", ""))

    def append(self, session: str, blob: Blob, start: int) -> str:
        """Send all of `blob` from `start` on, and return where the session goes on."""
        last = blob.size - 1
        headers = {**_OCTETS, "Content-Range": f"{start}-{last}"}
        answer = self.http.call_once(
            Call("PATCH", session, self.scope, _TAKEN, headers=headers, body=blob, start=start)
        )
        # What it says to have now is not looked at: some large registries are wrong about that, and
        # right about the digest.
        return self.place_in(answer, session)

    def finish(self, session: str, body: Blob, digest: str) -> None:
        """Send `body` as the rest, and have the registry compare the digest of everything."""
        query = "&" if "?" in session else "?"
        place = f"{session}{query}digest={digest.replace(':', '%3A')}"
        done = self.http.call_once(
            Call("PUT", place, self.scope, _DONE, headers=_OCTETS, body=body)
        )
        require_digest(done, digest)

    def place_in(self, answer: Answer, usual: str) -> str:
        """Return the URL that an answer names for the next request of the session."""
        return self.http.own_url(answer.headers.get("location", usual))


class Upload:
    """Call `go_on` until it returns. It raises `TransientError` where one more call may do."""

    def __init__(self, uploads: Uploads, blob: Blob, is_there: Callable[[], bool]) -> None:
        self._uploads = uploads
        self._blob = blob
        self._is_there = is_there
        self._session: str | None = None
        self._broke = False
        # What the registry said to have, when it was last asked.
        self.received = 0

    def go_on(self) -> None:
        """Send what the registry does not have yet, and have it compare the digest."""
        if self._broke:
            self._find_session()
            if self._session is None and self._is_there():
                # Only the last answer was lost.
                return
        self._broke = True
        if self._session is None:
            self._session = self._uploads.begin()
        # What a PUT brought is gone when it breaks; what a PATCH brought stays in the session.
        if self.received or self._blob.size >= limits.SESSION_BYTES:
            self._send_rest(self._session)
        else:
            self._uploads.finish(self._session, self._blob, self._blob.digest)

    def _find_session(self) -> None:
        """Ask what the session has got. One that has nothing is given up: that costs nothing."""
        if self._session is None:
            return
        try:
            session, known = self._uploads.state(self._session)
        except SealError as error:
            if error.code not in _LOST:
                raise
            known = 0
        if 0 < known <= self._blob.size:
            self._session, self.received = session, known
        else:
            self._session, self.received = None, 0

    def _send_rest(self, session: str) -> None:
        try:
            if self.received < self._blob.size:
                session = self._uploads.append(session, self._blob, self.received)
                self._session = session
            self._uploads.finish(session, _NOTHING, self._blob.digest)
        except SealError as error:
            if error.code not in _LOST or not self.received:
                raise
            # Whatever it has is not what it said: the next try begins anew.
            self._session, self.received = None, 0
            raise TransientError(SealRefusal.REGISTRY_FAILED, error.detail) from error
