"""Any flipped bit of a Nitro document is refused; any bytes give a value or our error."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.trust import TrustAnchors
from attestation.verifiers.nitro.document import parse_document
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import NOW, REPORT_DATA
from tests.vectors.nitro_cases import GOOD, ROOT

ANCHORS = TrustAnchors.vendor().with_simulated(encode_pem("CERTIFICATE", ROOT.certificate))
# Every byte of the first hundred (heads and headers) and of the signature, one in seven between.
BYTES = [*range(100), *range(100, len(GOOD) - 100, 7), *range(len(GOOD) - 100, len(GOOD))]


def check(document: bytes) -> None:
    verify(
        UnverifiedEvidence("nitro", {"document": document}),
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=Endorsements.none(),
        policy=EvidencePolicy(),
        anchors=ANCHORS,
        now=NOW,
    )


def test_the_document_passes() -> None:
    check(GOOD)


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_is_refused(bit: int) -> None:
    for place in BYTES:
        changed = bytearray(GOOD)
        changed[place] ^= 1 << bit
        with pytest.raises(EvidenceError):
            check(bytes(changed))


@pytest.mark.parametrize("length", [*range(40), *range(40, len(GOOD), 97)])
def test_every_beginning_is_refused(length: int) -> None:
    with pytest.raises(EvidenceError):
        check(GOOD[:length])


@given(st.binary(max_size=400))
@settings(max_examples=100)
def test_any_bytes_give_a_document_or_our_error(data: bytes) -> None:
    with suppress(EvidenceError):
        parse_document(data)


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8))
@settings(max_examples=100)
def test_replaced_bytes_give_a_document_or_our_error(place: int, data: bytes) -> None:
    with suppress(EvidenceError):
        parse_document(GOOD[:place] + data + GOOD[place + len(data) :])
