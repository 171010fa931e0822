"""CCA verification against the bare sum of its primitives: two signatures and one key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation.cose import Sign1, to_be_signed
from attestation.endorsements import Endorsements
from attestation.keys import TrustedKey
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated.arm.device import Device
from attestation.simulated.cca.faults import Fault
from attestation.simulated.cca.guest import SimulatedRealm
from attestation.trust import TrustAnchors
from attestation.verifiers.cca.token import parse_token
from attestation.verify import verify
from tests.bench.bench_snp import best_of, row
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA

POLICY, EXPECTED = EvidencePolicy(), ExpectedReportData(REPORT_DATA)
DEVICE = Device("cpak", "0a11ce00", ec.SECP384R1(), bytes(48))
EVIDENCE = SimulatedRealm(DEVICE, MEASUREMENT).with_fault(Fault.NOT_MARKED).attest(REPORT_DATA)
# As a maker's key: one of simulated silicon would also be looked at for its instance id.
ANCHORS = TrustAnchors.vendor().with_keys("cca", [TrustedKey(DEVICE.key.public_key())])
NOTHING = Endorsements.parse([], [])


def verification() -> None:
    verify(
        EVIDENCE,
        report_data=EXPECTED,
        endorsements=NOTHING,
        policy=POLICY,
        anchors=ANCHORS,
        now=NOW,
    )


def bare() -> Callable[[], object]:
    token = parse_token(EVIDENCE.parts["token"])
    cpak, rak = DEVICE.key.public_key(), DEVICE.derived("rak").public_key()
    numbers = rak.public_numbers()
    point = b"\x04" + numbers.x.to_bytes(48, "big") + numbers.y.to_bytes(48, "big")
    scheme = ec.ECDSA(hashes.SHA384())

    def signed(message: Sign1) -> tuple[bytes, bytes]:
        halves = (message.signature[:48], message.signature[48:])
        r, s = (int.from_bytes(one, "big") for one in halves)
        return encode_dss_signature(r, s), to_be_signed(message)

    platform, realm = signed(token.platform), signed(token.realm)

    def run() -> None:
        cpak.verify(*platform, scheme)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point).verify(*realm, scheme)

    return run


def rows() -> list[dict[str, Any]]:
    """Return one row: there is no chain, so nothing to remember."""
    value, primitives = best_of(verification, bare())
    return [row("cca verification", value, primitives, 1.3)]
