"""How to talk to a registry, and as whom. Free of httpx: the base install can import it."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from sealing.canonical import b64encode
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits, stopping
from sealing.oci.registry.challenge import parse_challenges


class PlainHttp(StrEnum):
    """For which registries `http://` is used instead of `https://`."""

    LOOPBACK = "loopback"
    NEVER = "never"
    # Artifacts are encrypted and signed, so this leaks what is pulled; credentials never go along.
    UNSAFE_ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """Everything about the connection that is not the registry's name."""

    plain_http: PlainHttp = PlainHttp.LOOPBACK
    # None: the usual public authorities, names checked.
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    connect_seconds: float = limits.CONNECT_SECONDS
    silence_seconds: float = limits.SILENCE_SECONDS
    exchange_seconds: float = limits.EXCHANGE_SECONDS
    retry_seconds: Sequence[float] = limits.RETRY_SECONDS
    # From 0 to 1: which part of the second half of a wait is really waited for.
    jitter: Callable[[], float] = field(default=random.SystemRandom().random, repr=False)
    sleep: Callable[[float], object] = field(default=stopping.sleep, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)


@dataclass(frozen=True, slots=True)
class Authorization:
    """What to send as `Authorization`, and for how many seconds from when it was asked for."""

    value: str = field(repr=False)
    # None: until it is refused.
    seconds: float | None = None


class Authenticator(Protocol):
    """Knows what to say to a registry that asks who we are."""

    def answer(
        self, challenges: Sequence[str], *, registry: str, repository: str, scope: str
    ) -> Authorization | None:
        """Return what to send for `scope`, or None if there is nothing to give.

        `challenges` are the `WWW-Authenticate` lines of the registry, unchecked. The value is sent
        to `registry` only, over TLS or loopback. Asked for again when its time is over or when it
        is refused, so nothing given before may be given once more unless it is still good.
        """


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """An `Authenticator` with a name and a password, for registries that ask for `Basic`."""

    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        # RFC 7617 section 2: a colon would move the border between the two.
        if ":" in self.username or not (self.username + self.password).isprintable():
            raise SealError(SealRefusal.UNAUTHORIZED, "user name or password cannot be sent")

    @property
    def authorization(self) -> Authorization:
        """The two in the form of RFC 7617."""
        return Authorization(f"Basic {b64encode(f'{self.username}:{self.password}'.encode())}")

    def answer(
        self,
        challenges: Sequence[str],
        *,
        registry: str,  # noqa: ARG002
        repository: str,  # noqa: ARG002
        scope: str,  # noqa: ARG002
    ) -> Authorization | None:
        """See `Authenticator`. Gives nothing to a registry that asks for another scheme."""
        asked = {challenge.scheme for challenge in parse_challenges(challenges)}
        return self.authorization if "basic" in asked else None
