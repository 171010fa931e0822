"""HTTP to one registry: who may be redirected where, what is tried again, who gets credentials.

Nothing here knows what is transferred; `registry.py` does. Only modules named `registry*` import
httpx, which the base install does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

import httpx

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.blob import Blob, chunks_from
from sealing.oci.reference import RegistryReference, check_authority, is_this_machine
from sealing.oci.registry.answers import (
    Answer,
    TransientError,
    read_body,
    refusal_of,
    reported,
)
from sealing.oci.registry.login import RegistryLogin
from sealing.oci.registry.pace import Pace, Patience
from sealing.oci.registry.settings import Authenticator, PlainHttp, RegistrySettings
from sealing.oci.registry.transport import TimedTransport, keeping, pace_of

_Result = TypeVar("_Result")

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `path` below the registry, or a URL that `own_url` returned."""

    method: str
    path: str
    scope: str
    expect: frozenset[int]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Blob | None = field(default=None, repr=False)
    # Where in the body to begin: what comes before is there already.
    start: int = 0

    @property
    def name(self) -> str:
        """For our log: without the query, in which registries keep upload state."""
        return f"{self.method} {self.path.partition('?')[0]}"


class RegistryHttp:
    """Requests to one registry. Every method raises `SealError` only."""

    def __init__(
        self, reference: RegistryReference, settings: RegistrySettings, authenticator: Authenticator
    ) -> None:
        self._reference = reference
        self._settings = settings
        self._login = RegistryLogin(reference, settings, authenticator)
        self._base = _parsed(
            httpx.URL(),
            f"{_scheme(reference, settings)}://{reference.registry}",
            SealRefusal.REFERENCE_INVALID,
        )
        # A transport without httpx's client around it: cookies, proxies and .netrc of the
        # environment, credentials in URLs and redirects are then nobody's business but ours.
        self._transport: httpx.BaseTransport = TimedTransport(settings)
        self._patience = Patience()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def call(self, call: Call, *, limit_bytes: int = limits.ERROR_BYTES) -> Answer:
        """Return the answer to `call`, trying again while the registry is busy or away."""
        return self.retrying(lambda: self.call_once(call, limit_bytes=limit_bytes))

    def call_once(self, call: Call, *, limit_bytes: int = limits.ERROR_BYTES) -> Answer:
        """Return the answer to `call`, or raise at the first failure."""
        with self.exchange(call, limit_bytes) as response:
            body = read_body(response, limit_bytes)
            return Answer(response.status_code, response.headers, body)

    def retrying(
        self, action: Callable[[], _Result], *, moved: Callable[[], int] = lambda: 0
    ) -> _Result:
        """Return what `action` returns, after as many more tries as the settings have waits.

        `moved` says how many bytes the tries have moved so far: one that made progress does not
        count.
        """
        waits, reached = iter(self._settings.retry_seconds), 0
        while True:
            try:
                return action()
            except TransientError as error:
                if moved() - reached >= limits.RESUME_BYTES:
                    waits, reached = iter(self._settings.retry_seconds), moved()
                wait = self._wait(error, next(waits, None))
            self._patience.spend(wait)
            self._settings.sleep(wait)

    def _wait(self, error: TransientError, usual: float | None) -> float:
        """Return for how long to wait before the next try, or raise `error` if there is none."""
        # Half of it by chance: clients that were cut off together should not come back together.
        wait = None if usual is None else usual * (1 + self._settings.jitter()) / 2
        if wait is not None and error.after_seconds is not None:
            wait = error.after_seconds
        if wait is None or wait > limits.RETRY_AFTER_SECONDS:
            raise error
        return wait

    def own_url(self, text: str) -> str:
        """Return the URL that an answer of the registry names, if it is on the registry itself."""
        url = _joined(self._base, text)
        if not self._is_ours(url):
            raise SealError(SealRefusal.REDIRECT_REFUSED, f"registry points to {_site(url)}")
        return str(url)

    def is_same_registry(self, other: RegistryHttp) -> bool:
        """Return whether `other` talks to the same place."""
        return self._is_ours(other._base)

    @contextmanager
    def exchange(self, call: Call, size: int) -> Iterator[httpx.Response]:
        """Give the answer with an expected status, its body of at most `size` not read yet."""
        sent = 0 if call.body is None else call.body.size - call.start
        name = self._name(call)
        with reported(name):
            response = self._authorized(call, sent + size)
            try:
                if response.status_code not in call.expect:
                    raise refusal_of(name, response)
                yield response
            finally:
                response.close()

    def _name(self, call: Call) -> str:
        """Return the call's name with the registry in it: who reads it may have named several."""
        if not call.path.startswith("/"):
            return call.name
        return call.name.replace(" ", f" {self._reference.registry}", 1)

    def _authorized(self, call: Call, size: int) -> httpx.Response:
        """Send `call`, which moves `size` bytes; when asked who we are, answer once."""
        sent = self._login.current(call.scope)
        response = self._followed(call, self._pace(size), sent)
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        response.close()
        self._require_askable(call, response)
        challenges = response.headers.get_list("www-authenticate")
        answer = self._login.answer(call.scope, challenges, refused=sent)
        # The time begins anew: a helper may have waited for its user.
        response = self._followed(call, self._pace(size), answer)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            response.close()
            self._login.forget(call.scope, answer)
            raise SealError(
                SealRefusal.UNAUTHORIZED, f"{self._name(call)}: credentials were refused"
            )
        return response

    def _pace(self, size: int) -> Pace:
        return pace_of(self._settings, size, self._patience)

    def _require_askable(self, call: Call, response: httpx.Response) -> None:
        """Refuse to tell anybody but the registry who we are, or to say it in clear."""
        if not self._is_ours(response.url):
            raise SealError(
                SealRefusal.UNAUTHORIZED, f"{_site(response.url)}, a redirect, wants credentials"
            )
        if self._base.scheme != "https" and not self._reference.is_loopback:
            raise SealError(
                SealRefusal.PLAIN_HTTP_REFUSED,
                f"{self._name(call)}: credentials are not sent without encryption",
            )

    def _followed(self, call: Call, pace: Pace, authorization: str | None) -> httpx.Response:
        """Send `call` and follow redirects, each hop with the headers that its host may see."""
        url = self._base.join(call.path)
        for _ in range(limits.REDIRECTS + 1):
            response = self._sent(self._request(call, url, pace, authorization))
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            if call.method not in ("GET", "HEAD"):
                raise SealError(SealRefusal.REDIRECT_REFUSED, f"{self._name(call)} was redirected")
            url = _joined(url, response.headers.get("location", ""))
            self._require_safe(url)
            if not self._is_ours(url):
                # Nor on a way back: nobody else says what is asked of the registry in our name.
                authorization = None
        raise SealError(
            SealRefusal.REDIRECT_REFUSED,
            f"{self._name(call)}: more than {limits.REDIRECTS} redirects",
        )

    def _sent(self, request: httpx.Request) -> httpx.Response:
        response = self._transport.handle_request(request)
        response.request = request
        return response

    def _request(
        self, call: Call, url: httpx.URL, pace: Pace, authorization: str | None
    ) -> httpx.Request:
        headers = {"User-Agent": "sealwasm", "Accept-Encoding": "identity", **call.headers}
        if authorization is not None:
            headers["Authorization"] = authorization
        content = None
        if call.body is not None:
            # With the length given, httpx sends that instead of chunked encoding.
            headers["Content-Length"] = str(call.body.size - call.start)
            # httpcore makes the one copy that there is, out of any buffer.
            content = cast("Iterator[bytes]", chunks_from(call.body, call.start))
        return httpx.Request(
            call.method, url, headers=headers, content=content, extensions=keeping(pace)
        )

    def _require_safe(self, url: httpx.URL) -> None:
        """Refuse a redirect out of encryption or into this machine."""
        if self._is_ours(url):
            return
        if url.scheme != "https":
            raise SealError(SealRefusal.REDIRECT_REFUSED, f"redirect to {_site(url)}, not https")
        if is_this_machine(url.host) and not self._reference.is_loopback:
            raise SealError(SealRefusal.REDIRECT_REFUSED, f"redirect to {_site(url)}, this machine")

    def _is_ours(self, url: httpx.URL) -> bool:
        return _site(url) == _site(self._base)


