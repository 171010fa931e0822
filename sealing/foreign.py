"""Artifacts that other tools encrypted (skopeo, podman, buildah): opened, and sealed anew.

What those tools write is forgeable by itself: anybody can encrypt to a public key, move a layer to
another config or relabel it. So nothing here is used before an owner has vouched for it: either by
a signature over the manifest (`unseal_foreign`), or by sealing it anew (`adopt`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from sealing import archive, canonical, limits
from sealing.bom import BillOfMaterials, bill_of_materials
from sealing.canonical import Buffer
from sealing.config import ModuleConfig
from sealing.errors import SealError, SealRefusal
from sealing.foreign_manifest import ForeignKey, ForeignManifest
from sealing.holders.recipients import Recipients
from sealing.keys import Signer, VerifyingKey
from sealing.oci.blob import Blob
from sealing.ocicrypt import PrivateOptions, decrypt_into
from sealing.seal import EncryptedModule, SealedModule, Terms, seal_encrypted
from sealing.secret import SecretBuffer
from sealing.shapes import COMPAT, PLUGIN_FILE, WASM, CompatConfig, diff_id
from sealing.signatures.sigstore import COSIGN_SIGN, verify_attestation
from sealing.unseal import UnsealedModule, require_blob


@dataclass(frozen=True, slots=True)
class OpenedForeign:
    """A foreign module in clear, in memory its holder wipes, and what sealing it anew takes."""

    unsealed: UnsealedModule
    options: PrivateOptions
    bill: BillOfMaterials
    # In our own form: theirs names the same digests in another.
    config: bytes


def open_foreign(
    manifest: ForeignManifest, config: bytes, layer: Buffer, key: ForeignKey
) -> OpenedForeign:
    """Return the module, or raise `SealError` and leave nothing of it. Proves no sender.

    Checked are all digests, the HMAC, and that the config names what was encrypted.
    """
    require_blob(config, digest=manifest.config_digest, size=manifest.config_size, what="config")
    named = _digest_in(config, manifest.config_type)
    require_blob(layer, digest=manifest.layer_digest, size=manifest.layer_size, what="layer")
    options = manifest.open(key)
    memory = SecretBuffer(manifest.layer_size)
    with ExitStack() as on_failure:
        on_failure.callback(memory.wipe)
        view = decrypt_into(layer, options, manifest.public_options, memory)
        if canonical.digest_of(view) != options.digest:
            raise SealError(SealRefusal.PLAINTEXT_MISMATCH, "plaintext does not have its digest")
        if manifest.shape is WASM:
            _require_named(named, options.digest)
            bill = bill_of_materials(view)
            on_failure.pop_all()
            own = ModuleConfig.of(bill, options.digest).to_bytes()
            return OpenedForeign(UnsealedModule(memory, view), options, bill, own)
        found = archive.unpack(view, name=PLUGIN_FILE)
        view.release()
    with ExitStack() as on_failure:
        on_failure.callback(found.memory.wipe)
        # A config of the CNCF names the layer, one of an image the tar in it.
        _require_named(named, found.tar_digest, options.digest)
        bill = bill_of_materials(found.file)
        on_failure.pop_all()
    own = CompatConfig(found.tar_digest).to_bytes()
    return OpenedForeign(UnsealedModule(found.memory, found.file), options, bill, own)


def unseal_foreign(
    manifest: bytes,
    config: bytes,
    layer: Buffer,
    key: ForeignKey,
    *,
    bundle: bytes,
    owners: Sequence[VerifyingKey],
) -> UnsealedModule:
    """Return the module of an artifact that another tool encrypted and one of `owners` signed.

    The signature is over the manifest's digest, as `cosign sign` makes it, and is checked first.
    Raises `SealError`.
    """
    found = ForeignManifest.parse(manifest)
    said = verify_attestation(bundle, manifest_digest=found.digest, keys=owners)
    if said.predicate_type != COSIGN_SIGN:
        raise SealError(SealRefusal.STATEMENT_TYPE, f"expected {COSIGN_SIGN}")
    return open_foreign(found, config, layer, key).unsealed


def adopt(
    manifest: ForeignManifest,
    config: bytes,
    layer: Buffer,
    key: ForeignKey,
    *,
    terms: Terms,
    recipients: Recipients,
    owner: Signer,
    now: datetime,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> SealedModule:
    """Return a sealed module over the very same ciphertext, signed by `owner`.

    The content key stays what it was: whoever could open the original still can. Raises
    `SealError`.
    """
    opened = open_foreign(manifest, config, layer, key)
    with opened.unsealed.memory:
        encrypted = EncryptedModule(
            Blob.of(layer),
            manifest.public_options,
            opened.options,
            opened.config,
            opened.bill,
            manifest.shape,
        )
        return seal_encrypted(encrypted, terms, recipients, owner=owner, now=now, entropy=entropy)


def _digest_in(config: bytes, kind: str) -> str:
    """Return the one digest that a config names; its other members are not looked at."""
    value = canonical.parse_json(config, limit_bytes=limits.CONFIG_BYTES, what="config")
    if not isinstance(value, dict):
        raise canonical.malformed("config", "not an object")
    if kind == COMPAT.config_type:
        return diff_id(value.get("rootfs"))
    digests = value.get("layerDigests")
    if not isinstance(digests, list) or len(digests) != 1:
        raise SealError(SealRefusal.LAYER_COUNT, "config does not list exactly one layer")
    return canonical.parse_digest(digests[0], what="layerDigests")


def _require_named(named: str, *expected: str) -> None:
    if named not in expected:
        detail = "content key is for another plaintext than the config names"
        raise SealError(SealRefusal.PLAINTEXT_MISMATCH, detail)
