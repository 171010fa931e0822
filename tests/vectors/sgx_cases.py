"""Vectors of docs/specs/evidence-sgx.md that TDX does not have: body, attributes, identity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from attestation.simulated.intel.quote_writer import with_type_and_size
from attestation.simulated.sgx.guest import MR_SIGNER, launch_value
from tests.fakes.silicon import MEASUREMENT, REPORT_DATA
from tests.vectors.intel_quote_cases import RESERVED_OF_QE
from tests.vectors.intel_world import SGX, SGX_PROCESSOR, Case, poke

GOOD = SGX.guest().report(REPORT_DATA)
PLAIN = 0x05


def report(**changes: Any) -> bytes:
    """Return a rightly signed quote whose enclave report says something else."""
    return replace(SGX.pieces(), body=replace(GOOD, **changes).encode()).build()


def own_cases() -> list[Case]:
    """Return the cases."""
    return [*_bodies(), *_attributes(), *_identity()]


def _bodies() -> Iterator[Case]:
    for version in (3, 4, 5):
        claims = {
            "measurement": launch_value(MEASUREMENT).hex(),
            "mrsigner": MR_SIGNER.hex(),
            "product": "sgx",
            "quote-version": version,
        }
        quote = SGX.quote(version=version)
        why = "Q4: a body of its size" if version == 5 else "Q2: every version"
        yield SGX.good(f"version-{version}", why, quote=quote, claims=claims)
        tampered = SGX.quote("tampered", version=version)
        yield SGX.case(
            f"version-{version}-tampered", "G1: every version", "signature-invalid", quote=tampered
        )
    good, nested, typed = SGX.pieces(), SGX.pieces(version=4), SGX.pieces(version=5)
    for at in RESERVED_OF_QE:
        quote = replace(good, body=poke(good.body, at, 1)).build()
        yield SGX.case(f"reserved-{at}", "Q7: both reports", "malformed", quote=quote)
    body = GOOD.encode()
    for name, kind, content in (
        ("body-type-0", 0, body),
        ("body-type-2", 2, body),
        ("body-type-4", 4, body),
        ("body-shorter", 1, body[:-1]),
        ("body-longer", 1, body + b"\0"),
    ):
        quote = replace(typed, body=with_type_and_size(kind, content)).build()
        yield SGX.case(name, "Q4: a body of its size", "malformed", quote=quote)
    flat = replace(nested, nested=None).build()
    yield SGX.case("not-nested", "Q6: nested from version 4 on", "malformed", quote=flat)
    deep = replace(good, nested=6).build()
    yield SGX.case("nested-in-3", "Q6: not nested before", "malformed", quote=deep)
    yield SGX_PROCESSOR.good("processor-ca", "C3: either CA", claims={"pck-ca": "processor"})
    mixed = [SGX.collateral()]
    yield SGX_PROCESSOR.case(
        "list-of-platform-ca", "K8: by the PCK's issuer", "crl-issuer-mismatch", collateral=mixed
    )


def _attributes() -> Iterator[Case]:
    allowed = {"sgx": {"allow_debug": True}}
    yield SGX.case("debug", "A1: no debugging", "debug-enabled", fault="debug")
    claims = {"debug": True}
    quote = SGX.quote("debug")
    yield SGX.good("debug-allowed", "A1: debugging", quote=quote, policy=allowed, claims=claims)
    why = "A2: known bits"
    yield SGX.case("no-init", "A2: an enclave that runs", "malformed", quote=report(attributes=4))
    for bit in (3, 8, 9, 11, 63):
        quote = report(attributes=PLAIN | 1 << bit)
        yield SGX.case(f"attribute-{bit}", why, "malformed", quote=quote)
    known = report(attributes=PLAIN | 0x10 | 0x20 | 0x40 | 0x80 | 0x400)
    yield SGX.good("known-attributes", why, quote=known, claims={"provision-key": True})


def _identity() -> Iterator[Case]:
    least = {"sgx": {"minimum_isv_svn": 2}}
    yield SGX.case("old-enclave", "P3: at least", "tcb-below-minimum", policy=least)
    yield SGX.good("new-enclave", "P3: at least", quote=report(isv_svn=2), policy=least)
    signer = {"sgx": {"signers": [MR_SIGNER.hex()]}}
    yield SGX.good("signer", "P4: one of these", policy=signer)
    other = {"sgx": {"signers": ["5e" * 32]}}
    yield SGX.case("other-signer", "P4: one of these", "measurement-mismatch", policy=other)
