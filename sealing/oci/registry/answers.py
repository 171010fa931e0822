"""What a registry answered, as values and refusals of ours: no error of httpcore passes here."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpcore
import httpx

from sealing.canonical import parse_json
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.fields import retry_after
from sealing.oci.reference import is_digest

_BUSY = frozenset({429, 500, 502, 503, 504})
_REFUSALS = {403: SealRefusal.FORBIDDEN, 404: SealRefusal.NOT_FOUND}


class TransientError(SealError):
    """A refusal that may pass when the same thing is tried again."""

    def __init__(
        self, code: SealRefusal, detail: str, *, after_seconds: float | None = None
    ) -> None:
        super().__init__(code, detail)
        self.after_seconds = after_seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of bounded size."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)


def body_of(response: httpx.Response) -> Iterator[bytes]:
    """Give the body as it came over the wire."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise SealError(SealRefusal.REGISTRY_MALFORMED, "answer is compressed, which nobody asked")
    return response.iter_raw()


def read_body(response: httpx.Response, limit_bytes: int) -> bytes:
    """Return a whole body, or raise `seal-too-large` without having read on."""
    body = bytearray()
    for chunk in body_of(response):
        body += chunk
        if len(body) > limit_bytes:
            raise SealError(SealRefusal.TOO_LARGE, f"answer exceeds {limit_bytes} bytes")
    return bytes(body)


def refusal_of(name: str, response: httpx.Response) -> SealError:
    """Return the error for an answer whose status nobody wanted."""
    status = response.status_code
    detail = f"{name}: status {status}{_words(response)}"
    if status not in _BUSY:
        return SealError(_REFUSALS.get(status, SealRefusal.REGISTRY_REFUSED), detail)
    after, date = (response.headers.get(name, "") for name in ("retry-after", "date"))
    return TransientError(
        SealRefusal.REGISTRY_FAILED, detail, after_seconds=retry_after(after, date)
    )


def require_digest(answer: Answer, digest: str) -> None:
    """Refuse a registry that names another digest than the one of the bytes."""
    said = answer.headers.get("docker-content-digest", digest)
    if said != digest:
        # Anything may stand in a header, what moves a terminal's cursor too.
        other = said if is_digest(said) else "something else"
        raise SealError(SealRefusal.DIGEST_MISMATCH, f"registry says {other}, it is {digest}")


def _words(response: httpx.Response) -> str:
    """Return the first error in the distribution spec's form, cut to what a log line can carry."""
    try:
        body = read_body(response, limits.ERROR_BYTES)
        value = parse_json(body, limit_bytes=limits.ERROR_BYTES, what="error")
    except SealError:
        return ""
    errors = value.get("errors") if isinstance(value, dict) else None
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
        return ""
    said = f" {errors[0].get('code')}: {errors[0].get('message')}"[: limits.ERROR_CHARS]
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in said)


@contextmanager
def reported(name: str) -> Iterator[None]:
    """Turn what went wrong on the way into our error."""
    try:
        yield
    except TransientError:
        raise
    except SealError as error:
        if error.code is not SealRefusal.REGISTRY_SLOW:
            raise
        # The transport knows nothing of calls.
        raise SealError(error.code, f"{name}: {error.detail}") from error
    except httpcore.TimeoutException as error:
        never = isinstance(error, (httpcore.ConnectTimeout, httpcore.PoolTimeout))
        code = SealRefusal.UNREACHABLE if never else SealRefusal.REGISTRY_SLOW
        raise TransientError(code, f"{name}: {type(error).__name__}") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        if _is_untrusted(error):
            raise SealError(SealRefusal.REGISTRY_UNTRUSTED, f"{name}: {error}") from error
        raise TransientError(SealRefusal.UNREACHABLE, f"{name}: {error}") from error


def _is_untrusted(error: BaseException | None) -> bool:
    """Return whether a certificate was refused somewhere below `error`."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None