def _scheme(reference: RegistryReference, settings: RegistrySettings) -> str:
    if settings.plain_http is PlainHttp.UNSAFE_ALWAYS:
        return "http"
    loopback = settings.plain_http is PlainHttp.LOOPBACK and reference.is_loopback
    return "http" if loopback else "https"


def _site(url: httpx.URL) -> str:
    """Return what decides whether two URLs are the same peer: scheme, host and port."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _joined(base: httpx.URL, text: str) -> httpx.URL:
    """Return where a registry's words point to. Whether we may go there is not checked."""
    if not (0 < len(text) <= limits.LOCATION_CHARS and text.isascii() and text.isprintable()):
        raise SealError(SealRefusal.REGISTRY_MALFORMED, "answer names no usable URL")
    url = _parsed(base, text, SealRefusal.REGISTRY_MALFORMED)
    # A user name in a URL is how credentials get into logs, and into requests of other tools.
    if url.userinfo:
        raise SealError(SealRefusal.REGISTRY_MALFORMED, "URL in answer has a user name")
    return url


def _parsed(base: httpx.URL, text: str, code: SealRefusal) -> httpx.URL:
    """Return `text` as seen from `base`, or raise `code` where httpx would fail later."""
    try:
        url = base.join(text)
        # httpx takes ports that no socket takes, and addresses in more spellings than ours ...
        check_authority(url.netloc.decode("ascii"))
        # ... and decodes punycode when asked for the host, which can fail in its own way.
        _ = url.host
    except (httpx.InvalidURL, SealError, ValueError) as error:
        raise SealError(code, "not a URL with a host that can be asked") from error
    return url
