"""What may go wrong with a registry, as verbs. Each says in its name what a client meets."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from sealing.canonical import b64encode
from tests.fakes.registry_wire import Cut, Request, Response

Behaviour = Callable[[Request], Response | None]
ALWAYS = 1000


class Faults(ABC):
    """A registry obeys the first behaviour that has an answer, and only then does its work."""

    def __init__(self) -> None:
        self.behaviours: list[Behaviour] = []
        self._cuts: list[Cut] = []

    @abstractmethod
    def work(self, request: Request) -> Response:
        """Answer as a registry that works."""

    def cut(self, method: str, path: str) -> Cut | None:
        """Return where this connection ends; every cut is used as often as it says."""
        for cut in self._cuts:
            if cut.times and cut.method == method and cut.part in path:
                cut.times -= 1
                return cut
        return None

    # --- any answer -------------------------------------------------------------------------

    def on(self, method: str, part: str, answer: Callable[[Request], Response | None]) -> None:
        """Let `answer` speak first on requests whose path holds `part`."""
        self.behaviours.append(
            lambda request: (
                answer(request) if request.method == method and part in request.path else None
            )
        )

    def answers(self, method: str, part: str, response: Response, *, times: int = ALWAYS) -> None:
        left = [times]

        def answer(_: Request) -> Response | None:
            left[0] -= 1
            return response if left[0] >= 0 else None

        self.on(method, part, answer)

    def fails(
        self, method: str, part: str, status: int, *, times: int = ALWAYS, **headers: str
    ) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers(method, part, Response(status, b"<h1>down</h1>", named), times=times)

    def answers_429(self, *, retry_after: str, times: int = ALWAYS, date: str = "") -> None:
        """Be too busy for anything; `date` is what its own clock shows."""
        headers = {"Retry-After": retry_after} | ({"Date": date} if date else {})
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH"):
            self.answers(method, "", Response(429, headers=headers), times=times)

    def redirects(self, method: str, part: str, location: str, status: int = 307) -> None:
        self.answers(method, part, Response(status, headers={"Location": location}))

    def hangs(self, method: str, part: str, until: threading.Event) -> None:
        """Say nothing at all before the event."""

        def answer(_: Request) -> None:
            until.wait(60)

        self.on(method, part, answer)

    def wants_basic(self, username: str, password: str) -> None:
        expected = f"Basic {b64encode(f'{username}:{password}'.encode())}"
        refused = Response(401, headers={"WWW-Authenticate": 'Basic realm="fake"'})
        self.behaviours.append(
            lambda request: None if request.headers.get("authorization") == expected else refused
        )

    # --- lines that break -------------------------------------------------------------------

    def drops_answer_after(
        self, size: int, *, on: str = "GET", part: str = "/blobs/", times: int = 1
    ) -> None:
        """Close after `size` bytes of an answer, its headers counted."""
        self._cuts.append(Cut(on, part, of_request=False, size=size, times=times))

    def drops_request_after(
        self, size: int, *, on: str = "PUT", part: str = "/blobs/", times: int = 1
    ) -> None:
        """Close after `size` bytes of a request, its headers counted. One beyond the end: the
        request is obeyed and never answered."""
        self._cuts.append(Cut(on, part, of_request=True, size=size, times=times))

    def breaks_off_after(self, size: int, *, times: int = ALWAYS) -> None:
        """Send the next `size` bytes of a blob and close, having promised all the rest."""
        left = [times]

        def answer(request: Request) -> Response | None:
            left[0] -= 1
            if left[0] < 0:
                return None
            right = self.work(request)
            return Response(right.status, right.body[:size], right.headers, len(right.body))

        self.on("GET", "/blobs/", answer)

    def never_sends_the_end(self, size: int) -> None:
        """Break off after `size` bytes of a blob, and before the rest whenever it is asked for."""
        self.breaks_off_after(size, times=1)
        self.breaks_off_after(0)

    def drips(self, pause: Callable[[], None]) -> None:
        """Send blobs one byte at a time."""

        def answer(request: Request) -> Response | None:
            right = self.work(request)
            right.pause = pause
            return right

        self.on("GET", "/blobs/", answer)

    # --- lies -------------------------------------------------------------------------------

    def truncates_blobs_at(self, size: int) -> None:
        """Know only the first `size` bytes of any blob, and say so."""
        self._changes_blobs(lambda body: body[:size])

    def pads_blobs_with(self, more: bytes) -> None:
        self._changes_blobs(lambda body: body + more)

    def flips_a_bit_at(self, place: int) -> None:
        self._changes_blobs(
            lambda body: body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        )

    def answers_ranges_with(self, content_range: str, *, status: int = 206) -> None:
        """Say `content_range` about what is sent from the middle; the bytes are the right ones."""

        def answer(request: Request) -> Response | None:
            if "range" not in request.headers:
                return None
            right = self.work(request)
            headers = {"Content-Range": content_range} if content_range else {}
            return Response(status, right.body, headers)

        self.on("GET", "/blobs/", answer)

    def forgets_uploads(self, status: int = 404) -> None:
        """Have no upload session of which anybody asks for the state."""
        self.answers("GET", "/blobs/uploads/", Response(status))

    def claims_to_have_of_uploads(self, said: str) -> None:
        """Answer `said` as the range that an upload session has got."""

        def answer(request: Request) -> Response | None:
            right = self.work(request)
            right.headers["Range"] = said
            return right

        self.on("GET", "/blobs/uploads/", answer)
        self.on("PATCH", "/blobs/uploads/", answer)

    def claims_mounts(self) -> None:
        """Say that a blob was mounted, and do nothing."""

        def answer(request: Request) -> Response | None:
            mounts = "mount" in request.query
            return Response(201, headers={"Location": "/v2/x"}) if mounts else None

        self.on("POST", "/blobs/uploads/", answer)

    def _changes_blobs(self, change: Callable[[bytes], bytes]) -> None:
        def answer(request: Request) -> Response | None:
            right = self.work(request)
            return Response(right.status, change(right.body)) if right.status == 200 else right

        self.on("GET", "/blobs/", answer)
