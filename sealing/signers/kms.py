"""Keys in key services, through the signers of securesystemslib: AWS KMS, and Vault's transit.

Who may sign is the service's business: its own client library finds the credentials where it
always does. Untested services (Google's, Azure's) are not offered.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sealing import limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.signers.checked import CheckedSigner
from sealing.signers.extras import need

AWS: Final = "awskms:"
VAULT: Final = "hv:"
_SIGNERS: Final = "securesystemslib.signer"
# A key id, an alias, or the Amazon resource name of either.
_AWS_KEY: Final = re.compile(
    r"(?:arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:)?"
    r"(?:alias/[A-Za-z0-9/_-]+|(?:key/)?(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))"
)
_AWS_ALGORITHM: Final = "ecdsa-sha2-nistp256"
_VAULT_KEY: Final = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})(?:/([1-9][0-9]{0,8}))?")
# What the signers raise for an answer of another shape than they expect.
_SHAPE: Final = (KeyError, IndexError, ValueError, TypeError, AttributeError)
# The signers log what they raise as well: not to a terminal where nobody asked for a log.
_QUIET: Final = logging.NullHandler()
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def _need(module: str, what: str) -> Any:
    logging.getLogger("securesystemslib").addHandler(_QUIET)
    return need(module, extra="kms", what=what)


def _uri(why: str) -> SealError:
    return SealError(SealRefusal.KEY_URI, why)


def _key_name(uri: str, scheme: str, form: re.Pattern[str], expected: str) -> re.Match[str]:
    if len(uri) > limits.KEY_URI_CHARS:
        raise SealError(SealRefusal.TOO_LARGE, f"key URI has {len(uri)} characters")
    found = form.fullmatch(uri.removeprefix(scheme))
    if found is None:
        raise _uri(f"{scheme} is not followed by {expected}")
    return found


@contextmanager
def _asking(service: str, *failures: type[Exception]) -> Iterator[None]:
    """Turn what a service's client raises into our error: its kind, and nothing it was given."""
    try:
        yield
    except failures as error:
        response = getattr(error, "response", None)
        code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
        detail = f"{service} did not answer as asked: {code or type(error).__name__}"
        raise SealError(SealRefusal.KEY_UNAVAILABLE, detail) from error


def _open_aws(uri: str) -> CheckedSigner:
    name = _key_name(uri, AWS, _AWS_KEY, "a key id, alias/NAME, or the ARN of one")[0]
    what = "a key in AWS KMS"
    signer, errors = _need(_SIGNERS, what).AWSSigner, _need("botocore.exceptions", what)
    library = _need("securesystemslib.exceptions", what)
    failures = (errors.BotoCoreError, errors.ClientError, KeyError)
    with _asking("AWS KMS", *failures):
        try:
            place, key = signer.import_(name, _AWS_ALGORITHM)
        except (library.UnsupportedAlgorithmError, ValueError) as error:
            raise SealError(SealRefusal.KEY_INVALID, "key in AWS KMS is not ECDSA P-256") from error
        # secp256k1 has the same algorithm name there; this refuses it.
        public = VerifyingKey.from_pem(key.keyval["public"].encode())
        remote = signer.from_priv_key_uri(place, key)
    return _checked(public, "AWS KMS", remote, failures)


def _require_guarded(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        detail = "VAULT_ADDR is not https: whoever is between would get the token"
        raise SealError(SealRefusal.PLAIN_HTTP_REFUSED, detail)


def _vault_key(answer: Any, wanted: str | None) -> tuple[int, bytes]:
    """Return the version and the public key from what Vault says of a key."""
    try:
        versions = answer["data"]["keys"]
        version = int(wanted) if wanted else max(int(number) for number in versions)
        if answer["data"]["type"] != "ed25519":
            raise SealError(SealRefusal.KEY_INVALID, "key in Vault is not of type ed25519")
        return version, base64.b64decode(versions[str(version)]["public_key"], validate=True)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        detail = "Vault does not show that key, or not that version of it"
        raise SealError(SealRefusal.KEY_NOT_FOUND, detail) from error


def _open_vault(uri: str) -> CheckedSigner:
    found = _key_name(uri, VAULT, _VAULT_KEY, "the NAME of a transit key, or NAME/VERSION")
    what = "a key in Vault"
    hvac, requests = _need("hvac", what), _need("requests", what)
    signers = _need(_SIGNERS, what)
    failures = (hvac.exceptions.VaultError, requests.RequestException, *_SHAPE)
    with _asking("Vault", *failures):
        client = hvac.Client()
        _require_guarded(client.url)
        version, raw = _vault_key(client.secrets.transit.read_key(found[1]), found[2])
        public = VerifyingKey.from_raw_ed25519(raw)
        key = signers.SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(raw))
        remote = signers.VaultSigner(found[1], key, version)
    return _checked(public, "Vault", remote, failures)


def _checked(
    public: VerifyingKey, service: str, remote: Any, failures: tuple[type[Exception], ...]
) -> CheckedSigner:
    def sign(data: bytes) -> bytes:
        with _asking(service, *failures):
            return bytes.fromhex(remote.sign(data).signature)

    return CheckedSigner(public, service, sign)


OPENERS: Final[dict[str, Callable[[str], CheckedSigner]]] = {AWS: _open_aws, VAULT: _open_vault}
