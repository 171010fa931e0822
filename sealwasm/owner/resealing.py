"""Work of `rewrap`, `adopt` and `recover`: a content key that an owner's own key opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sealwasm.failure import CliError, Kind

if TYPE_CHECKING:
    from datetime import datetime

    from sealing.canonical import Buffer
    from sealing.foreign_manifest import ForeignKey
    from sealing.holders.recipients import Recipients
    from sealing.hpke import OpeningKey
    from sealing.jose.keys import JwePrivateKey
    from sealing.keys import Signer
    from sealing.manifest import SealedManifest
    from sealing.oci.blob import Blob
    from sealing.oci.store import ArtifactStore
    from sealing.seal import SealedModule, Terms
    from sealing.signatures.owner_trust import OwnerTrust
    from sealing.unseal import UnsealedModule, VerifiedArtifact
    from sealwasm.artifacts.registry_access import RegistryAccess
    from sealwasm.artifacts.transfers import AnyReference
    from sealwasm.session import Session


@dataclass(frozen=True, slots=True)
class OwnKeyChoice:
    """The files that options name; exactly one of them opens the content key."""

    recovery_key: str | None
    jwe_key: str | None
    passphrase_file: str | None

    def __post_init__(self) -> None:
        """Refuse none and both, before anything is asked of a registry. Raises `CliError`."""
        if (self.recovery_key is None) == (self.jwe_key is None):
            raise CliError(
                Kind.USAGE,
                "usage",
                "exactly one key that opens the module has to be named",
                next_step="--recovery-key FILE, or --jwe-key FILE",
            )

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """Return what the options of `rewrap` said."""
        return cls(given["recovery_key"], given["jwe_key"], given["opening_passphrase_file"])

    def load(self) -> OpeningKey | JwePrivateKey:
        """Return the key, or raise `CliError`."""
        from sealwasm.artifacts.holders import read_jwe_private, read_recovery_private

        if self.recovery_key is not None:
            return read_recovery_private(self.recovery_key, self.passphrase_file)
        return read_jwe_private(self.jwe_key or "", self.passphrase_file)


def trust_in(owner: Signer) -> OwnerTrust:
    """Return trust in the one key that signs: nobody seals anew what another owner signed."""
    from sealing.signatures.owner_trust import OwnerTrust

    return OwnerTrust.of([owner.public])


def rewrapped(
    store: ArtifactStore,
    artifact: VerifiedArtifact,
    key: OpeningKey | JwePrivateKey,
    terms: Terms,
    recipients: Recipients,
    *,
    owner: Signer,
    now: datetime,
) -> SealedModule:
    """Return the artifact for other holders; its layer is read only if somebody asks for it.

    All entries of an index get one `now`: it shows that they belong together.
    """
    from sealing.rewrap import Rewrapping, open_own, rewrap

    config = store.get_blob(artifact.manifest.config_digest, artifact.manifest.config_size)
    options = open_own(artifact, key)
    old = Rewrapping(artifact, config, layer_in(store, artifact.manifest), options)
    return rewrap(old, terms, recipients, owner=owner, now=now)


def layer_in(store: ArtifactStore, manifest: SealedManifest) -> Blob:
    """Return the layer of an artifact as something to store, fetched when it is first needed."""
    from sealing.oci.blob import Blob
    from sealing.oci.transfer import fetch_layer

    def chunks() -> Iterator[Buffer]:
        return Blob.of(fetch_layer(store, manifest)).chunks()

    return Blob(manifest.layer_digest, manifest.layer_size, chunks)


def published_over(
    session: Session,
    registry: RegistryAccess,
    source: ArtifactStore,
    sealed: Sequence[SealedModule],
    goal: AnyReference,
    *,
    owner: Signer,
    dry_run: bool,
) -> dict[str, Any]:
    """Publish what was sealed over layers of `source`, unless told not to; return the facts."""
    from sealwasm.artifacts.holders import warn
    from sealwasm.artifacts.transfers import make_room
    from sealwasm.owner.sealing import facts_of, foreseen_of, shapes_of

    warn(session, sealed[0].statement.recipients)
    facts = facts_of(sealed[0]) | shapes_of(sealed)
    if dry_run:
        session.say("dry run: nothing was written")
        # The ciphertext is what it was; the manifest over it would be another.
        return foreseen_of(sealed) | {"layer": facts["layer"]}
    make_room(goal)
    with registry.open(goal, create=True) as store:
        _say_dropped(session, store, goal, sealed)
        facts["reference"] = push_over(source, store, sealed, goal, owner)
    session.say(f"brokers without {facts['policy']} get it by: sealwasm policy publish FILE")
    session.say(f"next: sealwasm verify {facts['reference']} --owner OWNER.pub")
    return facts


def _say_dropped(
    session: Session, store: ArtifactStore, goal: AnyReference, sealed: Sequence[SealedModule]
) -> None:
    """Say where a tag that offered several shapes will offer fewer."""
    from sealing.oci.shape_index import entries, is_index
    from sealing.oci.transfer import has_manifest

    if not has_manifest(store, goal.target):
        return
    data = store.get_manifest(goal.target)
    if is_index(data) and len(entries(data)) > len(sealed):
        session.say(f"warning: {goal} was an index of several shapes; now it names this one alone")


def push_over(
    source: ArtifactStore,
    target: ArtifactStore,
    sealed: Sequence[SealedModule],
    place: AnyReference,
    owner: Signer,
) -> str:
    """Publish what was sealed over layers of `source`; return its reference by digest.

    Where both are one registry, no byte of a layer comes through here.
    """
    from sealing.oci.transfer import push, push_shapes
    from sealwasm.artifacts.transfers import simple_signature_for

    for one in sealed:
        target.mount_blob(one.layer.digest, one.layer.size, source)
    signed = [(one, simple_signature_for(one, place, owner)) for one in sealed]
    if len(signed) == 1:
        ((module, simple),) = signed
        digest = push(target, module, place.target, simple=simple)
    else:
        digest = push_shapes(target, signed, place.target)
    return f"{place.location}@{digest}"


def adopted(
    store: ArtifactStore,
    reference: AnyReference,
    key: ForeignKey,
    terms: Terms,
    recipients: Recipients,
    *,
    owner: Signer,
    now: datetime,
) -> SealedModule:
    """Return what another tool encrypted as a sealed module over the same layer."""
    from sealing.foreign import adopt
    from sealing.foreign_manifest import ForeignManifest
    from sealwasm.artifacts.offered import require_one

    data = store.get_manifest(reference.target)
    require_one(str(reference), data, "each is a ciphertext of its own", "name one by its digest")
    manifest = ForeignManifest.parse(data)
    config = store.get_blob(manifest.config_digest, manifest.config_size)
    layer = store.get_blob(manifest.layer_digest, manifest.layer_size)
    return adopt(
        manifest, config, layer, key, terms=terms, recipients=recipients, owner=owner, now=now
    )


def recovered(
    store: ArtifactStore, artifact: VerifiedArtifact, key: OpeningKey | JwePrivateKey
) -> UnsealedModule:
    """Return the module in clear, in memory its holder wipes."""
    from sealing.oci.transfer import fetch_layer
    from sealing.rewrap import open_own
    from sealing.unseal import unseal_to_memory

    options = open_own(artifact, key)
    return unseal_to_memory(artifact, fetch_layer(store, artifact.manifest), options)
