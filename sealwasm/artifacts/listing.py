"""What is published at one place: its tags, what they mean, and whose signature holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sealing.errors import SealError, SealRefusal

if TYPE_CHECKING:
    from sealing.envelope import EnvelopeContext
    from sealing.keys import VerifyingKey
    from sealing.oci.reference import LayoutReference, RegistryReference
    from sealing.oci.store import ArtifactStore
    from sealing.oci.transfer import PulledDescription
    from sealing.signatures.statement import SealedModuleStatement
    from sealing.unseal import VerifiedArtifact

# About the line or the registry, and not about what a tag means.
OF_THE_WAY: Final = (
    SealRefusal.UNREACHABLE,
    SealRefusal.UNAUTHORIZED,
    SealRefusal.FORBIDDEN,
    SealRefusal.REGISTRY_FAILED,
    SealRefusal.REGISTRY_SLOW,
    SealRefusal.REGISTRY_UNTRUSTED,
)
# Tags that belong to an artifact and are none themselves: cosign's, and lists of referrers.
_BESIDE = "sha256-"


@dataclass(frozen=True, slots=True)
class Listed:
    """One tag. `artifact` is there if the signature of a key that is trusted holds."""

    tag: str
    found: PulledDescription | None
    artifact: VerifiedArtifact | None
    refusal: str = ""

    @property
    def context(self) -> EnvelopeContext | None:
        """What the envelopes are bound to: claimed, unless `artifact` is there."""
        return self.found.manifest.envelopes[0].context if self.found else None

    @property
    def module(self) -> str:
        """The name of the module."""
        return self.context.module if self.context else ""

    @property
    def version(self) -> int:
        """The version of the module."""
        return self.context.version if self.context else 0

    def to_document(self) -> dict[str, Any]:
        """Return what is known of it; all but digest and size is only claimed if not verified."""
        context = self.context
        if self.found is None or context is None:
            return {"tag": self.tag, "refused": self.refusal}
        manifest = self.found.manifest
        document = {
            "tag": self.tag,
            "module": context.module,
            "version": context.version,
            "policy": context.policy,
            "digest": manifest.digest,
            "bytes": manifest.layer_size,
            "created": self._created(),
            "brokers": list(manifest.brokers),
            "signer": context.owner,
            "verified": self.artifact is not None,
        }
        return document | ({"refused": self.refusal} if self.refusal else {})

    def _created(self) -> str:
        """Return when it was sealed, by the owner or, unverified, by whoever signed."""
        from sealing.names import format_time

        if self.artifact is not None:
            return format_time(self.artifact.statement.created)
        try:
            return format_time(claimed(self.found)[0].created) if self.found else ""
        except SealError:
            return ""


def is_beside(tag: str) -> bool:
    """Return whether a tag only stands for what belongs to an artifact."""
    return tag.startswith(_BESIDE)


def look_at(
    store: ArtifactStore,
    reference: LayoutReference | RegistryReference,
    tag: str,
    owners: Sequence[VerifyingKey],
) -> Listed:
    """Return what one tag means; what is wrong with it is said, not raised.

    Raises `SealError` where the way to it is broken: then nothing is known of it.
    """
    from sealing.oci.transfer import describe
    from sealing.unseal import verify_artifact

    try:
        found = describe(store, reference.with_tag(tag), owners=owners)
    except SealError as error:
        if error.code in OF_THE_WAY:
            raise
        return Listed(tag, None, None, error.code.value)
    if not owners:
        return Listed(tag, found, None)
    try:
        artifact = verify_artifact(found.manifest.raw, found.config, found.bundles, owners=owners)
    except SealError as error:
        return Listed(tag, found, None, error.code.value)
    return Listed(tag, found, artifact)


def published(
    store: ArtifactStore,
    reference: LayoutReference | RegistryReference,
    owners: Sequence[VerifyingKey],
) -> Iterator[Listed]:
    """Yield every tag at a place. Raises `SealError` where the place cannot be read."""
    for tag in store.tags():
        if not is_beside(tag):
            yield look_at(store, reference, tag, owners)


def newest(
    store: ArtifactStore,
    reference: LayoutReference | RegistryReference,
    module: str,
    owners: Sequence[VerifyingKey],
) -> Listed | None:
    """Return the highest version of `module` at a place whose signature by one of `owners` holds.

    Manifests only claim a version: they say in which order signatures are looked at, so that a
    place with years of releases costs one request for each. Raises `SealError`.
    """
    known = {owner.key_id for owner in owners}
    claims: list[tuple[int, str]] = []
    found: list[Listed] = []
    for tag in (tag for tag in store.tags() if not is_beside(tag)):
        context = _claim(store, tag)
        if context is None:
            found.append(look_at(store, reference, tag, owners))
        elif context.module == module and context.owner in known:
            claims.append((context.version, tag))
    for _, tag in sorted(claims, reverse=True):
        listed = look_at(store, reference, tag, owners)
        found.append(listed)
        if listed.artifact:
            break
    held = [one for one in found if one.artifact and one.module == module]
    return max(held, key=lambda one: one.version, default=None)


def _claim(store: ArtifactStore, tag: str) -> EnvelopeContext | None:
    """Return what the manifest under a tag claims to be, or None for one of another form."""
    from sealing.manifest import SealedManifest

    try:
        return SealedManifest.parse(store.get_manifest(tag)).envelopes[0].context
    except SealError as error:
        if error.code in OF_THE_WAY:
            raise
        return None


def claimed(found: PulledDescription) -> tuple[SealedModuleStatement, tuple[str, ...]]:
    """Return what the first readable statement about an artifact says, and who claims to sign it.

    Believed by nobody who has an owner's key. Raises `SealError` if there is none.
    """
    from sealing.signatures.statement import unverified_key_hint, unverified_statement

    statement, signers = None, []
    for bundle in found.bundles:
        try:
            one = unverified_statement(bundle)
            one.require_manifest(found.manifest)
        except SealError:
            continue
        statement = statement or one
        signers.append(unverified_key_hint(bundle))
    if statement is None:
        raise SealError(SealRefusal.SIGNATURE_MISSING, "nothing signed says what this module is")
    return statement, tuple(signers)
