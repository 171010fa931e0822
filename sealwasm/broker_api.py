"""What the command line asks of a broker over HTTP: its descriptor, enrolments, evaluations."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from keybroker import protocol
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
    "too-early": Kind.UNREACHABLE,
    "rate-limited": Kind.UNREACHABLE,
    "unavailable": Kind.BROKER_SEALED,
}


def is_loopback(url: str) -> bool:
    """Return whether `url` names this machine without asking a name server."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_url(url: str) -> str:
    """Return `url` without a trailing slash, or raise: https, or http on loopback."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise CliError(
            Kind.USAGE,
            "broker-url",
            f"{url} is not a broker's address",
            next_step="--broker https://HOST",
        )
    if parts.scheme == "http" and not is_loopback(url):
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

    try:
        with httpx.Client(
            timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False
        ) as client:
            headers = {"content-type": "application/json"} if body is not None else {}
            response = client.request(method, check_url(url) + path, content=body, headers=headers)
    except httpx.HTTPError as error:
        raise CliError(
            Kind.UNREACHABLE,
            "broker-unreachable",
            f"no broker answers at {url}",
            why=type(error).__name__,
            next_step=f"sealwasm broker serve FOLDER, or check the address {url}",
        ) from error
    if not response.is_success:
        raise _problem(response, path)
    if len(response.content) > protocol.MAX_RESPONSE_BYTES:
        raise CliError(Kind.UNREACHABLE, "broker-answer-too-large", f"{url} answers too much")
    return response.content


def _problem(response: httpx.Response, path: str) -> CliError:
    where = f"{response.request.method} {path}"
    try:
        problem = protocol.Problem.parse(response.content)
    except protocol.ProtocolError:
        what = f"the broker answered {response.status_code}, which is no answer of a broker"
        return CliError(Kind.UNREACHABLE, "broker-answer", what, where=where)
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
    """Return the descriptor of the broker at `url`, whose identity is the pinned `identity`.

    Without a pin the broker must be on this machine: sealing to whoever answers on a network
    would hand the module to that somebody. Raises `CliError`, `ProtocolError`.
    """
    data = exchange("GET", url, "/v1/broker")
    if identity is None:
        if not is_loopback(url):
            raise CliError(
                Kind.USAGE,
                "broker-identity-needed",
                f"the broker at {url} is on another machine and its identity is not pinned",
                why="whoever answers there could read what is sealed to it",
                next_step="--broker-identity ID, as `sealwasm broker init` printed it",
            )
        identity = protocol.unverified_identity(data)
    return protocol.verify_descriptor(data, identity=identity)
