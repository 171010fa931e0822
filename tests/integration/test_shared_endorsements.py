"""Real collateral of real vendors, served by fakes, where the project's shared folder is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attestation.endorsement_store.filing import Registrar
from attestation.endorsement_store.hints import wanted_by
from attestation.endorsement_store.store import EndorsementStore
from attestation.endorsement_store.wanted import IntelCollateral, SnpCertificates
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.report_data import UnsafeAnyReportData
from attestation.trust import TrustAnchors
from attestation.verify import verify
from tests.fakes.vendor_services import Answer, HandClock, VendorServices, vendor_services

EVIDENCE = Path(__file__).resolve().parents[2].parent / "shared" / "evidence"
ANCHORS = TrustAnchors.vendor()

pytestmark = pytest.mark.skipif(
    not (EVIDENCE / "MANIFEST.toml").is_file(),
    reason="real evidence is not beside this checkout (../shared/evidence)",
)
COLLATERAL = sorted(EVIDENCE.glob("*/collateral/*.json"))


@pytest.fixture
def services() -> Iterator[VendorServices]:
    with vendor_services() as running:
        yield running


def store_of(services: VendorServices, folder: Path) -> EndorsementStore:
    return EndorsementStore(
        folder, anchors=ANCHORS, clock=services.clock.now, fetcher=services.fetcher()
    )


def served(services: VendorServices, document: dict[str, str]) -> IntelCollateral:
    """Serve collateral as Intel does, and return what to ask for at a time when it is fresh."""
    info: dict[str, Any] = json.loads(document["tcb_info"])
    tee, fmspc = info["id"].lower(), info["fmspc"].lower()
    filing = Registrar.of(ANCHORS, []).file("intel-collateral", json.dumps(document).encode())
    wanted = IntelCollateral(tee, fmspc, filing.name.rpartition("-")[2])
    services.serve_intel(document, tee=tee, fmspc=fmspc, ca=wanted.ca)
    services.clock.moment = datetime.fromisoformat(info["issueDate"]) + timedelta(days=1)
    return wanted


@pytest.mark.parametrize("path", COLLATERAL, ids=lambda path: path.stem)
def test_intels_collateral_is_fetched_as_it_was_published(
    services: VendorServices, tmp_path: Path, path: Path
) -> None:
    document = json.loads(path.read_bytes())
    if json.loads(document["tcb_info"])["version"] < 3:
        with pytest.raises(EvidenceError):
            served(services, document)
        return
    wanted = served(services, document)
    (found,) = store_of(services, tmp_path).get(wanted)
    kept = json.loads(found.data)
    for name in ("tcb_info", "qe_identity", "tcb_info_signature", "qe_identity_signature"):
        assert kept[name] == document[name]
    assert bytes.fromhex(kept["pck_crl"]) == bytes.fromhex(document["pck_crl"])


def outcome(
    services: VendorServices, folder: Path, evidence: UnverifiedEvidence, path: Path
) -> str | None:
    """Return how evidence fares with what a store fetches for it, None if it wants other things."""
    try:
        if served(services, json.loads(path.read_bytes())) not in wanted_by(evidence):
            return None
        store = store_of(services, folder)
        verify(
            evidence,
            report_data=UnsafeAnyReportData(),
            endorsements=store.for_evidence(evidence),
            policy=EvidencePolicy(),
            anchors=ANCHORS,
            now=services.clock.now(),
        )
    except EvidenceError as error:
        return error.code.value
    return "accept"


def test_real_quotes_find_and_verify_with_it(services: VendorServices, tmp_path: Path) -> None:
    quotes = [*EVIDENCE.glob("tdx/*.quote.bin"), *EVIDENCE.glob("sgx/*.quote.bin")]
    found = {
        outcome(
            services,
            tmp_path / quote.stem / path.stem,
            UnverifiedEvidence(quote.parent.name, {"quote": quote.read_bytes()}),
            path,
        )
        for quote in quotes
        for path in COLLATERAL
    }
    assert "accept" in found
    # What would mean that the wrong document was fetched.
    assert not found & {"no-endorsement", "fmspc-mismatch", "crl-missing", "crl-issuer-mismatch"}


@pytest.mark.parametrize("product", ["milan", "genoa", "turin"])
@pytest.mark.parametrize(("key", "file"), [("vcek", "ask_ark"), ("vlek", "asvk_ark")])
def test_amds_chains_are_what_was_asked_for(
    services: VendorServices, tmp_path: Path, product: str, key: str, file: str
) -> None:
    chain = (EVIDENCE / "snp" / "roots" / f"{product}.{file}.pem").read_bytes()
    services.answers[f"/{key}/v1/{product.title()}/cert_chain"] = Answer(chain)
    found = store_of(services, tmp_path).get(SnpCertificates(product, key))
    assert len(found) == 2


def test_a_real_vcek_is_found_by_chip_and_firmware(
    services: VendorServices, tmp_path: Path
) -> None:
    report = (EVIDENCE / "snp" / "lunal-genoa-v5.report.bin").read_bytes()
    evidence = UnverifiedEvidence("snp", {"report": report})
    chip = wanted_by(evidence)[-1]
    services.clock = HandClock()
    services.answers["/vcek/v1/Genoa/cert_chain"] = Answer(
        (EVIDENCE / "snp" / "roots" / "genoa.ask_ark.pem").read_bytes()
    )
    vcek = (EVIDENCE / "snp" / "lunal-genoa-v5.vcek.der").read_bytes()
    services.answers[f"/vcek/v1/Genoa/{chip.chip_id.hex()}"] = Answer(vcek)  # type: ignore[union-attr]
    store = store_of(services, tmp_path)
    assert store.get(chip)[0].data == vcek
    assert "blSPL=" in services.asked[-1]
