"""`publish` of a module in clear: seal, sign, enrol, push. What is done is not done again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealwasm.artifacts.holders import warn
from sealwasm.failure import CliError, Kind
from sealwasm.owner.sealing import SealOrder
from sealwasm.steps import Steps

if TYPE_CHECKING:
    from policies.models import ReleasePolicy
    from sealing.keys import Signer, VerifyingKey
    from sealing.manifest import SealedManifest
    from sealing.seal import SealedModule
    from sealwasm.artifacts.listing import Listed
    from sealwasm.artifacts.registry_access import RegistryAccess
    from sealwasm.artifacts.transfers import AnyReference
    from sealwasm.session import Session

SEAL, ENROL, PUSH = "sealed and signed", "release policy at the broker", "pushed"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the owner wants published. `version` 0 means the next one."""

    order: SealOrder
    place: AnyReference
    # Whether the owner named the tag: then it may move, as with every other tool.
    tagged: bool
    release: ReleasePolicy | None
    # Keys whose versions count as well: after a rotation, those before the one that signs.
    owners: tuple[VerifyingKey, ...] = ()


def place_for(target: str | None, prefix: str | None, name: str) -> str | None:
    """Return where a module goes: as told, else below the context's place by its last word."""
    if target is not None or prefix is None:
        return target
    return f"{prefix.rstrip('/')}/{name.rpartition('/')[2]}"


def require_name(name: str) -> None:
    """Raise `CliError` unless `name` can be a module's."""
    from sealing.errors import SealError
    from sealing.names import parse_name

    try:
        parse_name(name, "name")
    except SealError as error:
        raise CliError(
            Kind.USAGE,
            "module-name",
            f"'{name}' is no name for a module",
            why=error.detail,
            next_step="--name OWNER/MODULE",
        ) from error


def publish_module(
    session: Session, wish: Wish, owner: Signer, registry: RegistryAccess, *, dry_run: bool
) -> dict[str, Any]:
    """Do what is left to do of `wish`; return what is published and how far that went."""
    # (1) What is there already, by signatures of owners and nobody else's word.
    listed = _published(wish, owner, registry)
    highest = max((one.version for one in listed), default=0)
    same = _unchanged(wish, owner, listed)
    if same is not None:
        session.say(f"unchanged: version {same.version} is this very module, sealed alike")
        _enrol(session, wish, owner, Steps(session, [ENROL]), dry_run=dry_run)
        facts = _facts_of_published(wish, same)
        if wish.tagged:
            _tag(session, facts["reference"], str(wish.place), registry, dry_run=dry_run)
        return facts
    order = _numbered(session, wish.order, highest)

    # (2) Seal: nothing has left this machine yet.
    steps = Steps(session, [SEAL, *([ENROL] if wish.release else []), PUSH])
    with steps.doing(SEAL):
        modules = _sealed(order, owner, session)
    sealed = modules[0]
    warn(session, sealed.statement.recipients)
    goal = wish.place if wish.tagged else wish.place.with_tag(str(order.version))
    if dry_run:
        return _foreseen(sealed, str(goal), wish)

    # (3) The policy first: what is public then is already decided about.
    _enrol(session, wish, owner, steps, dry_run=False)
    with steps.doing(PUSH):
        reference = _push(modules, goal, owner, registry, tagged=wish.tagged)
    return _facts(modules, reference)


def _sealed(order: SealOrder, owner: Signer, session: Session) -> list[SealedModule]:
    from sealwasm.owner.sealing import seal_shapes

    return list(seal_shapes(order, owner=owner, now=session.now()))


def _published(wish: Wish, owner: Signer, registry: RegistryAccess) -> list[Listed]:
    """Return the newest version there that an owner signed, in a list; none where nothing is."""
    from sealing.errors import SealError, SealRefusal
    from sealwasm.artifacts.listing import newest

    try:
        with registry.open(wish.place) as store:
            found = newest(store, wish.place, wish.order.name, [owner.public, *wish.owners])
    except SealError as error:
        if error.code is SealRefusal.NOT_FOUND:
            return []
        raise
    return [found] if found else []


def _numbered(session: Session, order: SealOrder, highest: int) -> SealOrder:
    if order.version == 0:
        told = f"the highest published one is {highest}" if highest else "the first one"
        session.say(f"version {highest + 1}: {told}")
        return replace(order, version=highest + 1)
    if order.version <= highest:
        raise CliError(
            Kind.CONFLICT,
            "version-not-newer",
            f"version {highest} of {order.name} is published there already",
            why=f"version {order.version} would be a step back, which brokers refuse",
            next_step=f"--version {highest + 1}, or leave it out",
        )
    return order


