"""What may be known about us at a registry, and where it is looked up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.registry.settings import BasicCredentials

# The names that Docker Hub has as a registry: their credentials are the same.
DOCKER_HUB: Final = ("docker.io", "index.docker.io", "registry-1.docker.io")

_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """What a token server takes instead of a password: an OAuth 2 refresh token."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        check_token(self.token)


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A bearer token made elsewhere, sent to the registry as it is."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        check_token(self.token)


Credential = BasicCredentials | IdentityToken | RegistryToken


class CredentialSource(Protocol):
    """Where credentials are kept."""

    def find(self, registry: str, repository: str) -> Credential | None:
        """Return the credentials for a repository, or None if there are none.

        Raises `SealError` (`seal-credentials-unusable`) if that cannot be told.
        """


class NoCredentials:
    """A `CredentialSource` for whoever has no account anywhere."""

    def find(self, registry: str, repository: str) -> Credential | None:  # noqa: ARG002
        """See `CredentialSource`."""
        return None


@dataclass(frozen=True, slots=True)
class Always:
    """A `CredentialSource` of one credential, whoever asks for it."""

    credential: Credential

    def find(self, registry: str, repository: str) -> Credential | None:  # noqa: ARG002
        """See `CredentialSource`."""
        return self.credential


@dataclass(frozen=True, slots=True)
class FirstOf:
    """A `CredentialSource` of several: the first that knows something is the one."""

    sources: Sequence[CredentialSource]

    def find(self, registry: str, repository: str) -> Credential | None:
        """See `CredentialSource`."""
        for source in self.sources:
            found = source.find(registry, repository)
            if found is not None:
                return found
        return None


def names_of(registry: str) -> tuple[str, ...]:
    """Return the names under which credentials of `registry` may be kept, the given one first."""
    others = DOCKER_HUB if registry in DOCKER_HUB else ()
    return (registry, *(name for name in others if name != registry))


def check_token(token: str) -> None:
    """Raise `seal-unauthorized` unless `token` can stand in a header as it is."""
    if len(token) > limits.TOKEN_CHARS or _TOKEN.fullmatch(token) is None:
        raise SealError(SealRefusal.UNAUTHORIZED, "token cannot be sent")
