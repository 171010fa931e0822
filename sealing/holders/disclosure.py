"""What an artifact tells everybody: bill and plaintext digest in clear, or neither.

Half of it would be no hiding at all, so configs and statements that do not agree are refused.
"""

from __future__ import annotations

from sealing.bill import AnyBill, ComponentBill
from sealing.config import OS, ModuleConfig, os_of
from sealing.errors import SealError, SealRefusal
from sealing.hidden_bill import HiddenBill
from sealing.manifest import SealedManifest
from sealing.shapes import WASM, AnyConfig, CompatConfig, Shape

Bill = AnyBill | HiddenBill


def require_hidable(shape: Shape, *, hide_details: bool) -> None:
    """Accept a shape in which what is asked can be hidden, or raise `SealError`."""
    if hide_details and shape is not WASM:
        # Whoever unpacks a container image compares it with the digest in its config.
        detail = f"an artifact of shape {shape.name} cannot hide its details"
        raise SealError(SealRefusal.PLATFORM, detail)


def require_disclosed_alike(bill: Bill, config: AnyConfig, manifest: SealedManifest) -> None:
    """Accept a config that tells as much as the signed bill does, or raise `SealError`."""
    if isinstance(config, CompatConfig):
        # Its readers expect the digest of what they unpack.
        agrees = not isinstance(bill, (HiddenBill, ComponentBill))
    elif isinstance(bill, HiddenBill):
        agrees = config == ModuleConfig.hiding(manifest.layer_digest, config.os)
    else:
        listed = config.listed_digest
        agrees = config == ModuleConfig.of(bill, listed) and listed != manifest.layer_digest
    if not agrees:
        detail = "config tells something else of the module than the statement"
        raise SealError(SealRefusal.STATEMENT_MISMATCH, detail)


def require_bill(found: AnyBill, signed: Bill, symkey: bytes) -> None:
    """Accept the bill of an opened module if it is the signed one, or raise `SealError`."""
    fits = signed.fits(found, symkey) if isinstance(signed, HiddenBill) else found == signed
    if not fits:
        raise SealError(SealRefusal.BILL_MISMATCH, "module is not what its bill of materials says")


def require_kind(found: AnyBill, config: AnyConfig) -> None:
    """Accept an opened module of the kind that its config tells, or raise `SealError`.

    Of a hidden one nothing else says beforehand whether it is a component.
    """
    told = config.os if isinstance(config, ModuleConfig) else OS
    if os_of(found) != told:
        detail = f"module is for {os_of(found)}, its config for {told}"
        raise SealError(SealRefusal.BILL_MISMATCH, detail)
