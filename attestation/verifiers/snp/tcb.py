"""TCB_VERSION: eight bytes whose meaning depends on the product."""

from __future__ import annotations

from collections.abc import Mapping

from attestation.errors import EvidenceError, Refusal
from attestation.verifiers.snp.products import Product
from attestation.verifiers.snp.report import SnpReport


def parts_of(tcb: bytes, product: Product) -> dict[str, int]:
    """Return the TCB's parts by name."""
    return {name: tcb[offset] for name, offset in product.tcb.items()}


def check_reserved(report: SnpReport, product: Product) -> None:
    """Refuse a TCB with a value where the product has none."""
    for tcb in (report.reported_tcb, report.committed_tcb, report.current_tcb, report.launch_tcb):
        if any(tcb[offset] for offset in product.tcb_reserved.values()):
            raise EvidenceError(Refusal.MALFORMED, "report: reserved TCB bytes are not zero")


def check_order(report: SnpReport, product: Product) -> None:
    """Refuse unless reported <= committed <= current in every part.

    The platform cannot roll back below committed and cannot report more than it committed to.
    """
    if report.reported_tcb == report.committed_tcb == report.current_tcb:
        return
    for name, offset in product.tcb.items():
        reported, committed = report.reported_tcb[offset], report.committed_tcb[offset]
        current = report.current_tcb[offset]
        if not reported <= committed <= current:
            raise EvidenceError(
                Refusal.TCB_INCONSISTENT,
                f"TCB {name}: reported {reported}, committed {committed}, current {current}",
            )


def check_minimum(report: SnpReport, product: Product, minimum: Mapping[str, int]) -> None:
    """Refuse unless the reported and the launch TCB reach `minimum` in every part it names."""
    for name, least in minimum.items():
        offset = product.tcb.get(name)
        if offset is None:
            raise EvidenceError(Refusal.TCB_BELOW_MINIMUM, f"{product.name} has no TCB {name}")
        lower = min(report.reported_tcb[offset], report.launch_tcb[offset])
        if lower < least:
            raise EvidenceError(
                Refusal.TCB_BELOW_MINIMUM, f"TCB {name} is {lower}, expected at least {least}"
            )
