"""What can be wrong with simulated silicon: one thing each, so that one check is seen to fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from attestation.simulated.snp.report_writer import ReportFields
from attestation.verifiers.snp.acceptance import DEBUG, MIGRATE_MA
from attestation.verifiers.snp.report import NO_KEY, VMPL_HOST


class Fault(StrEnum):
    """Names as the command line takes them and the platform's folder keeps them."""

    # What the report says
    DEBUG = "debug"
    MIGRATABLE = "migratable"
    WRONG_VMPL = "wrong-vmpl"
    HOST_REQUESTED = "host-requested"
    WRONG_CHIP = "wrong-chip"
    MASKED_CHIP_ID = "masked-chip-id"
    EMPTY_REPORT_DATA = "empty-report-data"
    OLD_TCB = "old-tcb"
    TCB_OUT_OF_ORDER = "tcb-out-of-order"
    # What it was made for, and who made it
    REPLAYED_NONCE = "replayed-nonce"
    SIGNED_BY_STRANGER = "signed-by-stranger"
    UNSIGNED = "unsigned"
    TAMPERED = "tampered"
    # Its certificate
    WRONG_TCB_CERTIFICATE = "wrong-tcb-certificate"
    EXPIRED_VEK = "expired-vek"
    FUTURE_CLOCK = "future-clock"
    NO_CERTIFICATE = "no-certificate"
    # What the vendor publishes
    EXPIRED_ASK = "expired-ask"
    REVOKED_ASK = "revoked-ask"


# The names alone, for a command line to offer.
FAULTS: Final = tuple(fault.value for fault in Fault)


def _out_of_order(fields: ReportFields) -> ReportFields:
    # Microcode is the last part of every layout.
    lower = fields.tcb[:7] + bytes([fields.tcb[7] - 1])
    return replace(fields, committed_tcb=lower)


# What each fault does to the fields before they are signed.
FIELD_FAULTS: Final[Mapping[Fault, Callable[[ReportFields], ReportFields]]] = MappingProxyType(
    {
        Fault.DEBUG: lambda fields: replace(fields, policy=fields.policy | DEBUG),
        Fault.MIGRATABLE: lambda fields: replace(fields, policy=fields.policy | MIGRATE_MA),
        Fault.WRONG_VMPL: lambda fields: replace(fields, vmpl=1),
        Fault.HOST_REQUESTED: lambda fields: replace(fields, vmpl=VMPL_HOST),
        Fault.WRONG_CHIP: lambda fields: replace(
            fields, chip_id=bytes(octet ^ 0xFF for octet in fields.chip_id)
        ),
        Fault.MASKED_CHIP_ID: lambda fields: replace(fields, chip_id=b""),
        Fault.EMPTY_REPORT_DATA: lambda fields: replace(fields, report_data=bytes(64)),
        Fault.TCB_OUT_OF_ORDER: _out_of_order,
        Fault.UNSIGNED: lambda fields: replace(fields, key_info=NO_KEY << 2),
    }
)
