"""Seal the key of a published artifact anew: for another broker, a lost one, or a new recipient.

The ciphertext stays as it is and is not even read; envelopes, manifest and signature are new.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from sealing.envelope import open_envelope
from sealing.errors import SealError, SealRefusal
from sealing.foreign_manifest import first_opened
from sealing.holders.recipients import Recipients
from sealing.hpke import OpeningKey
from sealing.jose.jwe import Jwe
from sealing.jose.keys import JwePrivateKey
from sealing.keys import Signer
from sealing.oci.blob import Blob
from sealing.ocicrypt import PrivateOptions
from sealing.seal import EncryptedModule, SealedModule, Terms, seal_encrypted
from sealing.unseal import VerifiedArtifact

OwnKey = OpeningKey | JwePrivateKey


def open_own(artifact: VerifiedArtifact, key: OwnKey) -> PrivateOptions:
    """Return the content key with the owner's recovery key or a JWE recipient's, or raise.

    Not with a broker's: that is for the broker to say. Raises `SealError`.
    """
    manifest = artifact.manifest
    if isinstance(key, JwePrivateKey):
        messages = [Jwe.parse(data) for data in manifest.outside.jwe]
        secret = first_opened([partial(message.open, key) for message in messages])
        options = PrivateOptions.parse(secret)
    else:
        ours = [each for each in manifest.envelopes if each.is_recovery]
        found = next((each for each in ours if each.key == key.public.key_id), None)
        if found is None:
            detail = f"none of {len(ours)} recovery envelopes is for key {key.public.key_id[:16]}"
            raise SealError(SealRefusal.ENVELOPE_NOT_OPENED, detail)
        options = open_envelope(found, key)
    if artifact.plaintext_digest not in (None, options.digest):
        detail = "content key is for another plaintext than the config names"
        raise SealError(SealRefusal.PLAINTEXT_MISMATCH, detail)
    return options


@dataclass(frozen=True, slots=True)
class Rewrapping:
    """A verified artifact, its config as it stands, its layer to store again, and its key."""

    artifact: VerifiedArtifact
    config: bytes = field(repr=False)
    layer: Blob = field(repr=False)
    options: PrivateOptions = field(repr=False)


def rewrap(
    old: Rewrapping,
    terms: Terms,
    recipients: Recipients,
    *,
    owner: Signer,
    now: datetime,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> SealedModule:
    """Return an artifact over the same config and layer for other recipients.

    Whoever had the content key still has it: this adds ways to it and takes none away from those
    who have the old manifest. Raises `SealError`.
    """
    encrypted = EncryptedModule(
        old.layer,
        old.artifact.manifest.public_options,
        old.options,
        old.config,
        old.artifact.statement.bill,
        old.artifact.manifest.shape,
    )
    return seal_encrypted(encrypted, terms, recipients, owner=owner, now=now, entropy=entropy)


def terms_of(artifact: VerifiedArtifact, *, version: int | None, policy: str | None) -> Terms:
    """Return the terms of an artifact, with another version or policy where one is given.

    Raises `SealError` for one that no reader takes.
    """
    said = artifact.statement
    return Terms(
        said.module,
        said.version if version is None else version,
        said.policy if policy is None else policy,
        said.capabilities,
    )
