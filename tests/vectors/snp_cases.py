"""What the SNP vectors are made of: a good report, and ways to make one thing wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attestation.simulated import Fault, SimulatedGuest, der_writer
from attestation.simulated.snp.report_writer import ReportFields, encode_body, sign_report
from attestation.simulated.snp.silicon import Silicon
from attestation.x509 import der
from attestation.x509.certificate import Certificate, parse_certificate
from tests.fakes.silicon import (
    MEASUREMENT,
    NOW,
    REPORT_DATA,
    fixed_salt_signer_of,
    make_silicon,
)
from tests.vectors.folder import ACCEPTED

Parts = dict[str, bytes]
Change = Callable[[Parts], Parts]

DAY = timedelta(days=1)
SILICON = {
    name: make_silicon(name, signers=fixed_salt_signer_of) for name in ("milan", "genoa", "turin")
}
MILAN = SILICON["milan"]
STRANGER = make_silicon(is_stranger=True, signers=fixed_salt_signer_of)
OTHER_PLATFORM = make_silicon(platform="07e57e57", signers=fixed_salt_signer_of)
# The fields of a TBSCertificate, in order.
FIELDS = (
    "version",
    "serial",
    "algorithm",
    "issuer",
    "validity",
    "subject",
    "spki",
    "extensions",
)


@dataclass(frozen=True)
class Case:
    """One folder: evidence, what the caller gives, and what must come out."""

    name: str
    why: str
    expect: str
    stage: str
    parts: Parts
    certificates: Sequence[bytes]
    crls: Sequence[bytes] = ()
    anchors: str = "simulated"
    now: datetime = NOW
    policy: dict[str, Any] = field(default_factory=dict)
    crl_policy: str = "required"
    report_data: bytes = REPORT_DATA
    root: bytes = b""
    claims: dict[str, Any] = field(default_factory=dict)


def good(name: str, why: str, **options: Any) -> Case:
    """Return an accepted case."""
    return case(name, why, ACCEPTED, "claims", **options)


def case(name: str, why: str, expect: str, stage: str, **options: Any) -> Case:
    """Return a case that differs from the good one of its product only in `options`."""
    silicon, kind = SILICON[options.pop("product", "milan")], options.pop("kind", "vcek")
    guest = SimulatedGuest(
        silicon, lambda: STRANGER, MEASUREMENT, signing_key=kind, **options.pop("guest", {})
    )
    if fault := options.pop("fault", None):
        guest = guest.with_fault(Fault(fault))
    change = options.pop("change", lambda parts: parts)
    made = Case(
        name=name,
        why=why,
        expect=expect,
        stage=stage,
        parts=change(dict(guest.attest(REPORT_DATA).parts)),
        certificates=chain_of(silicon, kind),
        crls=[silicon.crl()],
        root=silicon.root(),
    )
    return replace(made, **options)


def chain_of(silicon: Silicon, kind: str = "vcek") -> list[bytes]:
    """Return what the vendor publishes for one kind of key."""
    return [silicon.intermediate(kind), silicon.root()]


def part(name: str, value: bytes) -> Change:
    """Replace or add a part of the evidence."""
    return lambda parts: parts | {name: value}


def report(silicon: Silicon = MILAN, **changes: Any) -> Change:
    """Replace the report by a rightly signed one that says something else."""
    model = silicon.identity.model
    fields = ReportFields(
        version=model.report_version,
        cpuid=model.cpuid,
        tcb=model.tcb,
        chip_id=silicon.chip_id,
        measurement=MEASUREMENT,
        report_data=REPORT_DATA,
    )
    key = silicon.vek("vcek", model.tcb).key
    return part("report", sign_report(encode_body(replace(fields, **changes)), key))


def bytes_at(offset: int, value: int, *, resign: bool = True) -> Change:
    """Set one byte of the report, and sign it again unless told not to."""

    def change(parts: Parts) -> Parts:
        data = bytearray(parts["report"])
        data[offset] = value
        if resign:
            key = MILAN.vek("vcek", MILAN.identity.model.tcb).key
            return parts | {"report": sign_report(bytes(data[:0x2A0]), key)}
        return parts | {"report": bytes(data)}

    return change


def vek_of(silicon: Silicon, kind: str = "vcek") -> Certificate:
    """Return the VEK certificate of the current TCB."""
    return parse_certificate(silicon.vek(kind, silicon.identity.model.tcb).certificate)


def rebuilt(certificate: Certificate, role: str, **fields: bytes) -> bytes:
    """Return the certificate with other fields, signed by `role` (`outer`: outer algorithm)."""
    outer = fields.pop("outer", fields.get("algorithm", certificate.signature_algorithm))
    reader = der.DerReader(certificate.tbs, what="tbs").reader(der.SEQUENCE)
    items = {name: reader.take_raw(reader.peek() or 0)[0] for name in FIELDS}
    tbs = der_writer.sequence(*(items | fields).values())
    signature = fixed_salt_signer_of(role).sign(tbs)
    return der_writer.sequence(tbs, outer, der_writer.bits(signature))


def extensions_of(certificate: Certificate, **changes: bytes | None) -> bytes:
    """Return its extensions with some replaced, removed (None) or added, by dotted name."""
    changes = {name.replace("_", ".").lstrip("x"): value for name, value in changes.items()}
    kept = {name: one.value for name, one in certificate.extensions.items()} | changes
    critical = {name for name, one in certificate.extensions.items() if one.critical}
    return extension_list(
        *(
            der_writer.extension(name, value, critical=name in critical)
            for name, value in kept.items()
            if value is not None
        )
    )


def extension_list(*extensions: bytes) -> bytes:
    """Return the extensions field of a certificate."""
    return der_writer.tlv(der.context(3), der_writer.sequence(*extensions))


def table(*entries: tuple[UUID, bytes], tail: bytes = b"") -> bytes:
    """Return a certificate table, also with a GUID twice."""
    offset, header, blobs = 24 * (len(entries) + 1), b"", b""
    for guid, blob in entries:
        header += guid.bytes + offset.to_bytes(4, "little") + len(blob).to_bytes(4, "little")
        offset += len(blob)
        blobs += blob
    return header + bytes(24) + blobs + tail
