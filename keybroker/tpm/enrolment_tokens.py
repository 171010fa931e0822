"""What the broker remembers between the two calls of an enrolment: in a token, not in a table.

Made like challenges (keybroker.challenges): AES-256-GCM under a key per token that a challenge key
and a random salt give, under a purpose of its own. Format: docs/specs/attestation-keys.md.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keybroker.challenges import ChallengeKey
from keybroker.errors import BrokerCode, BrokerError

_PURPOSE: Final = b"sealwasm/attestation-key/v1\x00"
_SALT_BYTES: Final = 24
_TIME_BYTES: Final = 8
_DIGEST_BYTES: Final = 32
_FLAG_BYTES: Final = 1
_HEAD_BYTES: Final = _FLAG_BYTES + _TIME_BYTES + 2 * _DIGEST_BYTES
# The key of a token is used once.
_FIXED_NONCE: Final = bytes(12)


@dataclass(frozen=True, slots=True)
class PendingKey:
    """An attestation key that waits for the secret in its credential."""

    ak_public: bytes = field(repr=False)
    ek: bytes
    secret_digest: bytes = field(repr=False)
    simulated: bool
    expires: datetime


class EnrolmentTokens:
    """Makes tokens with the first key and opens those of all keys."""

    def __init__(self, keys: Sequence[ChallengeKey]) -> None:
        self._keys = tuple(keys)

    def seal(self, pending: PendingKey, *, entropy: Callable[[int], bytes]) -> str:
        """Return the token of a pending key; its time counts in whole seconds."""
        body = (
            bytes([pending.simulated])
            + int(pending.expires.timestamp()).to_bytes(_TIME_BYTES, "big")
            + pending.secret_digest
            + pending.ek
            + pending.ak_public
        )
        salt = entropy(_SALT_BYTES)
        sealed = _cipher(self._keys[0], salt).encrypt(_FIXED_NONCE, body, _PURPOSE)
        return base64.urlsafe_b64encode(salt + sealed).rstrip(b"=").decode("ascii")

    def open(self, token: str, *, now: datetime) -> PendingKey:
        """Return the pending key in a token.

        Raises `AK_ENROLMENT_REFUSED` (no key of ours made it, or not in this form) and
        `AK_ENROLMENT_EXPIRED`.
        """
        body = self._body(token)
        expires = int.from_bytes(body[_FLAG_BYTES : _FLAG_BYTES + _TIME_BYTES], "big")
        if now.timestamp() >= expires:
            raise BrokerError(BrokerCode.AK_ENROLMENT_EXPIRED, "credential was not opened in time")
        digests = body[_FLAG_BYTES + _TIME_BYTES : _HEAD_BYTES]
        return PendingKey(
            ak_public=body[_HEAD_BYTES:],
            ek=digests[_DIGEST_BYTES:],
            secret_digest=digests[:_DIGEST_BYTES],
            simulated=bool(body[0]),
            expires=datetime.fromtimestamp(expires, UTC),
        )

    def _body(self, token: str) -> bytes:
        raw = _decode(token)
        salt, sealed = raw[:_SALT_BYTES], raw[_SALT_BYTES:]
        for key in self._keys:
            try:
                return _cipher(key, salt).decrypt(_FIXED_NONCE, sealed, _PURPOSE)
            except InvalidTag:
                continue
        raise BrokerError(BrokerCode.AK_ENROLMENT_REFUSED, "token is not one of ours")


def _cipher(key: ChallengeKey, salt: bytes) -> AESGCM:
    return AESGCM(hmac.digest(key.secret, _PURPOSE + salt, "sha256"))


def _decode(token: str) -> bytes:
    """Return the bytes of canonical base64url without padding."""
    padded = token + "=" * (-len(token) % 4)
    try:
        raw = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BrokerError(BrokerCode.AK_ENROLMENT_REFUSED, "token is not base64url") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != token:
        raise BrokerError(BrokerCode.AK_ENROLMENT_REFUSED, "token is not canonical base64url")
    return raw
