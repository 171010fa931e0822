"""How the command line talks to registries, and as whom: one set of options for every command."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealwasm.failure import CliError, Kind

if TYPE_CHECKING:
    import ssl

    from sealing.oci.reference import LayoutReference, RegistryReference
    from sealing.oci.registry.credential_helper import CredentialHelpers
    from sealing.oci.registry.credentials import CredentialSource
    from sealing.oci.registry.realm import RealmRules
    from sealing.oci.registry.settings import Authenticator, BasicCredentials, RegistrySettings
    from sealing.oci.store import ArtifactStore


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """What the options `--registry-...` and `--unsafe-plain-http` said."""

    plain_http: bool = False
    auth: str | None = None
    ca: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    realms: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @contextmanager
    def open(
        self, reference: LayoutReference | RegistryReference, *, create: bool = False
    ) -> Iterator[ArtifactStore]:
        """Give the store of `reference`; with `create`, an absent folder becomes a layout."""
        from sealing.oci.connect import open_store
        from sealing.oci.reference import LayoutReference

        if isinstance(reference, LayoutReference):
            with open_store(reference, create=create) as store:
                yield store
            return
        settings = self.settings()
        authenticator = self.authenticator(settings)
        with open_store(reference, settings=settings, authenticator=authenticator) as store:
            yield store

    def settings(self) -> RegistrySettings:
        """Return how to connect: TLS, except on loopback or when told otherwise."""
        from sealing.oci.registry.settings import PlainHttp, RegistrySettings

        return RegistrySettings(
            plain_http=PlainHttp.UNSAFE_ALWAYS if self.plain_http else PlainHttp.LOOPBACK,
            tls=self._tls(),
        )

    def authenticator(self, settings: RegistrySettings) -> Authenticator:
        """Return who we are: the credentials of `--registry-auth`, or where others keep theirs."""
        from sealing.oci.registry.auth import RegistryAuthenticator

        return RegistryAuthenticator(settings, self._credentials(), self._realms())

    def _tls(self) -> ssl.SSLContext | None:
        from sealing.oci.registry.tls import ClientCertificate, registry_tls
        from sealwasm.files import read_file

        if (self.client_certificate is None) != (self.client_key is None):
            raise CliError(
                Kind.USAGE, "usage", "--registry-cert and --registry-key belong together"
            )
        client = None
        if self.client_certificate is not None and self.client_key is not None:
            _require_private(Path(self.client_key))
            client = ClientCertificate(Path(self.client_certificate), Path(self.client_key))
        if self.ca is None and client is None:
            return None
        return registry_tls(None if self.ca is None else read_file(self.ca), client=client)

    def _realms(self) -> RealmRules:
        from sealing.errors import SealError
        from sealing.oci.registry.realm import RealmRules, parse_realm_rule

        listed: dict[str, frozenset[str]] = {}
        for text in self.realms:
            try:
                registry, authority = parse_realm_rule(text)
            except SealError as error:
                raise CliError(
                    Kind.USAGE,
                    "usage",
                    f"'{text}' does not say which registry has which token server",
                    why=error.detail,
                    next_step="write --registry-realm REGISTRY=HOST, as in the refusal",
                ) from error
            listed[registry] = listed.get(registry, frozenset()) | {authority}
        return RealmRules(listed)

    def _credentials(self) -> CredentialSource:
        from sealing.oci.registry.credential_files import CredentialFile
        from sealing.oci.registry.credentials import FirstOf

        if not self.auth:
            ask = self._helpers().ask
            return FirstOf(
                [CredentialFile(path, ask, _warn_readable) for path in self._usual_places()]
            )
        # Somebody named it: that it cannot be read is said now and not when a registry asks.
        return self.require_readable(Path(self.auth))

    def require_readable(self, path: Path) -> CredentialSource:
        """Return the credentials in a file or folder that has to be there."""
        from sealing.oci.registry.credential_files import CredentialFile

        try:
            return CredentialFile(path, self._helpers().ask, _warn_readable).read()
        except FileNotFoundError as error:
            raise CliError(
                Kind.NOT_FOUND,
                "file-not-found",
                f"no credentials for registries in {path}",
                next_step=f"ls -la {path.parent}",
            ) from error

    def login_file(self) -> Path:
        """Return the file in which a login is kept: the first that is looked into."""
        places = [Path(self.auth)] if self.auth else self._usual_places()
        if not places:
            raise CliError(
                Kind.USAGE,
                "usage",
                "no folder of yours is known, so there is no place for a password",
                next_step="--registry-auth FILE, or set HOME",
            )
        path = places[0]
        return path / "config.json" if path.is_dir() else path

    def check_login(self, host: str, credentials: BasicCredentials) -> None:
        """Return if the registry `host` lets somebody with `credentials` in."""
        from sealing.oci.reference import RegistryReference
        from sealing.oci.registry.auth import RegistryAuthenticator
        from sealing.oci.registry.client import RegistryClient
        from sealing.oci.registry.credentials import Always

        # The ping is about no repository; one has to have a name all the same.
        reference = RegistryReference(registry=host, repository="login")
        settings = self.settings()
        login = RegistryAuthenticator(settings, Always(credentials), self._realms())
        with RegistryClient(reference, settings=settings, authenticator=login) as client:
            client.ping()

    def _usual_places(self) -> list[Path]:
        """Return where podman and docker keep credentials, in the order in which podman looks."""
        for variable in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG"):
            if named := self.environment.get(variable):
                return [Path(named)]
        home = self.environment.get("HOME")
        places = [
            (self.environment.get("XDG_RUNTIME_DIR"), "containers/auth.json"),
            (self.environment.get("XDG_CONFIG_HOME"), "containers/auth.json"),
            (home, ".config/containers/auth.json"),
            (home, ".docker/config.json"),
        ]
        # A relative one would be in the current folder, which is anybody's.
        return [Path(folder, name) for folder, name in places if folder and folder[0] == "/"]

    def _helpers(self) -> CredentialHelpers:
        import time

        from sealing.oci.registry.credential_helper import CredentialHelpers

        folders = [Path(folder) for folder in self.environment.get("PATH", "").split(os.pathsep)]
        return CredentialHelpers(folders, self.environment, time.monotonic)


def access_of(given: dict[str, Any], environment: Mapping[str, str]) -> RegistryAccess:
    """Take the options of registries out of `given`, and return what they say."""
    return RegistryAccess(
        plain_http=given.pop("plain_http"),
        auth=given.pop("registry_auth"),
        ca=given.pop("registry_ca"),
        client_certificate=given.pop("registry_cert"),
        client_key=given.pop("registry_key"),
        realms=given.pop("registry_realm"),
        environment=environment,
    )


@cache
def _warn_readable(path: Path) -> None:
    """Say it once, however many registries a command talks to."""
    import click

    click.echo(f"warning: others can read the credentials in {path}: chmod 600", err=True)


def _require_private(path: Path) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return  # Reading it says what is wrong.
    if mode & 0o077:
        raise CliError(
            Kind.USAGE,
            "key-file-readable",
            f"the private key {path} can be read by others (mode {mode:04o})",
            next_step=f"chmod 600 {path}",
        )
