"""References to artifacts: `oci:FOLDER[:TAG|@DIGEST]` and `HOST[:PORT]/REPO[:TAG|@DIGEST]`.

Grammar: OCI distribution spec 1.1, "Pulling manifests"; steps in docs/specs/oci-artifact.md,
section 1. One artifact has one spelling: `str(parse(text)) == text` for everything accepted.
Nothing is added in silence: no host, and for registries no tag.
"""

from __future__ import annotations

import ipaddress
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits

LAYOUT_PREFIX = "oci:"
DEFAULT_LAYOUT_TAG = "latest"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]*")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_FOLDER = re.compile(r"[^:@\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Reference(ABC):
    """Where an artifact is. Every instance obeys the grammar; whether it exists is not checked."""

    tag: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        self._check_location()
        if self.tag is not None and self.digest is not None:
            raise _invalid("a tag and a digest together: give the one that is meant")
        if self.tag is not None:
            check_tag(self.tag)
        if self.digest is not None:
            check_digest(self.digest)

    @staticmethod
    def parse(text: str) -> LayoutReference | RegistryReference:
        """Return the reference that `text` spells.

        Does not look whether anything is there. Raises `SealError` (`reference-invalid`).
        """
        if text.startswith(LAYOUT_PREFIX):
            folder, tag, digest = _split_target(text.removeprefix(LAYOUT_PREFIX))
            return LayoutReference(folder=folder, tag=tag, digest=digest)
        registry, slash, rest = text.partition("/")
        if not slash:
            raise _invalid("no '/': a registry reference is HOST/REPO, a folder is oci:FOLDER")
        repository, tag, digest = _split_target(rest)
        return RegistryReference(registry=registry, repository=repository, tag=tag, digest=digest)

    @property
    @abstractmethod
    def location(self) -> str:
        """The text before the tag or digest."""

    @property
    @abstractmethod
    def target(self) -> str:
        """Return the digest or tag to ask the store for, or raise `reference-incomplete`."""

    @abstractmethod
    def _check_location(self) -> None: ...

    def with_digest(self, digest: str) -> Self:
        """Return the reference to exactly `digest` at the same place."""
        return replace(self, tag=None, digest=digest)

    def with_tag(self, tag: str) -> Self:
        """Return the reference to `tag` at the same place."""
        return replace(self, tag=tag, digest=None)

    def __str__(self) -> str:
        if self.digest is not None:
            return f"{self.location}@{self.digest}"
        return self.location if self.tag is None else f"{self.location}:{self.tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutReference(Reference):
    """An OCI image-layout folder of the caller's. Without tag and digest it means tag `latest`."""

    folder: str

    @property
    def location(self) -> str:
        """The folder with its prefix."""
        return f"{LAYOUT_PREFIX}{self.folder}"

    @property
    def target(self) -> str:
        """The digest, the tag, or `latest`: a folder has no owner who could move it unseen."""
        return self.digest or self.tag or DEFAULT_LAYOUT_TAG

    def _check_location(self) -> None:
        if len(self.folder) > limits.FOLDER_CHARS:
            raise _invalid(f"folder is longer than {limits.FOLDER_CHARS} characters")
        if _FOLDER.fullmatch(self.folder) is None or not _is_utf8(self.folder):
            raise _invalid("folder is empty or holds ':', '@' or a control character")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryReference(Reference):
    """A repository in a registry. The host is always named; no host and no tag is implied."""

    registry: str
    repository: str

    @property
    def location(self) -> str:
        """Host, port and repository, as in a cosign docker-reference."""
        return f"{self.registry}/{self.repository}"

    @property
    def target(self) -> str:
        """The digest or the tag; neither is refused, for `latest` is whatever somebody pushed."""
        target = self.digest or self.tag
        if target is None:
            raise SealError(
                SealRefusal.REFERENCE_INCOMPLETE,
                f"{self.location} names no tag and no digest, and none is implied",
            )
        return target

    @property
    def host(self) -> str:
        """The host without port and without the brackets of an IPv6 address."""
        return split_registry(self.registry)[0].strip("[]")

    @property
    def is_loopback(self) -> bool:
        """Whether the name says, without asking DNS, that the registry is on this machine."""
        return is_loopback_host(self.host)

    def _check_location(self) -> None:
        if len(self.location) > limits.NAME_CHARS:
            raise _invalid(f"host and repository exceed {limits.NAME_CHARS} characters")
        _check_registry(self.registry)
        if _REPOSITORY.fullmatch(self.repository) is None:
            raise _invalid("repository is not lower-case path components of the OCI grammar")


def check_tag(tag: str) -> None:
    """Raise `reference-invalid` unless `tag` obeys the grammar of the distribution spec."""
    if not is_tag(tag):
        raise _invalid(f"tag is not 1 to {limits.TAG_CHARS} of [a-zA-Z0-9_.-]")


def is_tag(text: object) -> bool:
    """Return whether `text` obeys the grammar of tags."""
    return (
        isinstance(text, str) and len(text) <= limits.TAG_CHARS and _TAG.fullmatch(text) is not None
    )


def check_digest(digest: str) -> None:
    """Raise `reference-invalid` unless `digest` is `sha256:` and 64 lower-case hex digits."""
    if _DIGEST.fullmatch(digest) is None:
        raise _invalid("digest is not 'sha256:' and 64 lower-case hex digits")


def is_digest(target: str) -> bool:
    """Return whether `target` is a digest; a tag can never look like one, it holds no colon."""
    return _DIGEST.fullmatch(target) is not None


def tag_of(digest: str, suffix: str = "") -> str:
    """Return the tag that stands for what belongs to a digest, by the spec and by cosign."""
    return digest.replace(":", "-") + suffix


def is_loopback_host(host: str) -> bool:
    """Return whether `host` is `localhost` or a loopback address; names are not resolved."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_this_machine(host: str) -> bool:
    """Return whether `host` leads to this machine, in any spelling that systems know of it.

    What is reached on its link alone counts too: there clouds tell machines their secrets.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    inner = getattr(address, "ipv4_mapped", None) or address
    near = inner.is_loopback or inner.is_unspecified or inner.is_link_local
    return near or address.is_loopback


def split_registry(registry: str) -> tuple[str, str | None]:
    """Return the host (IPv6 in its brackets) and the port of `HOST[:PORT]`, both unchecked."""
    if registry.startswith("["):
        address, bracket, rest = registry.partition("]")
        host = address + bracket
        return (host, rest[1:]) if rest.startswith(":") else (host + rest, None)
    host, colon, port = registry.partition(":")
    return host, port if colon else None


def _split_target(text: str) -> tuple[str, str | None, str | None]:
    """Split `LOCATION[:TAG|@DIGEST]`: a location holds neither ':' nor '@', so there is one way."""
    location, at, digest = text.partition("@")
    if at:
        return location, None, digest
    location, colon, tag = text.partition(":")
    return location, tag if colon else None, None


def check_authority(authority: str) -> None:
    """Raise `reference-invalid` unless `authority` is `HOST[:PORT]` in its one spelling."""
    host, port = split_registry(authority)
    if port is not None and (_PORT.fullmatch(port) is None or int(port) > 65535):
        raise _invalid("port is not a number from 1 to 65535")
    if host.startswith("["):
        _check_ipv6(host)
        return
    labels = host.split(".")
    if len(host) > limits.HOST_CHARS or not all(map(_LABEL.fullmatch, labels)):
        raise _invalid("host is not a lower-case DNS name or an address")
    # `127.1` and `0x7f.1` are addresses to some resolvers and names to others.
    if labels[-1].isdigit() or re.fullmatch(r"0x[0-9a-f]*", labels[-1]):
        _check_ipv4(host)


def _check_registry(registry: str) -> None:
    check_authority(registry)
    # `acme/scoring` would be docker.io/acme/scoring elsewhere: the host has to look like one.
    if registry != "localhost" and not {".", ":"} & set(registry):
        raise _invalid(f"'{registry}' is no registry host (no dot, no port): no host is implied")
    if split_registry(registry)[0] == "oci":
        raise _invalid("'oci:' is the prefix of a folder, not a host")


def _check_ipv4(host: str) -> None:
    try:
        ipaddress.IPv4Address(host)
    except ValueError as error:
        raise _invalid("host ends like an IPv4 address but is not a canonical one") from error


def _check_ipv6(host: str) -> None:
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError as error:
        raise _invalid("host in brackets is not an IPv6 address") from error
    if f"[{address.compressed}]" != host or address.scope_id is not None:
        raise _invalid(f"IPv6 host is not canonical, expected [{address.compressed}]")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _invalid(detail: str) -> SealError:
    return SealError(SealRefusal.REFERENCE_INVALID, detail)
