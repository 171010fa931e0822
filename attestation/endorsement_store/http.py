"""Asking a vendor's service: bounded in size and time, patient where it is asked to wait.

Answers count for nothing until they have been parsed; here only their length is judged. No
compression is asked for, so that a limit on bytes is a limit on memory.
"""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import SystemRandom
from types import ModuleType
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from attestation.endorsement_store.services import origin_of
from attestation.errors import EvidenceError, Refusal
from attestation.limits import (
    VENDOR_ATTEMPTS,
    VENDOR_CONNECT_SECONDS,
    VENDOR_READ_SECONDS,
    VENDOR_REDIRECTS,
    VENDOR_TOTAL_SECONDS,
)

if TYPE_CHECKING:
    import httpx

_NOT_FOUND: Final = frozenset({404, 410})
# Answers that mean "later": too many requests, and a service that is overloaded or being moved.
_LATER: Final = frozenset({429, 500, 502, 503, 504})
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of an answer with status 200, and its headers with lower-case names."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """One request: what is asked, and how large and how late the answer may be."""

    method: str
    url: str
    limit_bytes: int
    deadline: float
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """Host and port, as messages name them."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True, slots=True)
class Times:
    """Clock, patience and chance: everything of a client that tests turn by hand."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = SystemRandom().random
    total_seconds: float = VENDOR_TOTAL_SECONDS
    read_seconds: float = VENDOR_READ_SECONDS
    first_wait_seconds: float = 1.0


class HttpClient:
    """Asks one question at a time; remembers per host when it may be asked again. Thread-safe."""

    def __init__(
        self,
        *,
        times: Times | None = None,
        transport: httpx.BaseTransport | None = None,
        asking: Callable[[str], None] = lambda _url: None,
    ) -> None:
        self.times = times or Times()
        self._transport = transport
        self._asking = asking
        self._lock = threading.Lock()
        self._not_before: dict[str, float] = {}

    def deadline(self) -> float:
        """Return the moment by which work that starts now has to be done."""
        return self.times.monotonic() + self.times.total_seconds

    def get(self, url: str, *, limit_bytes: int, deadline: float) -> Reply:
        """Return the answer to GET `url`.

        Raises `EvidenceError`: `no-endorsement` if the service has no such document,
        `endorsement-unavailable` for anything else that is no answer, a body over `limit_bytes`
        and a redirect to another host included.
        """
        return self._ask(Question("GET", url, limit_bytes, deadline))

    def post(
        self, url: str, content: bytes, content_type: str, *, limit_bytes: int, deadline: float
    ) -> Reply:
        """Return the answer to POST; raises as `get` does. No redirect is followed."""
        headers = {"content-type": content_type}
        return self._ask(Question("POST", url, limit_bytes, deadline, content, headers))

    def _ask(self, question: Question) -> Reply:
        host, why = question.host, "not asked"
        for attempt in range(VENDOR_ATTEMPTS):
            self._await_turn(host, question.deadline, why)
            self._asking(question.url)
            answer = self._once(question)
            if isinstance(answer, Reply):
                return answer
            why, wait = answer
            self._ask_later(host, wait, attempt)
        raise unavailable(f"{host}: {why}, asked {VENDOR_ATTEMPTS} times")

    def _await_turn(self, host: str, deadline: float, why: str) -> None:
        now = self.times.monotonic()
        with self._lock:
            wait = self._not_before.get(host, now) - now
        if now + max(wait, 0) > deadline:
            raise unavailable(f"{host} may not be asked before the time for it is over ({why})")
        if wait > 0:
            self.times.sleep(wait)

    def _ask_later(self, host: str, wait: float | None, attempt: int) -> None:
        """Wait as long as asked for, else longer each time; the jitter keeps clients apart."""
        least = self.times.first_wait_seconds * 2**attempt if wait is None else wait
        until = self.times.monotonic() + least + self.times.jitter() * (1 + least / 4)
        with self._lock:
            self._not_before[host] = max(until, self._not_before.get(host, until))

    def _once(self, question: Question) -> Reply | tuple[str, float | None]:
        """Return the answer, or why there is none yet and how long the service says to wait."""
        httpx = _httpx()
        timeout = httpx.Timeout(self.times.read_seconds, connect=VENDOR_CONNECT_SECONDS)
        url, headers = question.url, {"accept-encoding": "identity", **question.headers}
        try:
            with httpx.Client(transport=self._transport, timeout=timeout) as client:
                for _ in range(VENDOR_REDIRECTS + 1):
                    with client.stream(
                        question.method, url, content=question.content, headers=headers
                    ) as response:
                        if response.status_code not in _MOVED:
                            return self._judge(response, question)
                        url = _moved(question, url, response.headers.get("location", ""))
        except (httpx.TransportError, httpx.InvalidURL) as error:
            return type(error).__name__, None
        raise unavailable(f"{question.host} sends us on and on")

    def _judge(
        self, response: httpx.Response, question: Question
    ) -> Reply | tuple[str, float | None]:
        status, headers, host = response.status_code, dict(response.headers), question.host
        if status in _NOT_FOUND:
            raise EvidenceError(Refusal.NO_ENDORSEMENT, f"{host} has no such document")
        if status in _LATER:
            return f"status {status}", self._asked_to_wait(headers.get("retry-after", ""))
        if status != 200:
            raise unavailable(f"{host} answers with status {status}")
        if headers.get("content-encoding", "identity") != "identity":
            raise unavailable(f"{host} sends a compressed answer nobody asked for")
        return Reply(self._body(response, question), headers)

    def _body(self, response: httpx.Response, question: Question) -> bytes:
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > question.limit_bytes:
                raise unavailable(f"{question.host} sends over {question.limit_bytes} bytes")
            if self.times.monotonic() > question.deadline:
                raise unavailable(f"{question.host} sends too slowly")
        return bytes(body)

    def _asked_to_wait(self, text: str) -> float | None:
        """Return the seconds of a Retry-After header (RFC 9110 section 10.2.3), if it has any."""
        if text.isascii() and text.isdigit() and len(text) < 8:
            return float(text)
        try:
            moment = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        if moment.tzinfo is None:
            return None
        return max((moment - self.times.now()).total_seconds(), 0.0)


def _moved(question: Question, url: str, location: str) -> str:
    """Return where a redirect leads if that is on the same host, and the question may follow."""
    try:
        target = urljoin(url, location)
        same = origin_of(target) == origin_of(url)
    except ValueError:
        same = False
    if not same or question.method != "GET" or not location:
        raise unavailable(f"{question.host} sends us to another host, or nowhere")
    return target


def _httpx() -> ModuleType:
    # An extra: whoever fetches nothing needs no client, and verifiers never fetch.
    try:
        import httpx  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise unavailable("httpx is not installed: pip install 'sealwasm[cli]'") from error
    return httpx


def unavailable(detail: str) -> EvidenceError:
    """Return the error for a service that gives no usable answer."""
    return EvidenceError(Refusal.ENDORSEMENT_UNAVAILABLE, detail)
