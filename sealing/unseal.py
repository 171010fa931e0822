"""Verify a sealed artifact with no secret at all, then open it with the released content key."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from sealing import archive, canonical, limits
from sealing.bill import bill_of, require_module
from sealing.canonical import Buffer
from sealing.errors import SealError, SealRefusal
from sealing.hidden_bill import HiddenBill
from sealing.holders.disclosure import require_bill, require_disclosed_alike, require_kind
from sealing.keys import VerifyingKey
from sealing.manifest import SealedManifest
from sealing.ocicrypt import PrivateOptions, decrypt_into
from sealing.secret import SecretBuffer
from sealing.shapes import PLUGIN_FILE, AnyConfig, CompatConfig, parse_config
from sealing.signatures.counting import require_signatures
from sealing.signatures.statement import SealedModuleStatement


@dataclass(frozen=True, slots=True)
class VerifiedArtifact:
    """Profile, config and owner signature were all checked. Only `verify_artifact` makes one."""

    manifest: SealedManifest
    config: AnyConfig
    statement: SealedModuleStatement
    owner: VerifyingKey
    # The owner's bundle: what a broker is shown.
    bundle: bytes = field(repr=False)
    # Every trusted key that signed this very statement, the owner first, and their bundles.
    signers: tuple[VerifyingKey, ...]
    bundles: tuple[bytes, ...] = field(repr=False)

    @property
    def plaintext_digest(self) -> str | None:
        """The digest of the module in clear, where the artifact tells it."""
        if isinstance(self.config, CompatConfig) or isinstance(self.statement.bill, HiddenBill):
            return None
        return self.config.listed_digest


def verify_artifact(
    manifest: bytes,
    config: bytes,
    bundles: Sequence[bytes],
    *,
    owners: Sequence[VerifyingKey],
    threshold: int = 1,
) -> VerifiedArtifact:
    """Return the artifact that `threshold` of `owners` signed, or raise `SealError`.

    Needs no key of anybody. Bundles by strangers, of whatever form and whosever key they claim, are
    passed over, as a registry may add any, and so is what an owner signed about something else; two
    different statements about this one by trusted keys are refused, as it would not be clear which
    holds. The layer is checked by `unseal`. Raises `ValueError` for a threshold below 1, a mistake
    of the caller.
    """
    # (1) The strict profile of the manifest, and the config it names.
    found = SealedManifest.parse(manifest)
    require_blob(config, digest=found.config_digest, size=found.config_size, what="config")
    module_config = parse_config(found.shape, config)

    # (2) Enough of the trusted keys, its owner's among them, over exactly this manifest.
    signed = require_signatures(bundles, owners, manifest=found.digest, threshold=threshold)
    statement = SealedModuleStatement.parse(signed.payload)
    owner = signed.require_owner(statement.owner)

    # (3) Every field is the one the owner signed, and the config tells no more than the statement.
    statement.require_manifest(found)
    require_disclosed_alike(statement.bill, module_config, found)
    ordered = signed.ordered(owner)
    return VerifiedArtifact(
        found,
        module_config,
        statement,
        owner,
        signed.by_key[owner.key_id],
        ordered,
        tuple(signed.by_key[key.key_id] for key in ordered),
    )


def require_blob(blob: Buffer, *, digest: str, size: int, what: str) -> None:
    """Accept a blob of exactly this size and digest, or raise `SealError`."""
    if len(blob) != size:
        detail = f"{what} is {len(blob)} bytes, expected {size}"
        raise SealError(SealRefusal.SIZE_MISMATCH, detail)
    if canonical.digest_of(blob) != digest:
        raise SealError(SealRefusal.DIGEST_MISMATCH, f"{what} does not have its digest")


@dataclass(frozen=True, slots=True)
class UnsealedModule:
    """A module in clear, in memory that its holder wipes."""

    memory: SecretBuffer
    module: memoryview = field(repr=False)


def unseal_to_memory(
    artifact: VerifiedArtifact,
    layer: Buffer,
    options: PrivateOptions,
    *,
    limit_bytes: int = limits.MODULE_BYTES,
) -> UnsealedModule:
    """Return the module of an artifact of either shape, in memory of its own.

    An archive that says it holds more than `limit_bytes` is not unpacked. Raises `SealError`; then
    nothing of it is left in memory.
    """
    memory = SecretBuffer(artifact.manifest.layer_size)
    with ExitStack() as on_failure:
        on_failure.callback(memory.wipe)
        if not isinstance(artifact.config, CompatConfig):
            view = unseal(artifact, layer, options, memory)
            on_failure.pop_all()
            return UnsealedModule(memory, view)

        # What was sealed is an archive: the module moves to memory of its own, this one is wiped.
        _require_layer(artifact.manifest, layer)
        view = _open_layer(artifact, layer, options, memory)
        found = archive.unpack(view, name=PLUGIN_FILE, limit_bytes=limit_bytes)
        view.release()
    with ExitStack() as on_failure:
        on_failure.callback(found.memory.wipe)
        if found.tar_digest != artifact.config.tar_digest:
            detail = "archive is another than the config names"
            raise SealError(SealRefusal.PLAINTEXT_MISMATCH, detail)
        _require_module(found.file, artifact, options)
        on_failure.pop_all()
    return UnsealedModule(found.memory, found.file)


def unseal(
    artifact: VerifiedArtifact, layer: Buffer, options: PrivateOptions, out: SecretBuffer
) -> memoryview:
    """Return the module as a view of `out`, which has the size of the layer.

    No byte is decrypted before the layer's digest and HMAC hold, and a failure leaves only zeros
    in `out`. Raises `SealError`, also for an artifact whose layer is an archive, which may hold
    more than `out`; `ValueError` when `out` has another size.
    """
    # (1) The ciphertext is the one the owner signed, and the key is for this plaintext.
    if isinstance(artifact.config, CompatConfig):
        raise SealError(SealRefusal.MEDIA_TYPE, "layer is an archive, expected a module")
    _require_layer(artifact.manifest, layer)
    hidden = isinstance(artifact.statement.bill, HiddenBill)
    if not hidden and options.digest != artifact.config.listed_digest:
        detail = "content key is for another plaintext than the config names"
        raise SealError(SealRefusal.PLAINTEXT_MISMATCH, detail)

    with ExitStack() as on_failure:
        on_failure.callback(out.clear)

        # (2) HMAC in constant time, then decrypt in place.
        view = _open_layer(artifact, layer, options, out)

        # (3) It is the module that was sealed, to the last byte and the last import.
        _require_module(view, artifact, options)
        on_failure.pop_all()
    return view


def _require_layer(manifest: SealedManifest, layer: Buffer) -> None:
    require_blob(layer, digest=manifest.layer_digest, size=manifest.layer_size, what="layer")


def _open_layer(
    artifact: VerifiedArtifact, layer: Buffer, options: PrivateOptions, out: SecretBuffer
) -> memoryview:
    """Return the plaintext that the content key is for, or raise; the caller clears `out`."""
    view = decrypt_into(layer, options, artifact.manifest.public_options, out)
    if canonical.digest_of(view) != options.digest:
        raise SealError(SealRefusal.PLAINTEXT_MISMATCH, "plaintext does not have its digest")
    return view


def _require_module(
    module: memoryview, artifact: VerifiedArtifact, options: PrivateOptions
) -> None:
    require_module(module)
    bill = bill_of(module)
    require_bill(bill, artifact.statement.bill, options.symkey)
    require_kind(bill, artifact.config)
