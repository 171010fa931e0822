"""Verify a sealed artifact with no secret at all, then open it with the released content key."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from sealing import canonical, limits
from sealing.bom import BillOfMaterials, bill_of_materials, require_core_module
from sealing.bundle import UnverifiedBundle
from sealing.canonical import Buffer
from sealing.config import ModuleConfig
from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.manifest import SealedManifest
from sealing.ocicrypt import PrivateOptions, decrypt_into
from sealing.secret import SecretBuffer
from sealing.statement import SealedModuleStatement, verify_bundle


@dataclass(frozen=True, slots=True)
class VerifiedArtifact:
    """Profile, config and owner signature were all checked. Only `verify_artifact` makes one."""

    manifest: SealedManifest
    config: ModuleConfig
    statement: SealedModuleStatement
    owner: VerifyingKey
    # The one bundle that was verified, of all that lay beside the manifest.
    bundle: bytes = field(repr=False)


def verify_artifact(
    manifest: bytes, config: bytes, bundles: Sequence[bytes], *, owners: Sequence[VerifyingKey]
) -> VerifiedArtifact:
    """Return the artifact one of `owners` signed, or raise `SealError`. Needs no key of anybody.

    Bundles by strangers, of whatever form, are passed over, as a registry may add any; two by
    trusted owners are refused, as it would not be clear which one holds. The layer is checked by
    `unseal`.
    """
    # (1) The strict profile of the manifest, and the config it names.
    found = SealedManifest.parse(manifest)
    require_blob(config, digest=found.config_digest, size=found.config_size, what="config")
    module_config = ModuleConfig.parse(config)

    # (2) The owner's signature over exactly this manifest.
    bundle, owner = _only_bundle(bundles, owners)
    statement = verify_bundle(bundle, manifest_digest=found.digest, keys=(owner,))

    # (3) Every field of the manifest and of each envelope's context is the one the owner signed.
    statement.require_manifest(found)
    return VerifiedArtifact(found, module_config, statement, owner, bundle)


def require_blob(blob: Buffer, *, digest: str, size: int, what: str) -> None:
    """Accept a blob of exactly this size and digest, or raise `SealError`."""
    if len(blob) != size:
        detail = f"{what} is {len(blob)} bytes, expected {size}"
        raise SealError(SealRefusal.SIZE_MISMATCH, detail)
    if canonical.digest_of(blob) != digest:
        raise SealError(SealRefusal.DIGEST_MISMATCH, f"{what} does not have its digest")


def unseal(
    artifact: VerifiedArtifact, layer: Buffer, options: PrivateOptions, out: SecretBuffer
) -> memoryview:
    """Return the module as a view of `out`, which has the size of the layer.

    No byte is decrypted before the layer's digest and HMAC hold, and a failure leaves only zeros
    in `out`. Raises `SealError`; `ValueError` when `out` has another size.
    """
    manifest = artifact.manifest

    # (1) The ciphertext is the one the owner signed, and the key is for this plaintext.
    require_blob(layer, digest=manifest.layer_digest, size=manifest.layer_size, what="layer")
    if options.digest != artifact.config.plaintext_digest:
        detail = "content key is for another plaintext than the config names"
        raise SealError(SealRefusal.PLAINTEXT_MISMATCH, detail)

    with ExitStack() as on_failure:
        on_failure.callback(out.clear)

        # (2) HMAC in constant time, then decrypt in place.
        view = decrypt_into(layer, options, manifest.public_options, out)

        # (3) It is the module that was sealed, to the last byte and the last import.
        _require_module(view, options.digest, artifact.statement.bill)
        on_failure.pop_all()
    return view


def _require_module(module: memoryview, digest: str, bill: BillOfMaterials) -> None:
    if canonical.digest_of(module) != digest:
        raise SealError(SealRefusal.PLAINTEXT_MISMATCH, "plaintext does not have its digest")
    require_core_module(module)
    if bill_of_materials(module) != bill:
        raise SealError(SealRefusal.BILL_MISMATCH, "module is not what its bill of materials says")


def _only_bundle(
    bundles: Sequence[bytes], owners: Sequence[VerifyingKey]
) -> tuple[bytes, VerifyingKey]:
    if not bundles:
        raise SealError(SealRefusal.SIGNATURE_MISSING, "artifact has no owner signature")
    if len(bundles) > limits.BUNDLES:
        detail = f"{len(bundles)} signatures, limit {limits.BUNDLES}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    known = {owner.key_id: owner for owner in owners}
    hints = [(bundle, _hint_or_refusal(bundle)) for bundle in bundles]
    by_owners = [(bundle, known[hint]) for bundle, hint in hints if hint in known]
    if not by_owners:
        refusals = [hint for _, hint in hints if isinstance(hint, SealError)]
        detail = f"no signature is by one of the {len(known)} expected owners"
        raise refusals[0] if refusals else SealError(SealRefusal.SIGNER_UNKNOWN, detail)
    if len(by_owners) > 1:
        raise SealError(SealRefusal.SIGNATURE_REPEATED, "more than one owner signature")
    return by_owners[0]


def _hint_or_refusal(bundle: bytes) -> str | SealError:
    """Return whose a bundle claims to be, or why it is none of ours: strangers attach any kind."""
    try:
        return UnverifiedBundle.parse(bundle).key_hint
    except SealError as error:
        return error
