"""Which of the bundles beside a manifest count: those that hold, by keys somebody trusts.

Anybody who may write to a repository may attach bundles, and write any key's id into them. So each
one is verified before it is believed to be anybody's, and what does not hold is nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.signatures.bundle import UnverifiedBundle
from sealing.signatures.statement import PREDICATE_TYPE


@dataclass(frozen=True, slots=True)
class SignedPayload:
    """One payload and everybody trusted who signed it."""

    payload: bytes = field(repr=False)
    signers: tuple[VerifyingKey, ...]
    by_key: Mapping[str, bytes] = field(repr=False)

    def require_owner(self, key_id: str) -> VerifyingKey:
        """Return the key of the owner that the payload names, or raise: it has to be a signer."""
        for key in self.signers:
            if key.key_id == key_id:
                return key
        raise SealError(SealRefusal.STATEMENT_MISMATCH, "statement names another owner")

    def ordered(self, owner: VerifyingKey) -> tuple[VerifyingKey, ...]:
        """Return the signers, `owner` first."""
        return (owner, *(key for key in self.signers if key.key_id != owner.key_id))


def require_signatures(
    bundles: Sequence[bytes], keys: Sequence[VerifyingKey], *, manifest: str, threshold: int
) -> SignedPayload:
    """Return the one payload about `manifest` that at least `threshold` of `keys` signed, or raise.

    Only the payload's type and subject are looked at. Raises `SealError`; `ValueError` for a
    threshold below 1.
    """
    if threshold < 1:
        raise ValueError(f"threshold is {threshold}, expected at least 1")
    if not bundles:
        raise SealError(SealRefusal.SIGNATURE_MISSING, "artifact has no owner signature")
    if len(bundles) > limits.BUNDLES:
        detail = f"{len(bundles)} signatures, limit {limits.BUNDLES}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    trusted = {key.key_id: key for key in keys}
    found: dict[str, tuple[bytes, bytes]] = {}
    refusals: list[SealError] = []
    for bundle in bundles:
        try:
            key, payload = _verified(bundle, trusted, manifest)
        except SealError as error:
            refusals.append(error)
            continue
        if found.setdefault(key.key_id, (payload, bundle))[0] != payload:
            detail = f"key {key.key_id[:16]} signed two different statements"
            raise SealError(SealRefusal.SIGNATURE_REPEATED, detail)
    return _agreed(found, trusted, threshold, refusals)


def signed_by_one_of(
    keys: Sequence[VerifyingKey], bundle: bytes, *, manifest: str
) -> tuple[str, str] | None:
    """Return whose signature about `manifest` a bundle is and the digest of what it signs.

    None if it is nothing that `require_signatures` would count.
    """
    try:
        key, payload = _verified(bundle, {key.key_id: key for key in keys}, manifest)
    except SealError:
        return None
    return key.key_id, canonical.digest_of(payload)


def _verified(
    bundle: bytes, trusted: Mapping[str, VerifyingKey], manifest: str
) -> tuple[VerifyingKey, bytes]:
    found = UnverifiedBundle.parse(bundle)
    key = trusted.get(found.key_hint)
    if key is None:
        detail = f"signature names key {found.key_hint[:16]}, which is not trusted here"
        raise SealError(SealRefusal.SIGNER_UNKNOWN, detail)
    payload = found.verify(key)
    _require_about(payload, manifest)
    return key, payload


def _require_about(payload: bytes, manifest: str) -> None:
    """Refuse what a trusted key signed about something else, or as something else.

    Attestations lie beside the statement, and whoever may write to the repository can put what an
    owner signed about another artifact there too.
    """
    value = canonical.parse_json(
        payload, limit_bytes=limits.STATEMENT_BYTES, what="statement", dense=True
    )
    if not isinstance(value, dict) or value.get("predicateType") != PREDICATE_TYPE:
        raise SealError(SealRefusal.STATEMENT_TYPE, f"expected {PREDICATE_TYPE}")
    if _subject_of(value.get("subject")) not in (manifest, None):
        raise SealError(SealRefusal.STATEMENT_MISMATCH, "statement is for another manifest")


def _subject_of(value: Any) -> str | None:
    """Return the digest that a subject of our form names, or None: its parser will say why."""
    match value:
        case [{"digest": {"sha256": str(hexadecimal)}}]:
            return f"sha256:{hexadecimal}"
        case _:
            return None


def _agreed(
    found: Mapping[str, tuple[bytes, bytes]],
    trusted: Mapping[str, VerifyingKey],
    threshold: int,
    refusals: Sequence[SealError],
) -> SignedPayload:
    if not found:
        # A signature that claims an expected key and fails says more than a stranger's does.
        known = [each for each in refusals if each.code is not SealRefusal.SIGNER_UNKNOWN]
        raise (known or refusals)[0]
    payloads = {payload for payload, _ in found.values()}
    if len(payloads) > 1:
        raise SealError(SealRefusal.SIGNATURE_REPEATED, "owners signed different statements")
    if len(found) < threshold:
        detail = f"{len(found)} of {threshold} owners signed"
        raise SealError(SealRefusal.SIGNATURE_MISSING, detail)
    return SignedPayload(
        payloads.pop(),
        tuple(trusted[key_id] for key_id in found),
        {key_id: bundle for key_id, (_, bundle) in found.items()},
    )
