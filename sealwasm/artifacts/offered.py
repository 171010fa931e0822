"""What a reference means to whoever answers for all of it: verified, in every shape it is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealwasm.failure import CliError, Kind

if TYPE_CHECKING:
    from sealing.oci.store import ArtifactStore
    from sealing.oci.transfer import PulledDescription
    from sealing.signatures.owner_trust import ResolvedTrust
    from sealing.unseal import VerifiedArtifact
    from sealwasm.artifacts.transfers import AnyReference


@dataclass(frozen=True, slots=True)
class Offered:
    """One module: one artifact, or one of each shape that an index lists, the CNCF's first."""

    # Of the index, if there is one.
    digest: str
    artifacts: tuple[VerifiedArtifact, ...]
    is_index: bool

    @property
    def first(self) -> VerifiedArtifact:
        """The artifact that runners take; the others say the same but for their ciphertext."""
        return self.artifacts[0]

    @property
    def shapes(self) -> dict[str, str]:
        """The digest of each artifact by its shape."""
        return {one.manifest.shape.name: one.manifest.digest for one in self.artifacts}


def offered_at(store: ArtifactStore, reference: AnyReference, trust: ResolvedTrust) -> Offered:
    """Return what is there, signed by enough owners in every shape, or raise `SealError`.

    A reference by the digest of one entry of an index means that one alone.
    """
    from sealing.oci.every_shape import describe_every, entry_named
    from sealing.one_module import require_one_module

    found = describe_every(store, reference, owners=trust.keys)
    if not found.is_index:
        return Offered(found.digest, (_verified(found.shapes[0], trust),), is_index=False)
    artifacts = []
    for one in found.shapes:
        with entry_named(one.manifest.shape, one.digest):
            artifacts.append(_verified(one, trust))
    require_one_module(artifacts)
    return Offered(found.digest, tuple(artifacts), is_index=True)


def require_one(reference: str, data: bytes, why: str, next_step: str) -> None:
    """Refuse an index, whose digests `next_step` ends with, where one artifact has to be meant."""
    from sealing.oci.shape_index import entries, is_index

    if is_index(data):
        digests = ", ".join(entry.digest for entry in entries(data))
        raise CliError(
            Kind.USAGE,
            "several-artifacts",
            f"{reference} is an index of several artifacts",
            why=why,
            next_step=f"{next_step}: {digests}",
        )


def _verified(found: PulledDescription, trust: ResolvedTrust) -> VerifiedArtifact:
    return require_owners(found.manifest.raw, found.config, found.bundles, trust)


def require_owners(
    manifest: bytes, config: bytes, bundles: Sequence[bytes], trust: ResolvedTrust
) -> VerifiedArtifact:
    """Return the artifact if as many owners agree as have to, or raise `SealError`."""
    from sealing.unseal import verify_artifact

    artifact = verify_artifact(
        manifest, config, bundles, owners=trust.keys, threshold=trust.threshold
    )
    trust.require(artifact.signers, owner=artifact.owner, created=artifact.statement.created)
    return artifact
