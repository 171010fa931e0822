"""Adding a login to a file of docker's or podman's, and taking it out, with the rest kept."""

from __future__ import annotations

import json
from typing import Any

from sealing.canonical import b64encode, parse_json
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.registry.credentials import DOCKER_HUB, names_of
from sealing.oci.registry.docker_config import helper_keys, is_legacy_key, object_or_nothing
from sealing.oci.registry.settings import BasicCredentials


def with_login(data: bytes, registry: str, credentials: BasicCredentials) -> bytes:
    """Return the file `data` (empty: a new one) with credentials for a whole registry.

    Raises `seal-credentials-unusable` where a helper keeps them: they would be in two places.
    """
    document, auths = _parse(data)
    helpers = document.get("credHelpers") or {}
    if document.get("credsStore") or any(key in helpers for key in helper_keys(registry)):
        raise _unusable(f"credentials of {registry} are kept by a helper there")
    both = f"{credentials.username}:{credentials.password}".encode()
    auths[_key(registry)] = {"auth": b64encode(both)}
    return _text(document)


def without_login(data: bytes, registry: str) -> bytes | None:
    """Return the file `data` without the credentials of a registry, or None if it has none."""
    document, auths = _parse(data)
    # Under every key that is looked up: one that stayed would still be sent.
    names = names_of(registry)
    found = [key for key in auths if key in names or is_legacy_key(key, registry)]
    if not found:
        return None
    for name in found:
        del auths[name]
    return _text(document)


def _parse(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a whole file and its `auths`, which may be changed in place."""
    try:
        value = parse_json(data or b"{}", limit_bytes=limits.CREDENTIALS_BYTES, what="credentials")
        document = object_or_nothing(value, "credentials")
        object_or_nothing(document.get("credHelpers"), "credHelpers")
        document["auths"] = object_or_nothing(document.get("auths"), "auths")
    except SealError as error:
        raise _unusable(error.detail) from error
    return document, document["auths"]


def _key(registry: str) -> str:
    """Return the key under which every tool looks: Docker Hub has more names than one."""
    return DOCKER_HUB[0] if registry in DOCKER_HUB else registry


def _text(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent="\t").encode("ascii") + b"\n"


def _unusable(why: str) -> SealError:
    return SealError(SealRefusal.CREDENTIALS_UNUSABLE, why)
