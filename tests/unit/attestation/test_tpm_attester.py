"""Attesters over a TPM, on tape: their evidence is what verifiers take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.evidence import PARTS
from attestation.keys import TrustedKey
from attestation.policy import CrlPolicy, EvidencePolicy
from attestation.policy.tpm import TpmPolicy
from attestation.report_data import ExpectedReportData
from attestation.tpm.client import Tpm
from attestation.tpm.public import parse_public
from attestation.tpm_attester import AzureAttester, TpmAttester
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import MEASUREMENT, NOW
from tests.fakes.tpm_tape import REPORT_DATA, SCENES, azure_guest, tapes

TAPES = tapes()
SILICON = azure_guest().silicon
POLICY = EvidencePolicy(crl=CrlPolicy.UNSAFE_NOT_REQUIRED)


def attest(name: str, **facts: bytes):
    tape = TAPES[name]
    player = tape.player()
    return SCENES[name](lambda: player, dict(tape.facts) | facts)


def check(evidence, anchors: TrustAnchors, report_data: bytes = REPORT_DATA):
    return verify(
        evidence,
        report_data=ExpectedReportData(report_data),
        endorsements=Endorsements.parse([SILICON.root(), SILICON.intermediate("vcek")]),
        policy=replace(POLICY, tpm=TpmPolicy(measurement_pcr=None)),
        anchors=anchors,
        now=NOW,
    )


def test_machine() -> None:
    evidence = attest("machine")
    assert evidence.tee == TpmAttester(bytes, b"").tee == "tpm"
    assert evidence.parts["ak_chain"] == b"chain"
    assert evidence.parts["event_log"] == b"log"
    required, optional = PARTS["tpm"]
    assert required <= evidence.parts.keys() <= required | optional

    # With the key named by the caller, neither chain nor log is needed.
    named = TrustedKey(parse_public(evidence.parts["ak_public"]).key)
    parts = {name: part for name, part in evidence.parts.items() if name in required}
    anchors = TrustAnchors.vendor().with_keys("tpm", [named])
    claims = check(replace(evidence, parts=parts), anchors)
    assert claims.values["pcr.0"] == bytes(32).hex()
    with pytest.raises(EvidenceError, match="mismatch"):
        check(replace(evidence, parts=parts), anchors, bytes(63) + b"1")


def test_azure_guest() -> None:
    evidence = attest("azure")
    root = encode_pem("CERTIFICATE", SILICON.root())
    claims = check(evidence, TrustAnchors.vendor().with_simulated(root))
    assert (claims.tee, claims.simulated) == ("azure-snp", True)
    assert MEASUREMENT.hex() in claims.values.values()


def test_azure_guest_on_tdx_asks_for_a_quote() -> None:
    tape = TAPES["azure"]
    # The type of the report is in its third read of 512 bytes.
    at = [sent[-2:] for sent, _ in tape.exchanges].index((1024).to_bytes(2, "big"))

    def as_tdx(index: int, answer: bytes) -> bytes:
        if tape.exchanges[index][0] != tape.exchanges[at][0]:
            return answer
        place = 16 + 1224 - 1024
        return answer[:place] + b"\x04" + answer[place + 1 :]

    player = tape.player(as_tdx)
    made = AzureAttester.of(lambda: Tpm(player), lambda report: report[:4])
    assert made.tee == "azure-tdx"
    parts = made.attest(REPORT_DATA).parts
    assert parts["td_quote"] == b"HCLA"
    required, optional = PARTS["azure-tdx"]
    assert required <= parts.keys() <= required | optional


def test_machine_that_is_no_azure_guest() -> None:
    (first, _), *_ = TAPES["azure"].exchanges
    absent = replace(TAPES["azure"], exchanges=[(first, b"\x80\x01\0\0\0\x0a\0\0\x01\x8b")])
    with pytest.raises(OSError, match="TPM_RC_HANDLE"):
        AzureAttester.of(lambda: Tpm(absent.player()), bytes)
