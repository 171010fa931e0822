"""Any flipped bit of a quote or of its collateral is refused, but for those that say nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.trust import TrustAnchors
from attestation.verify import verify
from tests.fakes.intel import make_sgx, make_tdx
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA

PLATFORMS: dict[str, Any] = {"tdx": make_tdx(), "sgx": make_sgx()}
QUOTES = {
    name: platform.launch(MEASUREMENT, padding=9).attest(REPORT_DATA).parts["quote"]
    for name, platform in PLATFORMS.items()
}
COLLATERAL = {name: one.silicon.collateral().to_json() for name, one in PLATFORMS.items()}
END = b"-----END CERTIFICATE-----\n"


def accepts(tee: str, *, quote: bytes | None = None, collateral: bytes | None = None) -> bool:
    platform = PLATFORMS[tee]
    document = COLLATERAL[tee] if collateral is None else collateral
    given = GivenDocument.of(DocumentKind.INTEL_COLLATERAL, document)
    try:
        verify(
            UnverifiedEvidence(tee, {"quote": QUOTES[tee] if quote is None else quote}),
            report_data=ExpectedReportData(REPORT_DATA),
            endorsements=Endorsements.parse([], [], [given]),
            policy=EvidencePolicy(),
            anchors=TrustAnchors.vendor().with_simulated(platform.roots_pem()),
            now=NOW,
        )
    except EvidenceError:
        return False
    return True


def flipped(data: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed)


def free_in_quote(quote: bytes) -> set[tuple[int, int]]:
    """Return the bits that say nothing: what kind of white space stands between certificates.

    A line break may become a vertical tab; the NUL behind the last certificate, a space. Neither is
    signed, and neither is in a certificate.
    """
    ends = [at + len(END) - 1 for at in range(len(quote)) if quote.startswith(END, at)]
    return {(at, 0) for at in ends} | {(ends[-1] + 1, 5)}


def accepted_flips(data: bytes, places: Iterable[tuple[int, int]], tee: str, part: str) -> set[Any]:
    return {
        (place, bit) for place, bit in places if accepts(tee, **{part: flipped(data, place, bit)})
    }


@pytest.mark.parametrize("tee", PLATFORMS)
def test_one_bit_of_every_byte_of_a_quote(tee: str) -> None:
    assert accepts(tee)
    quote = QUOTES[tee]
    places = [(place, place % 8) for place in range(len(quote))]
    accepted = accepted_flips(quote, places, tee, "quote")
    assert accepted == free_in_quote(quote) & set(places)


@pytest.mark.parametrize("tee", PLATFORMS)
def test_every_bit_of_header_lengths_and_padding(tee: str) -> None:
    quote = QUOTES[tee]
    signature_at = 54 + 648 if tee == "tdx" else 48 + 384
    nested_at = signature_at + 4 + 128
    ends = {*range(60), *range(signature_at, signature_at + 4), *range(nested_at, nested_at + 6)}
    ends |= {*range(len(quote) - 20, len(quote))}
    places = [(place, bit) for place in ends for bit in range(8)]
    accepted = accepted_flips(quote, places, tee, "quote")
    assert accepted == free_in_quote(quote) & set(places)


@pytest.mark.parametrize("tee", PLATFORMS)
def test_every_bit_that_is_free_in_a_quote_is_accepted(tee: str) -> None:
    quote = QUOTES[tee]
    free = free_in_quote(quote)
    assert len(free) == 4
    assert accepted_flips(quote, free, tee, "quote") == free


def meaning(document: bytes) -> dict[str, str]:
    """Return what a document says, whatever the case of its hex and the white space of its PEM."""
    return {
        name: " ".join(text.split())
        if name.endswith("_chain")
        else text
        if name in {"tcb_info", "qe_identity"}
        else text.lower()
        for name, text in json.loads(document).items()
    }


@pytest.mark.parametrize("tee", PLATFORMS)
def test_flipped_bits_of_collateral_are_refused_or_say_the_same(tee: str) -> None:
    document = COLLATERAL[tee]
    assert accepts(tee, collateral=document)
    places = [(place, place // 4 % 8) for place in range(0, len(document), 4)]
    for place, bit in accepted_flips(document, places, tee, "collateral"):
        assert meaning(flipped(document, place, bit)) == meaning(document)


@pytest.mark.parametrize("tee", PLATFORMS)
@pytest.mark.parametrize("length", [*range(0, 1000, 37), *range(1000, 4000, 331)])
def test_every_beginning_of_a_quote_is_refused(tee: str, length: int) -> None:
    assert not accepts(tee, quote=QUOTES[tee][:length])
