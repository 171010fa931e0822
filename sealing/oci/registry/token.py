"""Asking a token server: distribution spec, "token" and "oauth2" authentication.

Steps in docs/specs/registry-access.md, section 2. One request, no redirect, a small answer of which
two members are used. Tokens and credentials are in no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from sealing.canonical import malformed, parse_json, whole
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.registry.answers import read_body, refusal_of, reported
from sealing.oci.registry.credentials import IdentityToken, check_token
from sealing.oci.registry.pace import Patience
from sealing.oci.registry.settings import Authorization, BasicCredentials, RegistrySettings
from sealing.oci.registry.transport import TimedTransport, keeping, pace_of

_CLIENT = "sealwasm"
_REFUSED = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What is asked of a token server, whose URL the caller has allowed."""

    url: httpx.URL
    service: str | None
    scopes: Sequence[str]
    # None: a token for anybody.
    credential: BasicCredentials | IdentityToken | None = field(default=None, repr=False)


def fetch_token(
    request: TokenRequest, settings: RegistrySettings, patience: Patience
) -> Authorization:
    """Return a token, or raise `SealError`; `TransientError` where the same may work later."""
    name = f"token from {request.url.netloc.decode('ascii')}"
    # Connections to token servers are not kept: minutes pass between two tokens.
    transport = TimedTransport(settings)
    try:
        with reported(name):
            http = _http(request, settings, patience)
            response = transport.handle_request(http)
            try:
                return _answer(name, response)
            finally:
                response.close()
    finally:
        transport.close()


def parse_token(data: bytes) -> Authorization:
    """Return the token in an answer, or raise `seal-registry-malformed`."""
    try:
        document = parse_json(data, limit_bytes=limits.TOKEN_ANSWER_BYTES, what="token answer")
        if not isinstance(document, dict):
            raise malformed("token answer", "not an object")
        tokens = {document[name] for name in ("token", "access_token") if name in document}
        if len(tokens) != 1 or not isinstance(token := tokens.pop(), str):
            raise malformed("token answer", "not one token")
        check_token(token)
        seconds = whole(
            document.get("expires_in", limits.TOKEN_SECONDS), "expires_in", least=0, most=1 << 40
        )
    except (SealError, TypeError) as error:
        detail = error.detail if isinstance(error, SealError) else "token answer: not one token"
        raise SealError(SealRefusal.REGISTRY_MALFORMED, detail) from None
    usable = min(seconds, limits.TOKEN_SECONDS_MAX) - limits.TOKEN_SPARE_SECONDS
    return Authorization(f"Bearer {token}", seconds=max(0, usable))


def _http(request: TokenRequest, settings: RegistrySettings, patience: Patience) -> httpx.Request:
    headers = {"User-Agent": _CLIENT, "Accept-Encoding": "identity"}
    fields = [("service", request.service)] if request.service is not None else []
    if isinstance(request.credential, IdentityToken):
        # One parameter, scopes separated by spaces: RFC 6749, section 6.
        fields += [("scope", " ".join(request.scopes))] if request.scopes else []
        fields += [("grant_type", "refresh_token"), ("refresh_token", request.credential.token)]
        body = urlencode([*fields, ("client_id", _CLIENT)]).encode("ascii")
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        method, url = "POST", request.url
    else:
        fields += [("scope", scope) for scope in request.scopes]
        method, body = "GET", b""
        query = "&".join(filter(None, (request.url.query.decode("ascii"), urlencode(fields))))
        url = request.url.copy_with(query=query.encode("ascii") or None)
        if request.credential is not None:
            headers["Authorization"] = request.credential.authorization.value
    return httpx.Request(
        method,
        url,
        headers=headers,
        content=body or None,
        extensions=keeping(pace_of(settings, len(body) + limits.TOKEN_ANSWER_BYTES, patience)),
    )


def _answer(name: str, response: httpx.Response) -> Authorization:
    status = response.status_code
    if status == httpx.codes.OK:
        try:
            return parse_token(read_body(response, limits.TOKEN_ANSWER_BYTES))
        except SealError as error:
            raise SealError(SealRefusal.REGISTRY_MALFORMED, f"{name}: {error.detail}") from None
    if status in _REFUSED:
        raise SealError(SealRefusal.UNAUTHORIZED, f"{name}: refused, status {status}")
    if httpx.codes.is_redirect(status):
        raise SealError(SealRefusal.REDIRECT_REFUSED, f"{name}: token requests follow no redirect")
    # Without its words: some servers quote the request.
    raise refusal_of(name, httpx.Response(status, headers=response.headers, content=iter(())))
