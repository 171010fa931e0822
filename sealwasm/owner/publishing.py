"""`publish` of a module in clear: seal, sign, enrol, push. What is done is not done again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sealwasm.artifacts.holders import warn
from sealwasm.failure import CliError, Kind
from sealwasm.owner.sealing import SealOrder
from sealwasm.steps import Steps

if TYPE_CHECKING:
    from policies.models import ReleasePolicy
    from sealing.keys import Signer, VerifyingKey
    from sealing.seal import SealedModule
    from sealwasm.artifacts.listing import Listed
    from sealwasm.artifacts.offered import Offered
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
    from sealwasm.owner.unchanged import same_published

    # (1) What is there already, by signatures of owners and nobody else's word.
    newest = _newest(wish, owner, registry)
    if newest is not None:
        same = same_published(session, wish.order, newest, wish.place, owner, registry)
        if same is not None:
            return _again(session, wish, same, owner, registry, dry_run=dry_run)
    order = _numbered(session, wish.order, newest.version if newest else 0)
    goal = wish.place if wish.tagged else wish.place.with_tag(str(order.version))
    if not wish.tagged:
        _require_free(goal, registry)

    # (2) Seal: nothing has left this machine yet.
    steps = Steps(session, [SEAL, *([ENROL] if wish.release else []), PUSH])
    with steps.doing(SEAL):
        modules = _sealed(order, owner, session)
    sealed = modules[0]
    warn(session, sealed.statement.recipients)
    if dry_run:
        return _foreseen(modules, str(goal), wish)

    # (3) The policy first: what is public then is already decided about.
    _enrol(session, wish, owner, steps, dry_run=False)
    with steps.doing(PUSH):
        reference = _push(modules, goal, owner, registry, tagged=wish.tagged)
    return _facts(modules, reference)


def _again(
    session: Session,
    wish: Wish,
    same: Offered,
    owner: Signer,
    registry: RegistryAccess,
    *,
    dry_run: bool,
) -> dict[str, Any]:
    """Do what may be left to do of a wish whose module is published: its policy, its tag."""
    version = same.first.statement.version
    session.say(
        f"unchanged: version {version} is this very module, sealed alike; "
        f"--version {version + 1} seals it anew, after a revocation for example"
    )
    _enrol(session, wish, owner, Steps(session, [ENROL]), dry_run=dry_run)
    facts = _facts_of_published(wish, same)
    if wish.tagged:
        _tag(session, facts["reference"], str(wish.place), registry, dry_run=dry_run)
    return facts


def _sealed(order: SealOrder, owner: Signer, session: Session) -> list[SealedModule]:
    from sealwasm.owner.sealing import seal_shapes

    return list(seal_shapes(order, owner=owner, now=session.now()))


def _newest(wish: Wish, owner: Signer, registry: RegistryAccess) -> Listed | None:
    """Return the newest version there that an owner signed; None where nothing is."""
    from sealing.errors import SealError, SealRefusal
    from sealwasm.artifacts.listing import newest

    try:
        with registry.open(wish.place) as store:
            return newest(store, wish.place, wish.order.name, [owner.public, *wish.owners])
    except SealError as error:
        if error.code is SealRefusal.NOT_FOUND:
            return None
        raise


def _require_free(goal: AnyReference, registry: RegistryAccess) -> None:
    """Raise `CliError` where a tag that nobody named would be taken from somebody else."""
    from sealing.errors import SealError, SealRefusal
    from sealing.oci.transfer import has_manifest

    try:
        with registry.open(goal) as store:
            taken = has_manifest(store, goal.target)
    except SealError as error:
        if error.code is not SealRefusal.NOT_FOUND:
            raise
        return
    if taken:
        raise CliError(
            Kind.CONFLICT,
            "tag-exists",
            f"{goal} exists, and nothing of this owner's under it",
            next_step=f"name a tag: {goal.location}:TAG",
        )


def _numbered(session: Session, order: SealOrder, highest: int) -> SealOrder:
    if order.version == 0:
        told = f"the highest published one is {highest}" if highest else "the first one there"
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
        for broker in order.brokers.brokers:
            with _asking(broker.url):
                is_new = ensure_policy(
                    release,
                    url=broker.url,
                    identity=broker.identity or "",
                    owner=owner,
                    now=session.now(),
                )
            # Said at once: a broker after this one may refuse.
            session.say(
                f"release policy {named} counts at {broker.url} from now on"
                if is_new
                else f"{broker.url} has {named} or a newer one already; "
                "after a change raise metadata.version in the file"
            )


@contextmanager
def _asking(url: str) -> Iterator[None]:
    """Say of a refusal which broker it is from, and of a revoked key what its holder can do."""
    try:
        yield
    except CliError as error:
        error.where = ", ".join(part for part in (url, error.where) if part)
        if error.code == "owner-revoked":
            error.what = "the key that signs this was revoked there: no runner gets a key for it"
            error.next_step = (
                "--key KEY, one that followed it (sealwasm rotate) or is enrolled anew"
            )
        raise


def _push(
    modules: list[SealedModule],
    goal: AnyReference,
    owner: Signer,
    registry: RegistryAccess,
    *,
    tagged: bool,
) -> str:
    from sealwasm.artifacts.transfers import push_artifact, push_index

    if not tagged:
        # Once more: sealing and enrolling took their time.
        _require_free(goal, registry)
    if len(modules) > 1:
        return push_index(modules, str(goal), owner=owner, registry=registry)
    return push_artifact(modules[0], str(goal), owner=owner, registry=registry)


def _facts(modules: list[SealedModule], reference: str) -> dict[str, Any]:
    from sealwasm.owner.sealing import facts_of, shapes_of

    return {
        "reference": reference,
        "published": True,
        **facts_of(modules[0]),
        **shapes_of(modules),
    }


def _foreseen(modules: list[SealedModule], goal: str, wish: Wish) -> dict[str, Any]:
    from sealwasm.artifacts.visibility import seen_by
    from sealwasm.owner.sealing import foreseen_of

    release, facts = wish.release, foreseen_of(modules)
    return {
        "would_be": goal,
        "published": False,
        **facts,
        "release_policy": release.to_document() if release else None,
        "sees": seen_by(modules[0].statement, ciphertext_bytes=facts["bytes"]),
    }


def _facts_of_published(wish: Wish, same: Offered) -> dict[str, Any]:
    """Return of what was published before what `_facts` says of what is published now."""
    from sealwasm.owner.sealing import facts_about

    artifact = same.first
    facts = facts_about(artifact.statement, artifact.manifest.layer_size)
    return {
        "reference": f"{wish.place.location}@{same.digest}",
        "published": True,
        **facts,
        **({"shapes": same.shapes} if same.is_index else {}),
    }
