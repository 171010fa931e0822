"""Bundles of endorsements, and Intel's answers and collateral before they are filed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from attestation.bundle import parse_bundle
from attestation.encoding import canonical_json
from attestation.endorsement_store.filing import Registrar
from attestation.endorsement_store.intel import signed_text
from attestation.trust import TrustAnchors
from attestation.x509.pem import encode_pem
from tests.fakes.intel import make_silicon
from tests.fuzz.target import Target

VECTORS = Path(__file__).parents[2] / "vectors" / "endorsements"
INTEL = make_silicon(tdx=True)
ANCHORS = TrustAnchors.vendor().with_simulated(
    encode_pem("CERTIFICATE", INTEL.vendor.root.certificate)
)
REGISTRAR = Registrar.of(ANCHORS, [])


def _bundles() -> list[bytes]:
    return [(VECTORS / name / "bundle.json").read_bytes() for name in ("every-kind", "empty")]


def _collateral() -> list[bytes]:
    return [canonical_json(asdict(INTEL.collateral()))]


def _answers() -> list[bytes]:
    made = INTEL.collateral()
    return [f'{{"tcbInfo":{made.tcb_info},"signature":"{made.tcb_info_signature}"}}'.encode()]


TARGETS = [
    Target("endorsement-bundle", lambda data: parse_bundle(data).to_endorsements(), _bundles),
    Target("filed-collateral", lambda data: REGISTRAR.file("intel-collateral", data), _collateral),
    Target("intel-answer", lambda data: signed_text(data, "tcbInfo"), _answers),
]
