"""Cases of TDX and SGX quotes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from attestation.cases.case import Case, Claims, verify_case
from attestation.endorsements import DocumentKind

# A root among the inputs is not used: the pinned one is all that counts. Of an event log the ACPI
# table only says where in memory it lay.
INPUTS: Final = MappingProxyType(
    {
        "quote": "quote",
        "collateral": "collateral",
        "event_log": "event_log",
        "eventlog": "event_log",
        "ccel": "event_log",
        "ccel_data": "event_log",
        "ccel_table": "ccel_table",
        "root": "root",
    }
)


def run_tdx(case: Case) -> Claims:
    """Return the claims of a TD quote."""
    return _run(case, "tdx", ("quote", "event_log"))


def run_sgx(case: Case) -> Claims:
    """Return the claims of an enclave quote."""
    return _run(case, "sgx", ("quote",))


def _run(case: Case, tee: str, names: tuple[str, ...]) -> Claims:
    parts = {name: case.inputs[name] for name in names if name in case.inputs}
    documents = {DocumentKind.INTEL_COLLATERAL: case.list_of("collateral")}
    return dict(verify_case(case, tee, parts, documents=documents).values)
