"""What `verify` finds out: who signed an artifact, and what else is said about it and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sealing.errors import SealError

if TYPE_CHECKING:
    from datetime import datetime

    from sealing.canonical import Buffer
    from sealing.keys import VerifyingKey
    from sealing.manifest import SealedManifest
    from sealing.oci.progress import Progress
    from sealing.oci.store import ArtifactStore
    from sealing.signatures.owner_trust import OwnerTrust, ResolvedTrust
    from sealing.unseal import VerifiedArtifact
    from sealwasm.artifacts.offered import Offered
    from sealwasm.artifacts.registry_access import RegistryAccess


@dataclass(frozen=True, slots=True)
class VerifiedEntry:
    """One artifact. `statements` about it are anybody's: each says if it counts."""

    artifact: VerifiedArtifact
    statements: tuple[dict[str, Any], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verification:
    """What a reference means, signed by enough owners in every shape it is in."""

    offered: Offered
    entries: tuple[VerifiedEntry, ...]
    trust: ResolvedTrust

    def signers(self, artifact: VerifiedArtifact) -> list[dict[str, Any]]:
        """Every key that signed an artifact and counts, with the name its owner has here."""
        return [
            {"owner": one.owner, "key": one.key.key_id}
            for key in artifact.signers
            for one in self.trust.trusted
            if one.key.key_id == key.key_id and one.signs_at(artifact.statement.created)
        ]

    @property
    def signers_of_all(self) -> list[dict[str, Any]]:
        """Those who signed every shape."""
        first, *others = (self.signers(one) for one in self.offered.artifacts)
        return [one for one in first if all(one in other for other in others)]


def verify_reference(
    text: str,
    trust: OwnerTrust,
    *,
    registry: RegistryAccess,
    now: datetime,
    layer: bool = True,
) -> Verification:
    """Return what is verified of all that is at `text`, with `layer` its ciphertexts too, or raise.

    A ciphertext is read last and piece by piece: its size is the owner's word then.
    """
    from sealwasm.artifacts.offered import offered_at
    from sealwasm.artifacts.transfers import parse_reference
    from sealwasm.progress import progress_bar

    reference = parse_reference(text)
    resolved = trust.resolve(now)
    with registry.open(reference) as store:
        offered = offered_at(store, reference, resolved)
        entries = tuple(
            VerifiedEntry(one, statements_about(store, one.manifest.digest, resolved, now=now))
            for one in offered.artifacts
        )
        if layer:
            for one in offered.artifacts:
                with progress_bar("checking") as progress:
                    _check_layer(store, one.manifest, progress)
    return Verification(offered, entries, resolved)


def _check_layer(store: ArtifactStore, manifest: SealedManifest, progress: Progress | None) -> None:
    """Read the ciphertext, which the store compares with its digest, and keep none of it."""
    done = 0

    def passed(chunk: Buffer) -> None:
        nonlocal done
        done += len(chunk)
        if progress is not None:
            progress("layer", done, manifest.layer_size)

    store.fetch_blob(manifest.layer_digest, manifest.layer_size, passed)


def statements_about(
    store: ArtifactStore, digest: str, trust: ResolvedTrust, *, now: datetime
) -> tuple[dict[str, Any], ...]:
    """Return what others attached to `digest`: attestations and cosign's signatures.

    None says when it was signed, so each says whether its key has expired by `now`.
    """
    from sealing.oci.attestations import bundles_about, simple_signatures
    from sealing.signatures.statement import PREDICATE_TYPE

    keys = trust.keys
    found = [_attestation(bundle, digest, keys) for bundle in bundles_about(store, digest)]
    found = [one for one in found if one["type"] != PREDICATE_TYPE]
    found.extend(
        _simple(layer.payload, layer.signature, digest, keys)
        for layer in simple_signatures(store, digest)
    )
    expired = {one.key.key_id for one in trust.trusted if not one.signs_at(now)}
    return tuple(
        one | {"expired": one["signer"] in expired} if one["verified"] else one for one in found
    )


def _attestation(bundle: bytes, digest: str, keys: Sequence[VerifyingKey]) -> dict[str, Any]:
    from sealing.signatures.sigstore import verify_attestation

    try:
        one = verify_attestation(bundle, manifest_digest=digest, keys=keys)
    except SealError as error:
        return {"type": _claimed_type(bundle), "verified": False, "why": error.code.value}
    return {"type": one.predicate_type, "verified": True, "signer": one.signer.key_id}


def _claimed_type(bundle: bytes) -> str:
    from sealing.signatures.sigstore import ForeignBundle

    try:
        return ForeignBundle.parse(bundle).unverified_predicate_type
    except SealError:
        return "not readable"


def _simple(
    payload: bytes, signature: str, digest: str, keys: Sequence[VerifyingKey]
) -> dict[str, Any]:
    from sealing.signatures.cosign import verify_simple

    found: dict[str, Any] = {"type": "cosign simple signature"}
    try:
        claim = verify_simple(payload, signature, manifest_digest=digest, keys=keys)
    except SealError as error:
        return found | {"verified": False, "why": error.code.value}
    return found | {
        "verified": True,
        "signer": claim.signer.key_id,
        "place": claim.docker_reference,
    }
