"""TLS to registries whose certificates are not from the usual public authorities."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from sealing.errors import SealError, SealRefusal


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate with its chain, and its key in clear, both PEM."""

    certificate: Path
    key: Path = field(repr=False)


def registry_tls(
    authorities: bytes | None = None,
    *,
    public_too: bool = False,
    client: ClientCertificate | None = None,
) -> ssl.SSLContext:
    """Return TLS that trusts the PEM `authorities`; names are checked, TLS 1.2 is the least.

    Without `authorities` the public ones are trusted, beside them only with `public_too`. Raises
    `SealError` (`seal-credentials-unusable`) for files that hold something else.
    """
    if authorities is None or public_too:
        context = httpx.create_ssl_context(trust_env=False)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authorities is not None:
        _trust(context, authorities)
    if client is not None:
        _present(context, client)
    return context


def _trust(context: ssl.SSLContext, authorities: bytes) -> None:
    before = context.cert_store_stats()["x509_ca"]
    try:
        context.load_verify_locations(cadata=authorities.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise _unusable("not certificates in PEM form") from error
    # A certificate of a server is loaded without a word and trusted for nothing but itself.
    if context.cert_store_stats()["x509_ca"] == before:
        raise _unusable("no certificate of an authority is among the given")


def _present(context: ssl.SSLContext, client: ClientCertificate) -> None:
    try:
        # The empty passphrase keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(client.certificate, client.key, password="")
    except OSError as error:
        raise _unusable(
            f"{client.certificate} and its key are no certificate and key in PEM form"
        ) from error


def _unusable(why: str) -> SealError:
    return SealError(SealRefusal.CREDENTIALS_UNUSABLE, why)