def _unchanged(wish: Wish, owner: Signer, listed: list[Listed]) -> Listed | None:
    """Return the newest version if sealing again would only make another ciphertext of it."""
    from sealwasm.owner.sealing import load_capabilities_file

    newest = max(listed, key=lambda one: one.version, default=None)
    if newest is None or newest.artifact is None:
        return None
    if wish.order.version not in (0, newest.version):
        return None
    statement = newest.artifact.statement
    policy = load_capabilities_file(wish.order.capabilities)
    same = (
        statement.owner == owner.public.key_id
        and not wish.order.hide_details
        # Which keys of other tools a module was sealed for cannot be told from the outside.
        and not wish.order.also
        and _same_holders(wish.order, newest.artifact.manifest)
        and newest.artifact.plaintext_digest == _digest_of_file(wish.order.module)
        and statement.capabilities == policy.to_document()
        and statement.policy == wish.order.policy
        and statement.recipients == wish.order.kinds
        and wish.order.shapes == (newest.artifact.manifest.shape.name,)
        and statement.brokers == wish.order.brokers.identities
        and statement.threshold == wish.order.brokers.threshold
    )
    return newest if same else None


def _tag(
    session: Session, published: str, goal: str, registry: RegistryAccess, *, dry_run: bool
) -> None:
    """Give what is published the tag that the owner named; it may move there."""
    from sealwasm.artifacts.transfers import copy_artifact

    if dry_run:
        session.say(f"dry run: it would be tagged {goal}")
        return
    copy_artifact(published, goal, registry=registry)
    session.say(f"tagged {goal}")


def _same_holders(order: SealOrder, manifest: SealedManifest) -> bool:
    """Return whether a manifest is for the recovery keys and the suite of `order`.

    Of the same kind is not enough: an old key that was lost would go on opening the module.
    """
    from sealwasm.artifacts.holders import read_recovery_public

    held = {one.key for one in manifest.envelopes if one.is_recovery}
    suites = {one.suite for one in manifest.envelopes if not one.is_recovery}
    wanted = {read_recovery_public(path).key_id for path in order.recovery_keys}
    return held == wanted and suites == {order.suite}


def _digest_of_file(path: str) -> str:
    from sealwasm.files import os_failure

    try:
        with Path(path).open("rb") as stream:
            return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except OSError as error:
        raise os_failure(error, Path(path), "read") from error


def _enrol(session: Session, wish: Wish, owner: Signer, steps: Steps, *, dry_run: bool) -> None:
    from sealwasm.owner.enrolling import ensure_policy

    release, order = wish.release, wish.order
    if release is None:
        session.say(f"no --release-policy FILE: the broker must have {order.policy} already")
        return
    named = f"{release.name} version {release.metadata.version}"
    if dry_run:
        for broker in order.brokers.brokers:
            session.say(f"dry run: release policy {named} would be sent to {broker.url}")
        return
    with steps.doing(ENROL):
        sent = [
            ensure_policy(
                release,
                url=broker.url,
                identity=broker.identity or "",
                owner=owner,
                now=session.now(),
            )
            for broker in order.brokers.brokers
        ]
    for broker, is_new in zip(order.brokers.brokers, sent, strict=True):
        if is_new:
            session.say(f"release policy {named} counts at {broker.url} from now on")
        else:
            session.say(
                f"{broker.url} has {named} or a newer one already; "
                "after a change raise metadata.version in the file"
            )


def _push(
    modules: list[SealedModule],
    goal: AnyReference,
    owner: Signer,
    registry: RegistryAccess,
    *,
    tagged: bool,
) -> str:
    from sealing.oci.reference import LayoutReference
    from sealing.oci.transfer import has_manifest
    from sealwasm.artifacts.transfers import push_artifact, push_index
    from sealwasm.files import make_folder

    if isinstance(goal, LayoutReference):
        make_folder(Path(goal.folder).parent)
    if not tagged:
        with registry.open(goal, create=True) as store:
            if has_manifest(store, goal.target):
                raise CliError(
                    Kind.CONFLICT,
                    "tag-exists",
                    f"{goal} exists, and nothing of this owner's under it",
                    next_step=f"name a tag: {goal.location}:TAG",
                )
    if len(modules) > 1:
        return push_index(modules, str(goal), owner=owner, registry=registry)
    return push_artifact(modules[0], str(goal), owner=owner, registry=registry)


def _facts(modules: list[SealedModule], reference: str) -> dict[str, Any]:
    from sealing.manifest import SealedManifest
    from sealwasm.owner.sealing import facts_of

    facts = {"reference": reference, "published": True, **facts_of(modules[0])}
    if len(modules) > 1:
        shapes = {SealedManifest.parse(one.manifest).shape.name: one for one in modules}
        facts["shapes"] = {name: one.manifest_digest for name, one in shapes.items()}
    return facts


def _foreseen(sealed: SealedModule, goal: str, wish: Wish) -> dict[str, Any]:
    from sealwasm.artifacts.visibility import seen_by
    from sealwasm.owner.sealing import facts_of

    release, facts = wish.release, facts_of(sealed)
    return {
        "would_be": goal,
        "published": False,
        **facts,
        "release_policy": release.to_document() if release else None,
        "sees": seen_by(sealed.statement, ciphertext_bytes=facts["bytes"]),
    }


def _facts_of_published(wish: Wish, same: Listed) -> dict[str, Any]:
    document = same.to_document()
    location = wish.place.location
    return {
        "reference": f"{location}@{document['digest']}",
        "published": True,
        "module": document["module"],
        "version": document["version"],
        "policy": document["policy"],
        "manifest": document["digest"],
        "bytes": document["bytes"],
    }
