"""The `Authenticator` for every registry: Basic, and tokens with or without credentials.

Steps in docs/specs/registry-access.md, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.reference import check_authority
from sealing.oci.registry.challenge import Challenge, parse_challenges
from sealing.oci.registry.credentials import CredentialSource, NoCredentials, RegistryToken
from sealing.oci.registry.pace import Patience
from sealing.oci.registry.realm import Realm, RealmRules
from sealing.oci.registry.settings import Authorization, BasicCredentials, RegistrySettings
from sealing.oci.registry.token import TokenRequest, fetch_token


@dataclass(frozen=True, slots=True)
class RegistryAuthenticator:
    """An `Authenticator` that asks token servers. Without credentials it asks as anybody."""

    settings: RegistrySettings
    credentials: CredentialSource = field(default_factory=NoCredentials, repr=False)
    realms: RealmRules = field(default_factory=RealmRules)
    # With all token servers together: a registry says which, and how often.
    patience: Patience = field(default_factory=Patience, repr=False, compare=False)

    def answer(
        self, challenges: Sequence[str], *, registry: str, repository: str, scope: str
    ) -> Authorization | None:
        """See `Authenticator`. Keeps nothing: a second call is a second token."""
        asked = {challenge.scheme: challenge for challenge in parse_challenges(challenges)}
        # (1) A token says less about us than a password: where both will do, no password is sent.
        if "bearer" in asked:
            return self._bearer(asked["bearer"], registry, repository, scope)
        if "basic" not in asked:
            return None
        # (2) A registry that is known to have a token server elsewhere has no use for a password.
        if self.realms.elsewhere(registry):
            raise _realm_refused(f"{registry} asks for a password instead of naming its server")
        credential = self.credentials.find(registry, repository)
        return credential.authorization if isinstance(credential, BasicCredentials) else None

    def _bearer(
        self, challenge: Challenge, registry: str, repository: str, scope: str
    ) -> Authorization | None:
        # (3) Whom the registry names, before anything is looked up or connected to.
        url = realm_url(challenge)
        realm = Realm(url.scheme == "https", url.netloc.decode("ascii"))
        self.realms.require_askable(realm, registry)
        # (4) A token of ours is for the registry, and asks nobody.
        credential = self.credentials.find(registry, repository)
        if isinstance(credential, RegistryToken):
            return Authorization(f"Bearer {credential.token}")
        # (5) Credentials go to the registry's own host, or where somebody but it has said.
        if credential is not None and not self.realms.may_have_credentials(realm, registry):
            raise _realm_refused(
                f"{registry} names {realm.authority} to be told its credentials; if that is right: "
                f"{registry}={realm.authority}"
            )
        request = TokenRequest(
            url, challenge.parameters.get("service"), _scopes(challenge, scope), credential
        )
        return fetch_token(request, self.settings, self.patience)


def realm_url(challenge: Challenge) -> httpx.URL:
    """Return the URL of a token server, or raise `seal-registry-malformed`."""
    text = challenge.parameters.get("realm", "")
    bad = SealError(SealRefusal.REGISTRY_MALFORMED, "WWW-Authenticate: realm is not a URL")
    if not 0 < len(text) <= limits.LOCATION_CHARS:
        raise bad
    try:
        url = httpx.URL(text)
        check_authority(url.netloc.decode("ascii"))
        _ = url.host
    except (httpx.InvalidURL, SealError, ValueError) as error:
        raise bad from error
    if url.scheme not in ("http", "https") or url.userinfo or url.fragment:
        raise bad
    return url


def _scopes(challenge: Challenge, scope: str) -> list[str]:
    """Return what is asked for: what we need, whatever the registry would like us to have.

    Words of another form are the registry's own (`aws`), without which some give no token.
    """
    own = [word for word in challenge.parameters.get("scope", "").split(" ") if ":" not in word]
    return [word for word in (*scope.split(" "), *own) if word]


def _realm_refused(detail: str) -> SealError:
    return SealError(SealRefusal.REALM_REFUSED, detail)
