"""Where a registry may send us for a token, and who may be told a password there.

Steps in docs/specs/registry-access.md, section 3. A realm is a registry's word; these rules are
what a registry under attack cannot talk its way around.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sealing.errors import SealError, SealRefusal
from sealing.oci.reference import check_authority, is_loopback_host, is_this_machine, split_registry
from sealing.oci.registry.credentials import DOCKER_HUB

# Registries whose token server is known to have another name. Both ends are named: a list of token
# servers alone would let any registry ask there with what we have for it.
WELL_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(DOCKER_HUB, frozenset({"auth.docker.io"})),
    "registry.gitlab.com": frozenset({"gitlab.com"}),
}


@dataclass(frozen=True, slots=True)
class Realm:
    """A token server as a registry named it: `https` or not, and its host as in a reference."""

    secure: bool
    authority: str

    @property
    def host(self) -> str:
        """The host without port and without the brackets of an IPv6 address."""
        return _host(self.authority)


@dataclass(frozen=True, slots=True)
class RealmRules:
    """Which token servers may be told the credentials of which registry, beside itself."""

    listed: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def elsewhere(self, registry: str) -> frozenset[str]:
        """Return the token servers, `HOST[:PORT]`, that somebody named for `registry`."""
        return WELL_KNOWN.get(registry, frozenset()) | self.listed.get(registry, frozenset())

    def require_askable(self, realm: Realm, registry: str) -> None:
        """Raise `seal-realm-refused` if not even an anonymous token may be asked for there."""
        ours = _host(registry)
        if not realm.secure and not (is_loopback_host(realm.host) and is_loopback_host(ours)):
            raise _refused(f"{registry} names a token server without TLS: {realm.authority}")
        if realm.host == ours or realm.authority in self.elsewhere(registry):
            return
        # The name of a host is checked by TLS; an address may be any machine near us.
        if is_this_machine(realm.host) or _is_address(realm.host):
            raise _refused(f"{registry} names a token server inside: {realm.authority}")

    def may_have_credentials(self, realm: Realm, registry: str) -> bool:
        """Return whether the credentials of `registry` may be told to `realm`.

        Where the token server is known, the registry itself has no use for them.
        """
        if known := self.elsewhere(registry):
            return realm.authority in known
        return realm.host == _host(registry)


def parse_realm_rule(text: str) -> tuple[str, str]:
    """Return the two sides of `REGISTRY=HOST[:PORT]`, or raise `seal-reference-invalid`."""
    registry, _, authority = text.partition("=")
    check_authority(registry)
    check_authority(authority)
    return registry, authority


def _host(authority: str) -> str:
    return split_registry(authority)[0].strip("[]")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _refused(detail: str) -> SealError:
    return SealError(SealRefusal.REALM_REFUSED, detail)
