"""Whether what `publish` is asked for is there already: by signatures, and with no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealing.errors import SealError, SealRefusal

if TYPE_CHECKING:
    from sealing.keys import Signer
    from sealing.manifest import SealedManifest
    from sealing.module_source import ModuleSource
    from sealing.unseal import VerifiedArtifact
    from sealwasm.artifacts.listing import Listed
    from sealwasm.artifacts.offered import Offered
    from sealwasm.artifacts.registry_access import RegistryAccess
    from sealwasm.artifacts.transfers import AnyReference
    from sealwasm.owner.sealing import SealOrder
    from sealwasm.session import Session

_HIDDEN = "--hide-details keeps its digest from whoever has no content key, and so from `publish`"
_ALSO = "for which keys of other tools it is sealed cannot be seen"


def same_published(
    session: Session,
    order: SealOrder,
    newest: Listed,
    place: AnyReference,
    owner: Signer,
    registry: RegistryAccess,
) -> Offered | None:
    """Return the newest version if sealing again would only make another ciphertext of it.

    Where it cannot be told, or does not hold in all of its shapes, that is said.
    """
    if order.version not in (0, newest.version):
        return None
    offered = _offered(session, newest, place, owner, registry)
    if offered is None or not _said_alike(order, newest, offered):
        return None
    return offered if _same_module(session, order, offered) else None


def _offered(
    session: Session,
    newest: Listed,
    place: AnyReference,
    owner: Signer,
    registry: RegistryAccess,
) -> Offered | None:
    from sealwasm.artifacts.listing import OF_THE_WAY
    from sealwasm.artifacts.offered import offered_at
    from sealwasm.owner.resealing import trust_in

    trust = trust_in(owner).resolve(session.now())
    try:
        with registry.open(place) as store:
            return offered_at(store, place.with_tag(newest.tag), trust)
    except SealError as error:
        if error.code in OF_THE_WAY:
            raise
        # After a rotation the newest one is by the key before: nothing is wrong with it.
        if error.code is not SealRefusal.SIGNER_UNKNOWN:
            session.say(
                f"version {newest.version} there is not whole ({error.code}): {error.detail}"
            )
        return None


def _said_alike(order: SealOrder, newest: Listed, offered: Offered) -> bool:
    """Return whether everything but the module is as ordered; all shapes say the same of it."""
    from sealing.hidden_bill import HiddenBill
    from sealwasm.owner.sealing import load_capabilities_file

    statement = offered.first.statement
    policy = load_capabilities_file(order.capabilities)
    return (
        # The tag was asked twice: another answer could be an older version, or another module.
        (statement.module, statement.version) == (order.name, newest.version)
        and tuple(offered.shapes) == order.shapes
        and isinstance(statement.bill, HiddenBill) is order.hide_details
        and statement.capabilities == policy.to_document()
        and statement.policy == order.policy
        and statement.recipients == order.kinds
        and statement.brokers == order.brokers.identities
        and statement.threshold == order.brokers.threshold
        and _same_holders(order, offered.first.manifest)
    )


def _same_holders(order: SealOrder, manifest: SealedManifest) -> bool:
    """Return whether a manifest is for the recovery keys and the suite of `order`.

    Of the same kind is not enough: an old key that was lost would go on opening the module.
    """
    from sealwasm.artifacts.holders import read_recovery_public

    held = {one.key for one in manifest.envelopes if one.is_recovery}
    suites = {one.suite for one in manifest.envelopes if not one.is_recovery}
    wanted = {read_recovery_public(path).key_id for path in order.recovery_keys}
    return held == wanted and suites == {order.suite}


def _same_module(session: Session, order: SealOrder, offered: Offered) -> bool:
    """Return whether every shape holds the module of `order`; say why where nobody can tell."""
    from sealwasm.owner.sealing import opened

    module = opened(order)
    if not all(_may_hold(one, module) for one in offered.artifacts):
        return False
    reason = _HIDDEN if order.hide_details else _ALSO if order.also else ""
    if reason:
        version = offered.first.statement.version
        session.say(f"version {version} there may be this very module: {reason}. It is sealed anew")
    return not reason


def _may_hold(artifact: VerifiedArtifact, module: ModuleSource) -> bool:
    """Return whether an artifact holds the module, or hides which one of its size it holds."""
    from sealing.hidden_bill import HiddenBill
    from sealing.shapes import CompatConfig, CompatSource

    config = artifact.config
    if isinstance(config, CompatConfig):
        return config.tar_digest == CompatSource(module).tar_digest
    if isinstance(artifact.statement.bill, HiddenBill):
        return artifact.manifest.layer_size == module.size
    return config.listed_digest == module.digest
