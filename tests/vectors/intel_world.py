"""What the TDX and SGX vectors are made of: a good quote, and ways to make one thing wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated.authority import derive_key
from attestation.simulated.intel.collateral import (
    Collateral,
    qe_identity_of,
    tcb_info_of,
    text_of,
)
from attestation.simulated.intel.quote_writer import (
    QE_REPORT,
    auth_data,
    certification,
    raw_point,
    raw_signature,
    with_length,
)
from attestation.simulated.intel.silicon import IntelSilicon
from attestation.simulated.sgx.faults import Fault as SgxFault
from attestation.simulated.sgx.guest import SimulatedSgxEnclave
from attestation.simulated.tdx.faults import Fault as TdxFault
from attestation.simulated.tdx.guest import SimulatedTdxGuest
from tests.fakes.intel import make_silicon
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA
from tests.vectors.folder import ACCEPTED

Document = dict[str, Any]
Published = Collateral | bytes

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
SIGNATURE_BYTES = 64
REPORT_BYTES = 384
# Letter of a step -> which part of the verification must refuse.
STAGES = {
    "Q": "quote",
    "C": "chain",
    "G": "signature",
    "F": "main",
    "A": "attributes",
    "K": "collateral",
    "E": "enclave",
    "M": "module",
    "T": "policy",
    "P": "policy",
    "L": "event-log",
}
# Statuses are gathered first and judged as one.
GATHERED = ("E2", "M3")


@dataclass(frozen=True)
class Case:
    """One folder: evidence, what the caller gives, and what must come out."""

    name: str
    why: str
    expect: str
    stage: str
    quote: bytes
    collateral: Sequence[Published]
    roots: Sequence[bytes]
    anchors: str = "simulated"
    now: datetime = NOW
    policy: dict[str, dict[str, Any]] = field(default_factory=dict)
    report_data: bytes = REPORT_DATA
    claims: dict[str, Any] = field(default_factory=dict)
    event_log: bytes | None = None


@dataclass(frozen=True)
class Pieces:
    """A quote taken apart; `build` puts it together, with signatures unless they are given."""

    header: bytes
    # In version 5 with type and size.
    body: bytes
    key: ec.EllipticCurvePrivateKey
    pck_key: ec.EllipticCurvePrivateKey
    qe_report: bytes
    chain: bytes
    auth: bytes = bytes(range(32))
    kind: int = 5
    # Version 3 has no nesting.
    nested: int | None = QE_REPORT
    signature: bytes | None = None
    qe_signature: bytes | None = None
    point: bytes | None = None
    # Stand for what would be inside.
    certified: bytes | None = None
    signature_data: bytes | None = None

    def build(self) -> bytes:
        signed = self.header + self.body
        return signed + with_length(self.signature_data or self.data())

    def data(self) -> bytes:
        signature = self.signature or raw_signature(self.key, self.header + self.body)
        certified = self.certified or self.certification()
        if self.nested is not None:
            certified = certification(self.nested, certified)
        return signature + (self.point or raw_point(self.key)) + certified

    def certification(self) -> bytes:
        signature = self.qe_signature or raw_signature(self.pck_key, self.qe_report)
        chain = certification(self.kind, self.chain)
        return self.qe_report + signature + auth_data(self.auth) + chain

    def rebound(self) -> Pieces:
        """Return it with a QE report about this key and authentication data."""
        digest = hashlib.sha256((self.point or raw_point(self.key)) + self.auth).digest()
        return replace(self, qe_report=poke(self.qe_report, 320, digest))


def poke(data: bytes, at: int, value: bytes | int) -> bytes:
    """Return `data` with other bytes at one place; negative places count from the end."""
    new = bytes([value]) if isinstance(value, int) else value
    at %= len(data)
    return data[:at] + new + data[at + len(new) :]


def flipped(data: bytes, at: int = -1) -> bytes:
    """Flip the lowest bit of one byte."""
    return poke(data, at, data[at] ^ 1)


@dataclass(frozen=True)
class World:
    """One TEE: its platform and how quotes are made there."""

    tee: str
    silicon: IntelSilicon
    # A platform of the same vendor that makes quotes of the other TEE.
    other_tee: IntelSilicon

    @property
    def apart(self) -> IntelSilicon:
        """Another platform, of a vendor with the same names and other keys."""
        return make_silicon(tdx=self.tee == "tdx", platform="07e57e57")

    def guest(self, fault: str | None = None, **options: Any) -> Any:
        made: Any
        if self.tee == "tdx":
            faults = frozenset({TdxFault(fault)} if fault else ())
            made = SimulatedTdxGuest(self.silicon, MEASUREMENT, faults=faults)
        else:
            sgx_faults = frozenset({SgxFault(fault)} if fault else ())
            made = SimulatedSgxEnclave(self.silicon, MEASUREMENT, faults=sgx_faults)
        return replace(made, **options)

    def quote(self, fault: str | None = None, **options: Any) -> bytes:
        quote: bytes = self.guest(fault, **options).attest(REPORT_DATA).parts["quote"]
        return quote

    def pieces(self, fault: str | None = None, **options: Any) -> Pieces:
        quote = self.quote(fault, **options)
        version = quote[0]
        size = 584 if self.tee == "tdx" else REPORT_BYTES
        if version == 5:
            size = 6 + int.from_bytes(quote[50:54], "little")
        body, data = quote[48 : 48 + size], quote[48 + size + 4 :]
        report_at = 2 * SIGNATURE_BYTES + (0 if version == 3 else 6)
        chain_at = data.index(b"-----BEGIN")
        return Pieces(
            header=quote[:48],
            body=body,
            key=derive_key(self.silicon.identity.secret, "attestation key"),
            pck_key=self.silicon.pck(frozenset({fault} if fault else ())).key,
            qe_report=data[report_at : report_at + REPORT_BYTES],
            chain=data[chain_at:],
            nested=None if version == 3 else QE_REPORT,
        )

    def collateral(self, fault: str | None = None) -> Collateral:
        return self.silicon.collateral(frozenset({fault} if fault else ()))

    def tcb_info(
        self, change: Callable[[Document], Any], of: Collateral | None = None
    ) -> Collateral:
        """Return the collateral with a TCB info that says something else, rightly signed."""
        document = tcb_info_of(self.silicon.publication())
        change(document)
        signer = self.silicon.vendor.tcb_signer
        return (of or self.collateral()).with_tcb_info(text_of(document), signer)

    def identity(
        self, change: Callable[[Document], Any], of: Collateral | None = None
    ) -> Collateral:
        """Return the collateral with a QE identity that says something else, rightly signed."""
        document = qe_identity_of(self.silicon.publication())
        change(document)
        signer = self.silicon.vendor.tcb_signer
        return (of or self.collateral()).with_qe_identity(text_of(document), signer)

    def good(self, name: str, why: str, **options: Any) -> Case:
        """Return an accepted case."""
        return self.case(name, why, ACCEPTED, stage="claims", **options)

    def case(self, name: str, why: str, expect: str, **options: Any) -> Case:
        """Return a case that differs from the good one only in `options`."""
        fault = options.pop("fault", None)
        parts = self.guest(fault).attest(REPORT_DATA).parts
        made = Case(
            name=name,
            why=why,
            expect=expect,
            stage="policy" if why[:2] in GATHERED else STAGES[why[0]],
            quote=parts["quote"],
            event_log=parts.get("event_log"),
            collateral=[self.collateral(fault)],
            roots=[self.silicon.vendor.root.certificate],
        )
        return replace(made, **options)


def accepting(*statuses: str) -> dict[str, dict[str, Any]]:
    """Return a policy that takes these statuses of a TCB besides the best."""
    return {"intel": {"accepted_statuses": sorted({"UpToDate", *statuses})}}


TDX = World("tdx", make_silicon(tdx=True), make_silicon(tdx=False))
SGX = World("sgx", make_silicon(tdx=False), make_silicon(tdx=True))
# The same vendor certifies single packages by its other CA.
TDX_PROCESSOR = replace(TDX, silicon=make_silicon(tdx=True, pck_ca="processor"))
SGX_PROCESSOR = replace(SGX, silicon=make_silicon(tdx=False, pck_ca="processor"))
