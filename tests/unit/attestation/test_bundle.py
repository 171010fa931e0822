"""Bundles of endorsements: one byte form, bounds, and what a verifier gets from them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attestation.bundle import (
    CERTIFICATE,
    CRL,
    KINDS,
    Bundle,
    BundleDocument,
    parse_bundle,
    parse_time,
)
from attestation.endorsements import DocumentKind
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_BUNDLE_DOCUMENTS, MAX_DOCUMENT_BYTES

SNP = Path(__file__).parents[2] / "vectors" / "snp"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOURCE = "https://vendor.example/one"


def document(number: int = 0, **changes: object) -> BundleDocument:
    given = {"kind": "ocsp", "data": b"%d" % number, "source": SOURCE} | changes
    return BundleDocument(**given)  # type: ignore[arg-type]


def test_a_bundle_reads_back_as_it_was_written_whatever_the_order() -> None:
    documents = [document(1, fetched=NOW, expires=None), document(2, kind=CRL), document(3)]
    bundle = Bundle.of(documents)
    assert bundle == Bundle.of(reversed(documents))
    assert parse_bundle(bundle.to_bytes()) == bundle
    assert parse_bundle(bundle.to_bytes()).to_bytes() == bundle.to_bytes()


def test_an_empty_bundle_is_a_bundle() -> None:
    assert parse_bundle(Bundle.of([]).to_bytes()).to_endorsements().certificates == ()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "rumour"},
        {"data": b""},
        {"data": bytes(MAX_DOCUMENT_BYTES + 1)},
        {"kind": CERTIFICATE, "data": b"-----BEGIN CERTIFICATE-----"},
        {"source": ""},
        {"source": "two\nlines"},
        {"source": 'quo"te'},
        {"source": "x" * 513},
        {"fetched": datetime(2026, 11, 22)},  # noqa: DTZ001 - that is the point
        {"expires": NOW.replace(microsecond=1)},
    ],
)
def test_a_document_that_could_not_be_written_is_never_made(change: dict[str, object]) -> None:
    with pytest.raises(EvidenceError) as caught:
        document(**change)
    assert caught.value.code is Refusal.MALFORMED


@pytest.mark.parametrize(
    "documents",
    [
        [document(1), document(1, source="elsewhere")],
        [document(number) for number in range(MAX_BUNDLE_DOCUMENTS + 1)],
    ],
    ids=["twice", "too-many"],
)
def test_of_refuses(documents: list[BundleDocument]) -> None:
    with pytest.raises(EvidenceError, match=r"twice|more than"):
        Bundle.of(documents)


def test_a_bundle_too_large_to_be_read_is_not_written() -> None:
    large = [document(data=bytes([number]) * MAX_DOCUMENT_BYTES) for number in range(4)]
    with pytest.raises(EvidenceError, match="limit"):
        Bundle.of(large).to_bytes()


@pytest.mark.parametrize("text", [None, 1, "2026-11-22", "2026-13-22T00:00:00Z"])
def test_times_are_exact(text: object) -> None:
    with pytest.raises(EvidenceError):
        parse_time(text, what="a time")


def test_a_verifier_gets_every_kind() -> None:
    given = [
        document(kind=CERTIFICATE, data=next(SNP.glob("common/*.cert.der")).read_bytes()),
        *(document(number, kind=kind.value) for number, kind in enumerate(DocumentKind)),
    ]
    found = Bundle.of(given).to_endorsements()
    assert len(found.certificates) == 1
    assert [one.kind for one in found.documents] == list(DocumentKind)
    assert {CERTIFICATE, CRL, *DocumentKind} == KINDS


def test_what_cannot_be_read_does_not_become_endorsements() -> None:
    with pytest.raises(EvidenceError):
        Bundle.of([document(kind=CRL)]).to_endorsements()


def test_many_small_values_are_refused_before_they_are_built() -> None:
    with pytest.raises(EvidenceError, match="more values"):
        parse_bundle(b"[" + b"0," * 500_000 + b"0]")


def test_every_flipped_bit_is_refused_or_another_bundle() -> None:
    data = Bundle.of([document(1, fetched=NOW)]).to_bytes()
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert _read_again(bytes(changed)) in {bytes(changed), Refusal.MALFORMED}


def _read_again(data: bytes) -> bytes | Refusal:
    try:
        return parse_bundle(data).to_bytes()
    except EvidenceError as error:
        return error.code


def test_the_form_is_plain_json() -> None:
    value = json.loads(Bundle.of([document(fetched=NOW)]).to_bytes())
    assert value == {
        "documents": [
            {
                "data": "MA==",
                "expires": None,
                "fetched": "2026-11-22T12:00:00Z",
                "kind": "ocsp",
                "source": SOURCE,
            }
        ],
        "format": "sealwasm/endorsements/v1",
    }
