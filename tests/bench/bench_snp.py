"""SNP verification against the bare sum of its primitives, chain remembered and from nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from attestation.endorsements import Endorsements
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated import SimulatedGuest
from attestation.trust import TrustAnchors
from attestation.verifiers.snp import chain, validity
from attestation.verifiers.snp.report import parse_report
from attestation.verify import verify
from attestation.x509.certificate import parse_certificate
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA, make_silicon

RUNS = 2000
POLICY, EXPECTED = EvidencePolicy(), ExpectedReportData(REPORT_DATA)
SILICON = make_silicon("genoa")
EVIDENCE = SimulatedGuest(SILICON, lambda: SILICON, MEASUREMENT).attest(REPORT_DATA)
CHAIN = [SILICON.intermediate("vcek"), SILICON.root()]
ANCHORS = TrustAnchors.vendor().with_simulated(encode_pem("CERTIFICATE", SILICON.root()))


def best_of(*calls: Callable[[], object]) -> list[float]:
    """Return microseconds of the quickest call of each; they alternate so that noise is shared."""
    best = [float("inf")] * len(calls)
    for _ in range(RUNS):
        for index, call in enumerate(calls):
            started = time.perf_counter()
            call()
            best[index] = min(best[index], (time.perf_counter() - started) * 1e6)
    return best


def verification(endorsements: Endorsements, evidence: UnverifiedEvidence = EVIDENCE) -> None:
    verify(
        evidence,
        report_data=EXPECTED,
        endorsements=endorsements,
        policy=POLICY,
        anchors=ANCHORS,
        now=NOW,
    )


def from_nothing() -> None:
    for cache in (chain._chains, chain._links, validity._verified_crls):
        cache._items.clear()
    verification(Endorsements.parse(CHAIN, [SILICON.crl()]))


def bare_report() -> Callable[[], object]:
    report = parse_report(EVIDENCE.parts["report"])
    key = load_der_public_key(parse_certificate(EVIDENCE.parts["vek"]).spki)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    signature, scheme = encode_dss_signature(report.r, report.s), ec.ECDSA(hashes.SHA384())
    return lambda: key.verify(signature, report.signed, scheme)


def bare_chain() -> Callable[[], object]:
    """Three RSA signatures (VEK, intermediate, list) and the report's."""
    vek, ask, ark = map(parse_certificate, (EVIDENCE.parts["vek"], *CHAIN))
    crl = Endorsements.parse([], [SILICON.crl()]).crls[0].parsed
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=48)
    signed = [(vek, ask.spki), (ask, ark.spki), (crl, ark.spki)]
    report = bare_report()

    def run() -> None:
        for one, spki in signed:
            key = load_der_public_key(spki)
            key.verify(one.signature, one.tbs, scheme, hashes.SHA384())  # type: ignore[union-attr, call-arg, arg-type]
        load_der_public_key(vek.spki)
        report()

    return run


def row(name: str, value: float, bare: float, goal: float | None) -> dict[str, Any]:
    ratio = value / bare
    return {
        "name": name,
        "value": round(value, 1),
        "unit": "us",
        "bare": round(bare, 1),
        "ratio": round(ratio, 3),
        "goal": None if goal is None else f"ratio <= {goal}",
        "ok": None if goal is None else ratio <= goal,
    }


def rows() -> list[dict[str, Any]]:
    """Return one row with the chain remembered and one with nothing remembered."""
    endorsements = Endorsements.parse(CHAIN, [SILICON.crl()])
    # Apart from each other: parsing certificates would push the short path out of the caches.
    warm, bare = best_of(lambda: verification(endorsements), bare_report())
    cold, bare_cold = best_of(from_nothing, bare_chain())
    return [
        row("snp verification, chain remembered", warm, bare, 1.15),
        # Parses four certificates and a list, which a broker does once.
        row("snp verification, from nothing", cold, bare_cold, None),
    ]
