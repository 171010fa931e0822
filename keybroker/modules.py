"""Whose module is it, and what is its content key? The owner's signature, then the envelope."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from attestation.cache import BoundedCache
from keybroker.errors import BrokerCode, BrokerError
from keybroker.keys import BrokerKeys
from keybroker.limits import CACHED_MODULE_BYTES, CACHED_MODULES, CACHED_OWNERS
from keybroker.store.protocol import OwnerRow
from sealing.envelope import Envelope, ShareHeader, open_envelope, open_secret
from sealing.errors import SealError, SealRefusal
from sealing.holders.shamir import open_share
from sealing.keys import VerifyingKey
from sealing.manifest import SealedManifest
from sealing.signatures.statement import SealedModuleStatement, unverified_key_hint, verify_bundle

FindOwner = Callable[[str], OwnerRow | None]


@dataclass(frozen=True, slots=True)
class OwnedModule:
    """An enrolled owner signed exactly this manifest. Only `verify_module` makes one."""

    manifest: SealedManifest
    statement: SealedModuleStatement


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """What a broker can release of a content key: all of it or, with `share`, that share."""

    secret: bytes = field(repr=False)
    share: ShareHeader | None = None


class Modules:
    """Verifies modules of enrolled owners, and remembers which ones it has verified.

    What a signature says never changes, so a fleet that starts one module has it read once. Whether
    its owner is enrolled is asked every time. Safe to call from many threads.
    """

    def __init__(self, find_owner: FindOwner) -> None:
        self._find_owner = find_owner
        self._verified: BoundedCache[OwnedModule] = BoundedCache(CACHED_MODULES)

    def verify(self, manifest: bytes, signatures: Sequence[bytes]) -> OwnedModule:
        """Return the module that an enrolled owner sealed, or raise as `verify_module` does."""
        signature = _only(signatures)
        key = hashlib.sha256(manifest).digest() + hashlib.sha256(signature).digest()
        known = self._verified.get(key)
        if known is not None:
            require_owner(known.statement.owner, self._find_owner)
            return known
        module = verify_module(manifest, signature, find_owner=self._find_owner)
        if len(manifest) + len(signature) <= CACHED_MODULE_BYTES:
            self._verified.put(key, module)
        return module


def verify_module(manifest: bytes, signature: bytes, *, find_owner: FindOwner) -> OwnedModule:
    """Return the module that an enrolled owner sealed, or raise.

    Opens no envelope, and does not ask which broker it is for. Raises `SealError`, and
    `BrokerError` with `OWNER_UNKNOWN`.
    """
    # The strict profile of the manifest, before anything is believed.
    found = SealedManifest.parse(manifest)

    # The signature says whom to look up; only the key that was enrolled says whether it is good.
    owner = require_owner(unverified_key_hint(signature), find_owner)
    statement = verify_bundle(signature, manifest_digest=found.digest, keys=[owner])

    # Every field of the manifest and of every envelope's context is the one the owner signed.
    statement.require_manifest(found)
    return OwnedModule(found, statement)


def _only(signatures: Sequence[bytes]) -> bytes:
    """Return the one signature. A second would be a part of the request that nothing binds."""
    if len(signatures) != 1:
        detail = f"{len(signatures)} signatures, expected the owner's and no other"
        raise SealError(SealRefusal.SIGNATURE_REPEATED, detail)
    return signatures[0]


def require_owner(key_id: str, find_owner: FindOwner) -> VerifyingKey:
    """Return the enrolled key with this id, or raise `BrokerError`.

    `OWNER_UNKNOWN`, or `OWNER_REVOKED` for a key that was taken back.
    """
    row = find_owner(key_id)
    if row is None:
        raise BrokerError(BrokerCode.OWNER_UNKNOWN, f"no owner with key {key_id} is enrolled")
    if row.revoked:
        raise BrokerError(BrokerCode.OWNER_REVOKED, f"key {key_id} was revoked")
    return _parsed(row.spki)


@lru_cache(maxsize=CACHED_OWNERS)
def _parsed(spki: bytes) -> VerifyingKey:
    return VerifyingKey.from_spki(spki)


def open_content_key(module: OwnedModule, keys: BrokerKeys) -> KeyMaterial:
    """Return the content key, or the share of it, that the owner sealed for this broker, or raise.

    The context of the envelope is the owner's already: `verify_module` compared it, and HPKE opens
    under no other. Raises `SealError`, and `BrokerError` with `ENVELOPE_FOR_ANOTHER_BROKER` or
    `KEY_UNKNOWN`.
    """
    ours = [each for each in module.manifest.envelopes if each.broker == keys.identity.key_id]
    if not ours:
        detail = f"module is sealed for {len(module.statement.brokers)} other brokers"
        raise BrokerError(BrokerCode.ENVELOPE_FOR_ANOTHER_BROKER, detail)
    envelope = _openable(ours, keys)
    key = keys.sealing_key(envelope.key)
    if envelope.share is None:
        return KeyMaterial(open_envelope(envelope, key).to_json())
    share = open_share(open_secret(envelope, key), envelope.share)
    return KeyMaterial(share.to_bytes(), envelope.share)


def _openable(envelopes: Sequence[Envelope], keys: BrokerKeys) -> Envelope:
    """Return the first envelope to a key we hold, or just the first: asking for its key raises."""
    held = {key.public.key_id for key in keys.sealing}
    return next((each for each in envelopes if each.key in held), envelopes[0])
