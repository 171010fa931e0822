"""Any bytes give a value or our error; any changed bit of evidence is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from attestation.ear import PROFILE, EarPolicy, Unsafe, issue_ear, verify_ear
from attestation.ear_keys import ear_key, load_ear_keys
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import CrlPolicy, EvidencePolicy
from attestation.reference import ReferenceValues
from attestation.report_data import UnsafeAnyReportData
from attestation.simulated import SimulatedGuest
from attestation.trust import TrustAnchors
from attestation.tsm import parse_tsm
from attestation.verifiers.snp.cert_table import parse_cert_table
from attestation.verifiers.snp.report import REPORT_BYTES, parse_report
from attestation.verify import verify
from attestation.x509.certificate import parse_certificate
from attestation.x509.crl import parse_crl
from attestation.x509.pem import encode_pem, parse_pem
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA
from tests.unit.attestation.test_appraise_and_ear import KNOWN, appraise, claims
from tests.vectors.snp_cases import MILAN, STRANGER, chain_of, vek_of

EVIDENCE = SimulatedGuest(MILAN, lambda: STRANGER, MEASUREMENT, extended=True).attest(REPORT_DATA)
REPORT, TABLE = EVIDENCE.parts["report"], EVIDENCE.parts["cert_table"]
VEK, CRL = vek_of(MILAN).der, MILAN.crl()
ANCHORS = TrustAnchors.vendor().with_simulated(encode_pem("CERTIFICATE", MILAN.root()))
ENDORSEMENTS = Endorsements.parse(chain_of(MILAN), [CRL])
POLICY = EvidencePolicy(crl=CrlPolicy.UNSAFE_NOT_REQUIRED)
KEY = ec.derive_private_key(7, ec.SECP256R1())
KEYS = (ear_key(KEY.public_key()),)
ANY_EAR = EarPolicy(
    Unsafe.NOT_CHECKED, Unsafe.NOT_CHECKED, Unsafe.NOT_CHECKED, frozenset({PROFILE})
)
TOKEN = issue_ear(
    appraise(claims(), KNOWN), key=KEY, issuer="x", now=NOW, ttl_seconds=60, nonce=bytes(32)
)


def check(parts: dict[str, bytes], endorsements: Endorsements = ENDORSEMENTS) -> None:
    verify(
        UnverifiedEvidence("snp", parts),
        report_data=UnsafeAnyReportData(),
        endorsements=endorsements,
        policy=POLICY,
        anchors=ANCHORS,
        now=NOW,
    )


def check_ear(token: str) -> None:
    verify_ear(token, keys=KEYS, policy=ANY_EAR, now=NOW)


def value_or_our_error(call: Callable[[], object]) -> None:
    """Anything but `EvidenceError` fails the test by itself."""
    with suppress(EvidenceError):
        call()


PARSERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "report": (parse_report, REPORT),
    "certificate": (parse_certificate, VEK),
    "crl": (parse_crl, CRL),
    "cert-table": (parse_cert_table, TABLE),
    "tsm": (parse_tsm, b"\xa1\x67outblob\x41r"),
    "pem": (lambda d: parse_pem(d, label="CERTIFICATE", limit=4), encode_pem("CERTIFICATE", VEK)),
    "endorsements": (lambda data: Endorsements.parse([data], [data]), VEK),
    "vek": (lambda data: check({"report": REPORT, "vek": data}), VEK),
    "table-in-evidence": (lambda data: check({"report": REPORT, "cert_table": data}), TABLE),
    "report-in-evidence": (lambda data: check({"report": data, "vek": VEK}), REPORT),
    "keys": (load_ear_keys, b'{"keys":[{"kty":"EC"}]}'),
    "references": (ReferenceValues.parse, KNOWN.to_bytes()),
    "token": (lambda data: check_ear(data.decode("latin-1")), TOKEN.encode()),
}


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=2000))
def test_any_bytes(name: str, data: bytes) -> None:
    value_or_our_error(lambda: PARSERS[name][0](data))


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_good_input(name: str, data: st.DataObject) -> None:
    """A few bytes replaced, cut or inserted: deeper than random bytes reach."""
    parser, seed = PARSERS[name]
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(damaged)))
        length = data.draw(st.integers(0, 4))
        damaged[start : start + length] = data.draw(st.binary(max_size=4))
    value_or_our_error(lambda: parser(bytes(damaged)))


@settings(max_examples=100, deadline=None)
@given(body=st.binary(min_size=REPORT_BYTES, max_size=REPORT_BYTES))
def test_any_report_of_the_right_length(body: bytes) -> None:
    value_or_our_error(lambda: check({"report": body, "vek": VEK}))


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_as_token(text: str) -> None:
    value_or_our_error(lambda: check_ear(text))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(document=json_values)
def test_any_document_as_evidence(document: object) -> None:
    value_or_our_error(lambda: UnverifiedEvidence.from_wire(document))


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@settings(max_examples=200, deadline=None)
@given(bit=st.integers(0, 8 * REPORT_BYTES - 1))
def test_any_bit_of_a_report(bit: int) -> None:
    with pytest.raises(EvidenceError):
        check({"report": flipped(REPORT, bit), "vek": VEK})


@settings(max_examples=200, deadline=None)
@given(bit=st.integers(0, 8 * len(VEK) - 1))
def test_any_bit_of_a_vek(bit: int) -> None:
    with pytest.raises(EvidenceError):
        check({"report": REPORT, "vek": flipped(VEK, bit)})


@settings(max_examples=200, deadline=None)
@given(bit=st.integers(0, 8 * len(MILAN.intermediate("vcek")) - 1))
def test_any_bit_of_an_intermediate(bit: int) -> None:
    ask = flipped(MILAN.intermediate("vcek"), bit)
    with pytest.raises(EvidenceError):
        check({"report": REPORT, "vek": VEK}, Endorsements.parse([ask, MILAN.root()]))


@settings(max_examples=100, deadline=None)
@given(bit=st.integers(0, 8 * len(CRL) - 1))
def test_any_bit_of_a_list(bit: int) -> None:
    with pytest.raises(EvidenceError):
        check(
            {"report": REPORT, "vek": VEK},
            Endorsements.parse(chain_of(MILAN), [flipped(CRL, bit)]),
        )


@settings(max_examples=200, deadline=None)
@given(bit=st.integers(0, 8 * len(TOKEN) - 1))
def test_any_bit_of_a_token(bit: int) -> None:
    with pytest.raises(EvidenceError):
        check_ear(flipped(TOKEN.encode(), bit).decode("latin-1"))


def test_the_unchanged_ones_are_accepted() -> None:
    check({"report": REPORT, "vek": VEK})
    check({"report": REPORT, "cert_table": TABLE}, Endorsements.none())
    check_ear(TOKEN)
