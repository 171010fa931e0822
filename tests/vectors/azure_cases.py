"""What the Azure vectors are made of: good evidence of both kinds, one thing wrong in each case."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from attestation.intel.quote import parse_quote
from attestation.simulated import SimulatedGuest
from attestation.simulated.azure.faults import Fault
from attestation.simulated.azure.guest import SimulatedAzureGuest
from attestation.simulated.azure.hcl_writer import (
    HclFields,
    encode_hcl,
    runtime_data,
    tdreport_of,
)
from attestation.simulated.intel.publish import bundle_of
from attestation.simulated.snp.faults import Fault as SnpFault
from attestation.simulated.tdx.faults import Fault as TdxFault
from attestation.simulated.tdx.guest import QuoteForm, SimulatedTdxGuest
from attestation.verifiers.azure.hcl import REPORT_SNP, REPORT_TDX
from tests.fakes import intel
from tests.fakes.silicon import (
    MEASUREMENT,
    REPORT_DATA,
    fixed_salt_signer_of,
    make_silicon,
)
from tests.fakes.tpm import azure_keys, rsa_key
from tests.vectors.folder import ACCEPTED

Parts = dict[str, bytes]
Change = Callable[[Parts], Parts]

SNP, TDX = "azure-snp", "azure-tdx"
MILAN = make_silicon(signers=fixed_salt_signer_of)
INTEL = intel.make_silicon(tdx=True)
AK, EK = rsa_key("ak").public_key(), rsa_key("other").public_key()
RUNTIME = runtime_data(AK, EK)
KINDS = {SNP: REPORT_SNP, TDX: REPORT_TDX}
# Letter of a step -> which part of the verification must refuse.
STAGES = {
    "H": "hcl-report",
    "Q": "quote",
    "S": "hardware",
    "T": "hardware",
    "B": "binding",
    "G": "signature",
    "R": "pcrs",
    "F": "freshness",
    "P": "policy",
}


@dataclass(frozen=True)
class Case:
    """One folder: evidence, what the caller gives, and what must come out."""

    name: str
    why: str
    expect: str
    tee: str
    parts: Parts
    certificates: Sequence[bytes] = ()
    crls: Sequence[bytes] = ()
    bundle: bytes = b""
    anchors: str = "simulated"
    policy: dict[str, Any] = field(default_factory=dict)
    report_data: bytes = REPORT_DATA
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        return "claims" if self.expect == ACCEPTED else STAGES[self.why[0]]


def hardware(tee: str, *faults: str, form: QuoteForm = QuoteForm.V5_TD15) -> Any:
    """Return the guest as hardware sees it."""
    guest: Any = SimulatedGuest(MILAN, lambda: MILAN, MEASUREMENT)
    if tee == TDX:
        guest = SimulatedTdxGuest(INTEL, MEASUREMENT, form)
    for fault in faults:
        guest = guest.with_fault(TdxFault(fault) if tee == TDX else SnpFault(fault))
    return guest


def case(name: str, why: str, expect: str = ACCEPTED, tee: str = SNP, **options: Any) -> Case:
    """Return a case that differs from the good one of its kind only in `options`."""
    guest = SimulatedAzureGuest(
        hardware(tee, *options.pop("hardware", ()), form=options.pop("form", QuoteForm.V5_TD15)),
        azure_keys(),
        MEASUREMENT,
    )
    if fault := options.pop("fault", None):
        guest = guest.with_fault(Fault(fault))
    change = options.pop("change", lambda parts: parts)
    made = Case(name, why, expect, tee, change(dict(guest.attest(REPORT_DATA).parts)))
    if tee == SNP:
        chain = [MILAN.intermediate("vcek"), MILAN.root()]
        return replace(made, **{"certificates": chain, "crls": [MILAN.crl()]} | options)
    return replace(made, **{"bundle": bundle_of(INTEL, frozenset())} | options)


def both(name: str, why: str, expect: str = ACCEPTED, **options: Any) -> tuple[Case, Case]:
    """Return the same case of both kinds."""
    return (
        case(f"snp-{name}", why, expect, SNP, **options),
        case(f"tdx-{name}", why, expect, TDX, **options),
    )


def part(**values: bytes) -> Change:
    """Replace or add parts."""
    return lambda parts: parts | values


def behind(name: str, tail: bytes) -> Change:
    """Add bytes behind a part."""
    return lambda parts: parts | {name: parts[name] + tail}


def bytes_at(name: str, offset: int, value: bytes) -> Change:
    """Replace bytes of a part."""

    def run(parts: Parts) -> Parts:
        data = parts[name]
        return parts | {name: data[:offset] + value + data[offset + len(value) :]}

    return run


def flipped(name: str, offset: int) -> Change:
    """Flip the lowest bit of one byte of a part."""
    return lambda parts: bytes_at(name, offset, bytes([parts[name][offset] ^ 1]))(parts)


def runtime(
    tee: str = SNP, data: bytes | None = None, hash_type: int = 1, **changes: Any
) -> Change:
    """Bind other runtime data, rightly: hardware reports on it."""
    text = runtime_data(AK, EK, **changes) if data is None else data
    name = {1: "sha256", 2: "sha384", 3: "sha512"}[hash_type]
    return bound(hashlib.new(name, text).digest().ljust(64, b"\0"), tee, text, hash_type)


def bound(report_data: bytes, tee: str = SNP, text: bytes = RUNTIME, hash_type: int = 1) -> Change:
    """Make the hardware report on this report data."""

    def run(parts: Parts) -> Parts:
        evidence = hardware(tee).attest(report_data).parts
        if tee == SNP:
            own = {"vek": evidence["vek"]}
            report = evidence["report"]
        else:
            own = {"td_quote": evidence["quote"]}
            report = tdreport_of(parse_quote(evidence["quote"]).body)  # type: ignore[arg-type]
        fields = HclFields(report, text, KINDS[tee], hash_type)
        return parts | own | {"hcl_report": encode_hcl(fields)}

    return run


def quote(change: Callable[[bytes], bytes]) -> Change:
    """Change the quote and sign it again with the virtual TPM's key."""

    def run(parts: Parts) -> Parts:
        message = change(parts["quote"])
        signature = rsa_key("ak").sign(message, padding.PKCS1v15(), hashes.SHA256())
        return parts | {"quote": message, "signature": signature}

    return run


def tdreport(**changes: Any) -> Change:
    """Put a TDREPORT of another TD into the HCL report, with the right digests in it."""

    def run(parts: Parts) -> Parts:
        body = parse_quote(parts["td_quote"]).body
        made = tdreport_of(replace(body, **changes))  # type: ignore[arg-type, type-var]
        return bytes_at("hcl_report", 32, made)(parts)

    return run
