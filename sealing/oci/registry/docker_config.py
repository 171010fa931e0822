"""Docker's `config.json`, containers-auth.json(5) and Kubernetes' `.dockerconfigjson`.

Steps in docs/specs/registry-access.md, section 4. What other tools keep in these files is theirs
and passed over; what names us or a program to run is read exactly or refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sealing.canonical import b64decode, malformed, parse_json, text
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.registry.credentials import Credential, IdentityToken, RegistryToken, names_of
from sealing.oci.registry.settings import BasicCredentials

# How docker calls its Hub, in files and to helpers.
_HUB_KEY: Final = "https://index.docker.io/v1/"
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# What docker's helpers are given, and give back, where the secret is no password.
_IDENTITY_USER: Final = "<token>"

# Asks the helper of a name about a server; None: it knows nothing.
AskHelper = Callable[[str, str], Credential | None]


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """The credentials of one file. A `CredentialSource`; helpers are programs, so `ask` has them.

    `entries` has every key of `auths` that says something, as it is written in the file.
    """

    entries: Mapping[str, Credential]
    helpers: Mapping[str, str]
    store: str | None
    ask: AskHelper = field(repr=False)

    def find(self, registry: str, repository: str) -> Credential | None:
        """See `CredentialSource`. The helper of a registry, the longest key, then the store."""
        for name in helper_keys(registry):
            if name in self.helpers:
                return self.ask(self.helpers[name], _server(registry))
        entry = self._entry(registry, repository)
        if entry is not None or self.store is None:
            return entry
        return self.ask(self.store, _server(registry))

    def _entry(self, registry: str, repository: str) -> Credential | None:
        for name in names_of(registry):
            for key in _keys(name, repository):
                if key in self.entries:
                    return self.entries[key]
        legacy = {key: one for key, one in self.entries.items() if is_legacy_key(key, registry)}
        if _HUB_KEY in legacy:
            return legacy[_HUB_KEY]
        found = list(legacy.values())
        if any(one != found[0] for one in found):
            raise _unusable(f"several keys of auths are for {registry}")
        return found[0] if found else None


def parse_docker_config(data: bytes, ask: AskHelper) -> DockerConfig:
    """Return what a file says about credentials, or raise `seal-credentials-unusable`."""
    try:
        value = parse_json(data, limit_bytes=limits.CREDENTIALS_BYTES, what="credentials")
        document = object_or_nothing(value, "credentials")
        auths = object_or_nothing(document.get("auths"), "auths")
        entries = {key: _entry(value) for key, value in auths.items()}
        helpers = object_or_nothing(document.get("credHelpers"), "credHelpers")
        return DockerConfig(
            {key: one for key, one in entries.items() if one is not None},
            {key: _helper_name(value) for key, value in helpers.items()},
            _helper_name(document["credsStore"]) if document.get("credsStore") else None,
            ask,
        )
    except SealError as error:
        raise _unusable(error.detail) from error


def parse_helper_answer(data: bytes) -> Credential:
    """Return what a credential helper said, or raise `seal-credentials-unusable`."""
    try:
        value = parse_json(data, limit_bytes=limits.HELPER_BYTES, what="helper's answer")
        document = object_or_nothing(value, "helper's answer")
        if not {"Username", "Secret"} <= set(document) <= {"ServerURL", "Username", "Secret"}:
            raise malformed("helper's answer", "not exactly a user name and a secret")
        user, secret = (text(document[name], name) for name in ("Username", "Secret"))
        if user == _IDENTITY_USER:
            return IdentityToken(secret)
        return BasicCredentials(user, secret)
    except SealError as error:
        raise _unusable(error.detail) from error


def _entry(value: Any) -> Credential | None:
    """Return the credential of one entry; docker leaves empty ones where a helper has it."""
    entry = object_or_nothing(value, "an entry of auths")
    members = ("auth", "username", "password", "identitytoken", "registrytoken")
    given = {name: text(entry[name], name) for name in members if entry.get(name)}
    # Beside a token stands the name that belongs to it, or none: no password to send.
    if "registrytoken" in given:
        return RegistryToken(given["registrytoken"])
    if "identitytoken" in given:
        return IdentityToken(given["identitytoken"])
    both = None
    if "auth" in given:
        user, colon, password = _text_of(given["auth"]).partition(":")
        if not colon:
            raise malformed("auth", "no colon between user name and password")
        both = BasicCredentials(user, password)
    if "username" not in given and "password" not in given:
        return both
    named = BasicCredentials(given.get("username", ""), given.get("password", ""))
    if both not in (None, named):
        raise malformed("an entry of auths", "auth is not its username and password")
    return named


def _text_of(encoded: str) -> str:
    try:
        return b64decode(encoded, what="auth").decode("utf-8")
    except UnicodeDecodeError as error:
        raise malformed("auth", "not UTF-8") from error


def object_or_nothing(value: Any, what: str) -> dict[str, Any]:
    """Return the members of an object; where other tools write nothing, there are none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise malformed(what, "not an object")
    return value


def _helper_name(value: Any) -> str:
    """Return the name of a helper: part of a program's name, never of a path."""
    name = text(value, "helper")
    if len(name) > limits.HELPER_NAME_CHARS or _HELPER.fullmatch(name) is None:
        raise malformed("helper", "not a plain name")
    return name


def _keys(registry: str, repository: str) -> Iterator[str]:
    """Give the keys of a repository in containers-auth.json(5), the longest first."""
    parts = repository.split("/")
    for count in range(len(parts), 0, -1):
        yield "/".join((registry, *parts[:count]))
    yield registry


def helper_keys(registry: str) -> tuple[str, ...]:
    """Return the keys under which a helper of `registry` may be named."""
    return (*names_of(registry), *_hub_key(registry))


def is_legacy_key(key: str, registry: str) -> bool:
    """Return whether a key of `auths` is a URL of `registry`."""
    return _legacy_host(key) in names_of(registry)


def _legacy_host(key: str) -> str | None:
    """Return the host of a key that is a URL, as docker wrote them when registries had versions."""
    scheme, separator, rest = key.partition("://")
    if not separator or scheme != "https":
        return None
    return rest.partition("/")[0]


def _hub_key(registry: str) -> tuple[str, ...]:
    return (_HUB_KEY,) if _server(registry) == _HUB_KEY else ()


def _server(registry: str) -> str:
    """Return what helpers call `registry`."""
    return _HUB_KEY if len(names_of(registry)) > 1 else registry


def _unusable(why: str) -> SealError:
    return SealError(SealRefusal.CREDENTIALS_UNUSABLE, why)
