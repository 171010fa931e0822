"""Stateless challenges: opaque tokens that only this broker makes, in date for a short time.

Nothing is stored until a challenge is answered, so asking for many costs an attacker more than us.
Whether a challenge was answered before is not checked here: the store's transaction decides that.
Format: docs/specs/release-protocol.md, challenges.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keybroker.errors import BrokerCode, BrokerError
from keybroker.limits import CHALLENGE_SECONDS, CHALLENGE_SKEW_SECONDS

KEY_BYTES = 32

_PURPOSE = b"sealwasm/challenge/v1\x00"
_NONCE_LABEL = b"sealwasm/nonce/v1\x00"
_KEY_ID_BYTES = 8
_SALT_BYTES = 24
_TIME_BYTES = 8
_RANDOM_BYTES = 16
_TAG_BYTES = 16
_TOKEN_BYTES = _KEY_ID_BYTES + _SALT_BYTES + _TIME_BYTES + _RANDOM_BYTES + _TAG_BYTES
_TOKEN_CHARS = _TOKEN_BYTES // 3 * 4
# Every token has a key of its own, derived from a random salt, so one fixed nonce is safe. With
# random nonces under one key, an endpoint that anybody may call would wear the key out.
_FIXED_NONCE = bytes(12)


@dataclass(frozen=True, slots=True)
class ChallengeKey:
    """The secret behind the tokens. Its id is derived from it and says nothing about it."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            detail = f"challenge key is {len(self.secret)} bytes, expected {KEY_BYTES}"
            raise BrokerError(BrokerCode.BROKER_KEY_REFUSED, detail)

    @property
    def key_id(self) -> str:
        """Which key made a token, in hex."""
        return self.prefix.hex()

    @property
    def prefix(self) -> bytes:
        """The first bytes of every token made with this key."""
        return self._derive(b"id\x00")[:_KEY_ID_BYTES]

    def cipher(self, salt: bytes) -> AESGCM:
        """Return the cipher for the one token with this salt."""
        return AESGCM(self._derive(b"key\x00" + salt))

    def _derive(self, what: bytes) -> bytes:
        return hmac.digest(self.secret, _PURPOSE + what, "sha256")


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge of ours: what evidence must carry, and until when it counts.

    `expires` is the first moment at which it no longer counts.
    """

    token: str
    nonce: bytes
    expires: datetime

    @property
    def nonce_hash(self) -> bytes:
        """What the store keeps of a challenge that was answered."""
        return hashlib.sha256(self.nonce).digest()


class Challenges:
    """Makes challenges with the first key and recognises those of all keys."""

    def __init__(
        self, keys: Sequence[ChallengeKey], *, lifetime_seconds: int = CHALLENGE_SECONDS
    ) -> None:
        if not keys:
            raise BrokerError(BrokerCode.BROKER_KEYS_INCOMPLETE, "there is no challenge key")
        self._keys = {key.prefix: key for key in keys}
        self._first, self._prefix = keys[0], keys[0].prefix
        self._lifetime = lifetime_seconds

    def issue(
        self, *, now: datetime, entropy: Callable[[int], bytes] = secrets.token_bytes
    ) -> Challenge:
        """Return a new challenge that counts from now on."""
        issued = int(now.timestamp())
        prefix, salt = self._prefix, entropy(_SALT_BYTES)
        body = issued.to_bytes(_TIME_BYTES, "big") + entropy(_RANDOM_BYTES)
        sealed = self._first.cipher(salt).encrypt(_FIXED_NONCE, body, _PURPOSE + prefix)
        return self._challenge(prefix + salt + sealed, issued)

    def open(self, token: str, *, now: datetime) -> Challenge:
        """Return the challenge in `token`, or raise.

        `CHALLENGE_MALFORMED`: not a token in its one canonical form. `CHALLENGE_NOT_OURS`: no key
        of ours made it. `CHALLENGE_EXPIRED` and `CHALLENGE_FROM_THE_FUTURE`: ours, out of date.
        """
        raw = _decode(token)
        salt_end = _KEY_ID_BYTES + _SALT_BYTES
        prefix, salt, sealed = raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:salt_end], raw[salt_end:]
        key = self._keys.get(prefix)
        if key is None:
            raise BrokerError(BrokerCode.CHALLENGE_NOT_OURS, "challenge names no key of ours")
        try:
            body = key.cipher(salt).decrypt(_FIXED_NONCE, sealed, _PURPOSE + prefix)
        except InvalidTag as error:
            detail = "challenge is not authentic"
            raise BrokerError(BrokerCode.CHALLENGE_NOT_OURS, detail) from error
        issued = int.from_bytes(body[:_TIME_BYTES], "big")
        self._require_in_date(issued, now.timestamp())
        return self._challenge(raw, issued)

    def _require_in_date(self, issued: int, now: float) -> None:
        if now >= issued + self._lifetime:
            detail = f"challenge expired {now - issued - self._lifetime:.0f} s ago"
            raise BrokerError(BrokerCode.CHALLENGE_EXPIRED, detail)
        if now < issued - CHALLENGE_SKEW_SECONDS:
            detail = (
                f"challenge is from {issued - now:.0f} s ahead, at most {CHALLENGE_SKEW_SECONDS}"
            )
            raise BrokerError(BrokerCode.CHALLENGE_FROM_THE_FUTURE, detail)

    def _challenge(self, raw: bytes, issued: int) -> Challenge:
        token = base64.urlsafe_b64encode(raw).decode("ascii")
        nonce = hashlib.sha256(_NONCE_LABEL + raw).digest()
        return Challenge(token, nonce, datetime.fromtimestamp(issued + self._lifetime, UTC))


def _decode(token: str) -> bytes:
    """Return the bytes of a token: exact length, canonical base64url that needs no padding."""
    if len(token) != _TOKEN_CHARS:
        detail = f"challenge is {len(token)} characters, expected {_TOKEN_CHARS}"
        raise BrokerError(BrokerCode.CHALLENGE_MALFORMED, detail)
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BrokerError(BrokerCode.CHALLENGE_MALFORMED, "challenge is not base64url") from error
    if base64.urlsafe_b64encode(raw).decode("ascii") != token:
        detail = "challenge is not in canonical base64url"
        raise BrokerError(BrokerCode.CHALLENGE_MALFORMED, detail)
    return raw
