"""What the command line asks of a broker over HTTP: its descriptor, enrolments, evaluations."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from keybroker import protocol
from sealing import canonical
from sealing.errors import SealError
from sealwasm.advice import advice_for
from sealwasm.failure import CliError, Kind

if TYPE_CHECKING:
    import httpx

# A broker answers within milliseconds; longer means that it is not there.
TIMEOUT_SECONDS = 10.0
# By the last part of a problem's type: docs/specs/release-protocol.md has the table.
KIND_OF_SLUG: dict[str, Kind] = {
    "attest-again": Kind.EVIDENCE,
    "artifact-refused": Kind.ARTIFACT,
    "malformed-request": Kind.USAGE,
    "unknown": Kind.NOT_FOUND,
    "conflict": Kind.CONFLICT,
    "evidence-refused": Kind.EVIDENCE,
    "rate-limited": Kind.UNREACHABLE,
    "unavailable": Kind.BROKER_SEALED,
}


def is_loopback(url: str) -> bool:
    """Return whether `url` names this machine without asking a name server."""
    return _is_loopback_host(_parsed(url).host)


def _is_loopback_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parsed(url: str) -> httpx.URL:
    """Return `url` as the client that will connect reads it, so that there is one reading."""
    import httpx

    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _no_address("what is given as address of the broker is no URL") from error


def _no_address(what: str) -> CliError:
    return CliError(Kind.USAGE, "broker-url", what, next_step="--broker https://HOST")


def check_url(url: str) -> str:
    """Return `url` without a trailing slash, or raise: https, or http on loopback."""
    parts = _parsed(url)
    if "@" in url:
        # Whoever writes one means a password, so nothing of it is shown.
        raise _no_address("the address of a broker holds no user name or password")
    if parts.scheme not in {"http", "https"} or not parts.host or set("?#") & set(url):
        raise _no_address(f"{url} is not a broker's address")
    if parts.scheme == "http" and not _is_loopback_host(parts.host):
        raise CliError(
            Kind.USAGE,
            "broker-url-plain",
            f"{url} is plain HTTP to another machine",
            why="requests would travel in clear; plain HTTP is for loopback only",
            next_step="--broker https://...",
        )
    return url.rstrip("/")


def exchange(method: str, url: str, path: str, *, body: bytes | None = None) -> bytes:
    """Return the body of a 2xx answer. Raises `CliError` for everything else."""
    import httpx

    address = check_url(url) + path
    # No compression: a bound on what arrives is then a bound on what is kept.
    headers = {"accept-encoding": "identity"}
    if body is not None:
        headers["content-type"] = "application/json"
    try:
        with (
            httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client,
            client.stream(method, address, content=body, headers=headers) as response,
        ):
            data = _bounded(response, url)
    except httpx.HTTPError as error:
        raise CliError(
            Kind.UNREACHABLE,
            "broker-unreachable",
            f"no broker answers at {url}",
            why=type(error).__name__,
            next_step=f"sealwasm broker serve FOLDER, or check the address {url}",
        ) from error
    if not response.is_success:
        raise _problem(response.status_code, data, where=f"{method} {path}")
    return data


def _bounded(response: httpx.Response, url: str) -> bytes:
    data = bytearray()
    for piece in response.iter_raw():
        data += piece
        if len(data) > protocol.MAX_RESPONSE_BYTES:
            raise CliError(Kind.UNREACHABLE, "broker-answer-too-large", f"{url} answers too much")
    return bytes(data)


def post_document(url: str, path: str, body: bytes) -> dict[str, Any]:
    """Return the JSON object that a broker answers to `body`. Raises `CliError`."""
    data = exchange("POST", url, path, body=body)
    try:
        answer = canonical.parse_json(data, limit_bytes=protocol.MAX_RESPONSE_BYTES, what="answer")
    except SealError as error:
        raise _no_answer("something that is not JSON", f"POST {path}") from error
    if not isinstance(answer, dict):
        raise _no_answer("something that is no object", f"POST {path}")
    return answer


def _no_answer(what: str, where: str) -> CliError:
    text = f"the broker answered {what}, which is no answer of a broker"
    return CliError(Kind.UNREACHABLE, "broker-answer", text, where=where)


def _problem(status: int, data: bytes, *, where: str) -> CliError:
    try:
        problem = protocol.Problem.parse(data)
    except protocol.ProtocolError:
        return _no_answer(str(status), where)
    slug = problem.type.rpartition(":")[2]
    advice = advice_for(problem.code, KIND_OF_SLUG.get(slug, Kind.DENIED))
    return CliError(
        advice.kind,
        problem.code,
        advice.what or problem.title,
        why=f"rules that failed: {', '.join(problem.rules)}" if problem.rules else "",
        where=where + (f", decision {problem.decision}" if problem.decision else ""),
        next_step=advice.next_step,
    )


def fetch_descriptor(url: str, identity: str | None) -> protocol.Descriptor:
    """Return the descriptor of the broker at `url`; see `fetch_signed_descriptor`."""
    return fetch_signed_descriptor(url, identity)[0]


def fetch_signed_descriptor(url: str, identity: str | None) -> tuple[protocol.Descriptor, bytes]:
    """Return the descriptor of the broker at `url`, whose identity is the pinned `identity`.

    Beside it the very bytes that were verified: what a second request answers may be another.
    Without a pin the broker must be on this machine: sealing to whoever answers on a network
    would hand the module to that somebody. Raises `CliError`, `ProtocolError`.
    """
    # Before anything is asked of it.
    if identity is None and not is_loopback(check_url(url)):
        raise CliError(
            Kind.USAGE,
            "broker-identity-needed",
            f"the broker at {url} is on another machine and its identity is not pinned",
            why="whoever answers there could read what is sealed to it",
            next_step="--broker-identity ID, as `sealwasm broker init` printed it",
        )
    data = exchange("GET", url, "/v1/broker")
    known = identity or protocol.unverified_identity(data)
    return protocol.verify_descriptor(data, identity=known), data
