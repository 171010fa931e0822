"""TDX and SGX verification against the bare sum of its primitives and against dcap-qvl, in one run.

Real evidence where the project's shared folder is there, else that of simulated silicon, whose
lists of revoked certificates are shorter.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dcap_qvl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.evidence import UnverifiedEvidence
from attestation.intel import appraisal, attestation_key, chains, collateral
from attestation.intel.ecdsa import load_point
from attestation.intel.quote import parse_endorsed_key, parse_quote
from attestation.policy import EvidencePolicy, IntelPolicy
from attestation.report_data import UnsafeAnyReportData
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509 import certificate, crl, path, signatures
from attestation.x509.pem import encode_pem

RUNS = 1500
VECTORS = Path(__file__).parents[1] / "vectors"
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "evidence"
REAL = {
    "tdx": ("tdx/phala-tdx-v4", "tdx/collateral/phala-tdx-quote", "2025-07-04T10:16:31Z"),
    "sgx": ("sgx/phala-sgx-v3", "sgx/collateral/phala-sgx-quote", "2025-07-04T10:28:44Z"),
}
POLICY = EvidencePolicy(
    intel=IntelPolicy(
        accepted_statuses=frozenset({"UpToDate", "ConfigurationAndSWHardeningNeeded"})
    )
)


@dataclass(frozen=True)
class Sample:
    """One quote with its collateral and when both count."""

    tee: str
    quote: bytes
    document: bytes
    now: datetime
    root: bytes | None

    @property
    def anchors(self) -> TrustAnchors:
        anchors = TrustAnchors.vendor()
        if self.root is None:
            return anchors
        return anchors.with_simulated(encode_pem("CERTIFICATE", self.root))

    def endorsements(self) -> Endorsements:
        given = GivenDocument.of(DocumentKind.INTEL_COLLATERAL, self.document)
        return Endorsements.parse([], [], [given])


def sample(tee: str) -> Sample:
    quote, document, at = REAL[tee]
    if SHARED.is_dir():
        return Sample(
            tee,
            (SHARED / f"{quote}.quote.bin").read_bytes(),
            (SHARED / f"{document}.collateral.json").read_bytes(),
            datetime.fromisoformat(at),
            None,
        )
    folder = VECTORS / tee / "good"
    case = json.loads((folder / "case.json").read_bytes())
    return Sample(
        tee,
        b"".join((folder / name).read_bytes() for name in case["quote"]),
        (VECTORS / tee / "common" / "collateral.json").read_bytes(),
        datetime.fromisoformat(case["now"]),
        (folder / case["root"]).read_bytes(),
    )


def nothing() -> None:
    """Prepare nothing."""


def best_of(*calls: Callable[[], object], prepare: Callable[[], object] = nothing) -> list[float]:
    """Return microseconds of the quickest call of each; they alternate so that noise is shared.

    `prepare` is called before each call and takes no part in its time.
    """
    best = [float("inf")] * len(calls)
    for _ in range(RUNS):
        for index, call in enumerate(calls):
            prepare()
            started = time.perf_counter()
            call()
            best[index] = min(best[index], (time.perf_counter() - started) * 1e6)
    return best


def verification(one: Sample, endorsements: Endorsements | None = None) -> Callable[[], object]:
    """Return a verification; without `endorsements` it starts with their bytes."""
    evidence, anchors, report_data = (
        UnverifiedEvidence(one.tee, {"quote": one.quote}),
        one.anchors,
        UnsafeAnyReportData(),
    )

    def run() -> object:
        return verify(
            evidence,
            report_data=report_data,
            endorsements=endorsements or one.endorsements(),
            policy=POLICY,
            anchors=anchors,
            now=one.now,
        )

    return run


def forget() -> None:
    """Empty every memory of what was verified or read before, down to names and constraints."""
    for cache in (
        appraisal._rated,
        attestation_key._keys,
        attestation_key._pcks,
        collateral._verified,
        path._paths,
        path._links,
        path._crls,
    ):
        cache._items.clear()
    chains._parse.cache_clear()
    for read in (
        certificate.common_name,
        certificate._basic_constraints,
        certificate._usage_bits,
        crl._is_utc_time,
        signatures._load,
    ):
        read.cache_clear()


def by_dcap_qvl(one: Sample, *, prepared: bool) -> Callable[[], object]:
    text, seconds = one.document.decode(), int(one.now.timestamp())
    given = dcap_qvl.QuoteCollateralV3.from_json(text)

    def run() -> object:
        collateral_given = given if prepared else dcap_qvl.QuoteCollateralV3.from_json(text)
        if one.root is None:
            return dcap_qvl.verify(one.quote, collateral_given, seconds)
        return dcap_qvl.verify_with_root_ca(one.quote, collateral_given, one.root, seconds)

    return run


def by_new_key(one: Sample) -> Callable[[], object]:
    """The first quote of an attestation key: its QE report is verified and its platform rated."""
    run = verification(one, one.endorsements())

    def forgetful() -> object:
        attestation_key._keys._items.clear()
        appraisal._rated._items.clear()
        return run()

    return forgetful


def bare(one: Sample) -> Callable[[], object]:
    """Both signatures of the evidence, and what binds the key of one to the other."""
    quote = parse_quote(one.quote)
    endorsed = parse_endorsed_key(quote)
    pck = attestation_key.verify_pck(endorsed.certification, anchors=one.anchors).key
    scheme = ec.ECDSA(hashes.SHA256())
    signature, qe_signature = map(dss, (quote.signature, endorsed.qe_report_signature))

    def run() -> None:
        key = load_point(endorsed.key)
        pck.verify(qe_signature, endorsed.qe_report_signed, scheme)
        hashlib.sha256(endorsed.key + endorsed.authentication).digest()
        key.verify(signature, quote.signed, scheme)

    return run


def bare_quote(one: Sample) -> Callable[[], object]:
    """The one signature that a quote of a known attestation key needs."""
    quote = parse_quote(one.quote)
    key, scheme = load_point(parse_endorsed_key(quote).key), ec.ECDSA(hashes.SHA256())
    signature = dss(quote.signature)
    return lambda: key.verify(signature, quote.signed, scheme)


def dss(raw: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def row(name: str, value: float, against: float, goal: float | None) -> dict[str, Any]:
    ratio = value / against
    return {
        "name": name,
        "value": round(value, 1),
        "unit": "us",
        "bare": round(against, 1),
        "ratio": round(ratio, 3),
        "goal": None if goal is None else f"ratio <= {goal}",
        "ok": None if goal is None else ratio <= goal,
    }


def rows() -> list[dict[str, Any]]:
    """Return rows against the bare primitives and against dcap-qvl ("bare" is its time there)."""
    found = []
    for tee in ("tdx", "sgx"):
        one = sample(tee)
        warm = verification(one, one.endorsements())
        calls = (warm, bare_quote(one), by_new_key(one), bare(one))
        remembered, signature, new_key, primitives = best_of(*calls)
        remembered_too, theirs = best_of(warm, by_dcap_qvl(one, prepared=True))
        calls = (verification(one), by_dcap_qvl(one, prepared=False))
        cold, theirs_cold = best_of(*calls, prepare=forget)
        found += [
            # What vouches for an attestation key is remembered with the chain: one signature is
            # left. The row below has both, as for the first quote of a key.
            row(f"{tee} verification, all but the quote remembered", remembered, signature, 1.3),
            row(f"{tee} verification, chain and collateral remembered", new_key, primitives, 1.3),
            row(f"{tee}, collateral remembered, against dcap-qvl", remembered_too, theirs, 1.0),
            row(f"{tee}, from nothing, against dcap-qvl", cold, theirs_cold, 1.5),
        ]
    return found
