"""The broker's own keys: made once, wrapped under the master key, held by the process in use."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from keybroker.challenges import KEY_BYTES, ChallengeKey
from keybroker.errors import BrokerCode, BrokerError
from keybroker.seals.protocol import KeyLabel, Seal
from keybroker.store.protocol import SealedKeyRow
from sealing.errors import SealError
from sealing.hpke import SUITES, OpeningKey
from sealing.keys import ED25519, P256, SigningKey


class Purpose(StrEnum):
    """What a broker key is for. Bound to the wrapped key, so no key serves another purpose."""

    IDENTITY = "identity"
    SEALING = "sealing"
    EAR = "ear"
    CHECKPOINT = "checkpoint"
    CHALLENGE = "challenge"
    ATTESTATION_CA = "attestation-ca"
    SIMULATED_ATTESTATION_CA = "simulated-attestation-ca"


_CHALLENGE_ALGORITHM = "aes256gcm"
_FIRST_VERSION = 1


@dataclass(frozen=True, slots=True)
class BrokerKeys:
    """Every private key a broker works with. Its repr shows public halves only."""

    identity: SigningKey
    sealing: tuple[OpeningKey, ...]
    ear: SigningKey
    checkpoint: SigningKey
    challenges: tuple[ChallengeKey, ...] = field(repr=False)
    attestation_ca: SigningKey
    simulated_attestation_ca: SigningKey

    @classmethod
    def create(
        cls, seal: Seal, *, now: datetime, entropy: Callable[[int], bytes] = secrets.token_bytes
    ) -> tuple[Self, tuple[SealedKeyRow, ...]]:
        """Return new keys, one sealing key per suite, and their wrapped rows for the store."""
        keys = cls(
            identity=SigningKey.generate(ED25519),
            sealing=tuple(OpeningKey.generate(suite) for suite in SUITES),
            ear=SigningKey.generate(P256),
            checkpoint=SigningKey.generate(ED25519),
            challenges=(ChallengeKey(entropy(KEY_BYTES)),),
            attestation_ca=SigningKey.generate(P256),
            simulated_attestation_ca=SigningKey.generate(P256),
        )
        return keys, tuple(_wrap(seal, now, entry) for entry in keys._entries())

    @classmethod
    def load(cls, seal: Seal, rows: Sequence[SealedKeyRow]) -> Self:
        """Return the keys in `rows`.

        Raises `NOT_INITIALISED` (no rows), `BROKER_KEYS_INCOMPLETE` (a purpose lacks its key, or
        one that takes a single key has more), `BROKER_KEY_REFUSED` (a row does not unwrap, or
        does not hold the key it says).
        """
        if not rows:
            raise BrokerError(BrokerCode.NOT_INITIALISED, "the store holds no broker keys")
        return cls(
            identity=_signing(seal, rows, Purpose.IDENTITY),
            sealing=tuple(_opening(seal, row) for row in _of(rows, Purpose.SEALING)),
            ear=_signing(seal, rows, Purpose.EAR),
            checkpoint=_signing(seal, rows, Purpose.CHECKPOINT),
            challenges=tuple(_challenge(seal, row) for row in _of(rows, Purpose.CHALLENGE)),
            attestation_ca=_signing(seal, rows, Purpose.ATTESTATION_CA),
            simulated_attestation_ca=_signing(seal, rows, Purpose.SIMULATED_ATTESTATION_CA),
        )

    def sealing_key(self, key_id: str) -> OpeningKey:
        """Return the key an envelope was sealed to, or raise `KEY_UNKNOWN`."""
        for key in self.sealing:
            if key.public.key_id == key_id:
                return key
        raise BrokerError(BrokerCode.KEY_UNKNOWN, f"no sealing key {key_id[:16]} here")

    def ear_private_key(self) -> ec.EllipticCurvePrivateKey:
        """Return the ES256 key in the form JWT libraries take."""
        key = serialization.load_pem_private_key(self.ear.to_pem(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise BrokerError(BrokerCode.BROKER_KEY_REFUSED, "the EAR key is not on P-256")
        return key

    def _entries(self) -> list[tuple[Purpose, str, str, bytes]]:
        """Return purpose, id, algorithm and secret bytes of every key."""
        signing = {
            Purpose.IDENTITY: self.identity,
            Purpose.EAR: self.ear,
            Purpose.CHECKPOINT: self.checkpoint,
            Purpose.ATTESTATION_CA: self.attestation_ca,
            Purpose.SIMULATED_ATTESTATION_CA: self.simulated_attestation_ca,
        }
        return [
            *((purpose, key.key_id, key.kind, key.to_pem()) for purpose, key in signing.items()),
            *((Purpose.SEALING, k.public.key_id, k.suite, k.to_bytes()) for k in self.sealing),
            *(
                (Purpose.CHALLENGE, key.key_id, _CHALLENGE_ALGORITHM, key.secret)
                for key in self.challenges
            ),
        ]


def _wrap(seal: Seal, now: datetime, entry: tuple[Purpose, str, str, bytes]) -> SealedKeyRow:
    purpose, key_id, algorithm, secret = entry
    wrapped = seal.wrap(secret, KeyLabel(purpose, key_id, _FIRST_VERSION, algorithm))
    return SealedKeyRow(purpose, key_id, _FIRST_VERSION, algorithm, now, wrapped)


def _unwrap(seal: Seal, row: SealedKeyRow) -> bytes:
    return seal.unwrap(row.sealed, KeyLabel(row.purpose, row.key_id, row.version, row.algorithm))


def _of(rows: Sequence[SealedKeyRow], purpose: Purpose) -> list[SealedKeyRow]:
    """Return the rows of one purpose, the newest version first; at least one."""
    found = [row for row in rows if row.purpose == purpose]
    if not found:
        raise BrokerError(BrokerCode.BROKER_KEYS_INCOMPLETE, f"there is no {purpose} key")
    return sorted(found, key=lambda row: -row.version)


def _signing(seal: Seal, rows: Sequence[SealedKeyRow], purpose: Purpose) -> SigningKey:
    found = _of(rows, purpose)
    if len(found) != 1:
        detail = f"there are {len(found)} {purpose} keys, expected one"
        raise BrokerError(BrokerCode.BROKER_KEYS_INCOMPLETE, detail)
    try:
        key = SigningKey.from_pem(_unwrap(seal, found[0]))
    except SealError as error:
        raise _mislabelled(found[0]) from error
    _require_label(found[0], key.key_id, key.kind)
    return key


def _opening(seal: Seal, row: SealedKeyRow) -> OpeningKey:
    try:
        key = OpeningKey.from_bytes(row.algorithm, _unwrap(seal, row))
    except SealError as error:
        raise _mislabelled(row) from error
    _require_label(row, key.public.key_id, key.suite)
    return key


def _challenge(seal: Seal, row: SealedKeyRow) -> ChallengeKey:
    key = ChallengeKey(_unwrap(seal, row))
    _require_label(row, key.key_id, _CHALLENGE_ALGORITHM)
    return key


def _require_label(row: SealedKeyRow, key_id: str, algorithm: str) -> None:
    if (row.key_id, row.algorithm) != (key_id, algorithm):
        raise _mislabelled(row)


def _mislabelled(row: SealedKeyRow) -> BrokerError:
    detail = f"row {row.key_id[:16]} does not hold the {row.purpose} key it says"
    return BrokerError(BrokerCode.BROKER_KEY_REFUSED, detail)
