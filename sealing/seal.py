"""Seal one module: the owner's side, from plaintext to a signed artifact."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sealing import names
from sealing.bill import AnyBill, bill_of
from sealing.canonical import Buffer, digest_of
from sealing.config import ModuleConfig, os_of
from sealing.envelope import EnvelopeContext
from sealing.hidden_bill import HiddenBill
from sealing.holders.disclosure import Bill, require_hidable
from sealing.holders.recipients import Recipients
from sealing.keys import Signer
from sealing.manifest import SealedManifest, write_manifest
from sealing.module_source import ModuleSource, fixed_source_of
from sealing.oci.blob import Blob
from sealing.ocicrypt import PrivateOptions, PublicOptions, encrypt_layer
from sealing.shapes import WASM, Shape, packed
from sealing.signatures.statement import SealedModuleStatement, digest_capabilities, sign_statement


@dataclass(frozen=True, slots=True)
class SealedModule:
    """Everything that is published. None of it is secret, but `layer` reads the module again."""

    manifest: bytes = field(repr=False)
    config: bytes = field(repr=False)
    layer: Blob = field(repr=False)
    bundle: bytes = field(repr=False)
    manifest_digest: str
    statement: SealedModuleStatement


@dataclass(frozen=True, slots=True)
class Terms:
    """What an owner says of a module: names, version and policies. Refuses what no reader takes."""

    name: str
    version: int
    policy_name: str
    capabilities: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        """Check every name. Raises `SealError`."""
        names.parse_name(self.name, "module name")
        names.parse_version(self.version, "module version")
        names.parse_name(self.policy_name, "policy name")


@dataclass(frozen=True, slots=True)
class EncryptedModule:
    """A module that is ciphertext already, with the key to it, which is secret."""

    layer: Blob = field(repr=False)
    public: PublicOptions = field(repr=False)
    private: PrivateOptions = field(repr=False)
    config: bytes = field(repr=False)
    bill: Bill = field(repr=False)
    shape: Shape = WASM


def seal(
    module: Buffer | ModuleSource,
    *,
    name: str,
    version: int,
    policy_name: str,
    capabilities: Mapping[str, Any],
    recipients: Recipients,
    owner: Signer,
    now: datetime,
    shape: Shape = WASM,
    hide_details: bool = False,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> SealedModule:
    """Return the artifact whose module only `recipients` can release.

    With `hide_details` only they learn its digest and bill of materials as well. Whether the
    capability document is a valid policy is not checked: `policies` does that. The suite is that
    of each key. Raises `SealError`, and `ValueError` for a naive `now`.
    """
    # (1) Names and the policy, before any work.
    terms = Terms(name, version, policy_name, capabilities)
    digest_capabilities(capabilities)
    require_hidable(shape, hide_details=hide_details)

    # (2) What the module is made of, and its ciphertext under a fresh key.
    source = fixed_source_of(module)
    bill = bill_of(source)
    plaintext, config = packed(shape, source, bill)
    layer, public, private = encrypt_layer(plaintext, entropy=entropy)
    encrypted = EncryptedModule(layer, public, private, config.to_bytes(), bill, shape)
    if hide_details:
        encrypted = _hidden(encrypted, bill)

    # (3) The key for each recipient, bound to all it is for, and the owner's signature.
    return seal_encrypted(encrypted, terms, recipients, owner=owner, now=now, entropy=entropy)


def _hidden(encrypted: EncryptedModule, bill: AnyBill) -> EncryptedModule:
    """Return the same ciphertext, with nothing beside it that tells what the module is."""
    config = ModuleConfig.hiding(encrypted.layer.digest, os_of(bill))
    commitment = HiddenBill.of(bill, encrypted.private.symkey)
    return replace(encrypted, config=config.to_bytes(), bill=commitment)


def seal_encrypted(
    encrypted: EncryptedModule,
    terms: Terms,
    recipients: Recipients,
    *,
    owner: Signer,
    now: datetime,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> SealedModule:
    """Return an artifact over ciphertext that is there: new envelopes, new manifest and signature.

    That key, ciphertext and bill of materials belong together is for the caller to have checked.
    Raises `SealError`.
    """
    context = EnvelopeContext(
        module=terms.name,
        version=terms.version,
        owner=owner.key_id,
        policy=terms.policy_name,
        capabilities=digest_capabilities(terms.capabilities),
        config=digest_of(encrypted.config),
        layer=encrypted.layer.digest,
    )
    manifest = write_manifest(
        config=encrypted.config,
        layer_digest=encrypted.layer.digest,
        layer_size=encrypted.layer.size,
        public_options=encrypted.public,
        envelopes=recipients.seal(encrypted.private, context, entropy=entropy),
        outside=recipients.outside.seal(encrypted.private.to_json(), entropy=entropy),
        shape=encrypted.shape,
    )
    return _signed(manifest, encrypted, terms, owner, now)


def _signed(
    manifest: SealedManifest,
    encrypted: EncryptedModule,
    terms: Terms,
    owner: Signer,
    now: datetime,
) -> SealedModule:
    statement = SealedModuleStatement.about(
        manifest, capabilities=terms.capabilities, bill=encrypted.bill, created=now
    )
    bundle = sign_statement(statement, owner)
    return SealedModule(
        manifest.raw, encrypted.config, encrypted.layer, bundle, manifest.digest, statement
    )
