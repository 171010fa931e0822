"""Seal one module: the owner's side, from plaintext to a signed artifact."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sealing import names
from sealing.bom import bill_of_materials
from sealing.canonical import Buffer, digest_of
from sealing.envelope import EnvelopeContext
from sealing.keys import Signer
from sealing.manifest import SealedManifest, write_manifest
from sealing.module_source import ModuleSource, source_of
from sealing.oci.blob import Blob
from sealing.ocicrypt import encrypt_layer
from sealing.recipients import Recipients
from sealing.shapes import WASM, Shape, packed
from sealing.statement import SealedModuleStatement, digest_capabilities, sign_statement


@dataclass(frozen=True, slots=True)
class SealedModule:
    """Everything that is published. None of it is secret, but `layer` reads the module again."""

    manifest: bytes = field(repr=False)
    config: bytes = field(repr=False)
    layer: Blob = field(repr=False)
    bundle: bytes = field(repr=False)
    manifest_digest: str
    statement: SealedModuleStatement


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
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> SealedModule:
    """Return the artifact whose module only `recipients` can release.

    Whether the capability document is a valid policy is not checked: `policies` does that. The
    suite is that of each key. Raises `SealError`, and `ValueError` for a naive `now`.
    """
    # (1) Names and the policy, before any work.
    labels = _Labels(
        names.parse_name(name, "module name"),
        names.parse_version(version, "module version"),
        names.parse_name(policy_name, "policy name"),
        digest_capabilities(capabilities),
        owner.key_id,
    )

    # (2) What the module is made of, said in clear.
    source = source_of(module)
    bill = bill_of_materials(source)

    # (3) Ciphertext under a fresh key, and the key for each recipient, bound to all it is for.
    config, layer, manifest = _encrypt(source, shape, labels, recipients, entropy)

    # (4) The owner signs manifest, capabilities and bill together.
    statement = SealedModuleStatement.about(
        manifest, capabilities=capabilities, bill=bill, created=now
    )
    bundle = sign_statement(statement, owner)
    return SealedModule(manifest.raw, config, layer, bundle, manifest.digest, statement)


@dataclass(frozen=True, slots=True)
class _Labels:
    name: str
    version: int
    policy_name: str
    capabilities_digest: str
    owner: str


def _encrypt(
    module: ModuleSource,
    shape: Shape,
    labels: _Labels,
    recipients: Recipients,
    entropy: Callable[[int], bytes],
) -> tuple[bytes, Blob, SealedManifest]:
    plaintext, described = packed(shape, module)
    layer, public, private = encrypt_layer(plaintext, entropy=entropy)
    config = described.to_bytes()
    context = EnvelopeContext(
        module=labels.name,
        version=labels.version,
        owner=labels.owner,
        policy=labels.policy_name,
        capabilities=labels.capabilities_digest,
        config=digest_of(config),
        layer=layer.digest,
    )
    manifest = write_manifest(
        config=config,
        layer_digest=context.layer,
        layer_size=layer.size,
        public_options=public,
        envelopes=recipients.seal(private, context, entropy=entropy),
        outside=recipients.outside.seal(private.to_json(), entropy=entropy),
        shape=shape,
    )
    return config, layer, manifest
