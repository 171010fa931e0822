"""The door itself: trust, caches, time, threads, and what the vectors do not vary."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import attestation
from attestation.cache import BoundedCache
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.limits import MAX_CERT_TABLE_BYTES
from attestation.policy import EvidencePolicy, SnpPolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated import SimulatedGuest
from attestation.simulated.snp.certificates import Issuer, Validity, build_ca
from attestation.trust import TrustAnchors
from attestation.verifiers.snp import chain
from attestation.verifiers.snp.cert_table import parse_cert_table
from attestation.verifiers.snp.products import GENOA, MILAN, TURIN, product_of_cpuid
from attestation.verifiers.snp.validity import check_revocation
from attestation.verify import verify
from attestation.x509.certificate import parse_certificate
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA, make_silicon, signer_of
from tests.vectors.snp_cases import MILAN as SILICON
from tests.vectors.snp_cases import STRANGER, chain_of, extensions_of, rebuilt

DAY = timedelta(days=1)
ANCHORS = TrustAnchors.vendor().with_simulated(encode_pem("CERTIFICATE", SILICON.root()))
ENDORSEMENTS = Endorsements.parse(chain_of(SILICON), [SILICON.crl()])
GUEST = SimulatedGuest(SILICON, lambda: STRANGER, MEASUREMENT)
EVIDENCE = GUEST.attest(REPORT_DATA)
ARK = parse_certificate(SILICON.root())


def check(evidence: UnverifiedEvidence = EVIDENCE, **options):
    given = {
        "report_data": ExpectedReportData(REPORT_DATA),
        "endorsements": ENDORSEMENTS,
        "policy": EvidencePolicy(),
        "anchors": ANCHORS,
        "now": NOW,
    }
    return verify(evidence, **(given | options))


def refusal_of(*args, **options) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        check(*args, **options)
    assert str(caught.value.code) in str(caught.value)
    return caught.value.code


def test_the_example_in_the_package_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ten lines of the docstring, on files that simulated silicon made."""
    example = re.search(r"(?s)::\n\n(.*?)\n\n\S", (attestation.__doc__ or "") + "\n\nend")
    assert example is not None
    code = "\n".join(line[4:] for line in example[1].splitlines())
    assert len([line for line in code.splitlines() if line.strip()]) <= 16
    (tmp_path / "report.bin").write_bytes(EVIDENCE.parts["report"])
    (tmp_path / "vcek.der").write_bytes(EVIDENCE.parts["vek"])
    pem = b"".join(encode_pem("CERTIFICATE", one) for one in chain_of(SILICON))
    (tmp_path / "ask_ark.pem").write_bytes(pem)
    (tmp_path / "crl.der").write_bytes(SILICON.crl())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(TrustAnchors, "vendor", lambda: ANCHORS)
    names = {"expected": REPORT_DATA, "now": NOW}
    exec(compile(code, "example", "exec"), names)
    assert names["claims"].measurement == MEASUREMENT


def test_unknown_tees_and_naive_times() -> None:
    assert refusal_of(UnverifiedEvidence("sev-es", {})) is Refusal.UNSUPPORTED
    assert refusal_of(UnverifiedEvidence("snp", {})) is Refusal.MALFORMED
    with pytest.raises(ValueError, match="time zone"):
        check(now=NOW.replace(tzinfo=None))


def test_a_remembered_chain_still_ages() -> None:
    assert check().simulated
    assert refusal_of(now=NOW + 8 * 365 * DAY) is Refusal.CERT_EXPIRED
    assert refusal_of(now=NOW - 2 * DAY) is Refusal.CERT_NOT_YET_VALID
    assert refusal_of(now=NOW + 366 * DAY) is Refusal.CRL_EXPIRED


def test_a_remembered_chain_is_still_revoked() -> None:
    assert check().simulated
    revoked = Endorsements.parse(chain_of(SILICON), [SILICON.crl(revoked=("ask",))])
    assert refusal_of(endorsements=revoked) is Refusal.CERT_REVOKED


def test_a_remembered_chain_needs_its_anchor() -> None:
    assert check().simulated
    assert refusal_of(anchors=TrustAnchors.vendor()) is Refusal.SIMULATED_NOT_TRUSTED


def test_refusals_are_not_remembered() -> None:
    before = len(chain._chains)
    for at in range(5):
        vek = bytearray(EVIDENCE.parts["vek"])
        vek[-1 - at] ^= 1
        evidence = UnverifiedEvidence("snp", {**EVIDENCE.parts, "vek": bytes(vek)})
        assert refusal_of(evidence) is Refusal.SIGNATURE_INVALID
    assert len(chain._chains) == before


def test_threads_share_one_verifier() -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: check(), range(64)))
    assert {result.measurement for result in results} == {MEASUREMENT}


def test_an_empty_part_is_not_an_absent_one_also_when_the_chain_is_remembered() -> None:
    """Which evidence was seen before must not change what is accepted."""
    extended = replace(GUEST, extended=True).attest(REPORT_DATA)
    for evidence, empty in ((EVIDENCE, "cert_table"), (extended, "vek")):
        check(evidence)
        changed = UnverifiedEvidence("snp", {**evidence.parts, empty: b""})
        assert refusal_of(changed) is Refusal.MALFORMED


def test_cache_is_bounded_and_forgets_the_unused() -> None:
    cache = BoundedCache[int](2)
    cache.put(b"a", 1)
    cache.put(b"b", 2)
    assert cache.get(b"a") == 1
    cache.put(b"c", 3)
    assert (cache.get(b"a"), cache.get(b"b"), cache.get(b"c"), len(cache)) == (1, None, 3, 2)


def test_only_simulated_roots_can_be_added() -> None:
    for certificate in (STRANGER.root(), SILICON.intermediate("vcek")):
        with pytest.raises(EvidenceError) as caught:
            TrustAnchors.vendor().with_simulated(encode_pem("CERTIFICATE", certificate))
        assert caught.value.code is Refusal.BAD_TRUST_ANCHOR
    with pytest.raises(EvidenceError):
        TrustAnchors.vendor().with_simulated(b"")
    anchor = ANCHORS.find(ARK.fingerprint)
    assert anchor is not None
    assert (anchor.product, anchor.simulated) == ("milan", True)
    assert TrustAnchors.vendor().find(ARK.fingerprint) is None
    assert ANCHORS.digest != TrustAnchors.vendor().digest


@pytest.mark.parametrize(
    ("family", "model", "product"),
    [
        (0x19, 0x00, MILAN),
        (0x19, 0x0F, MILAN),
        (0x19, 0x10, GENOA),
        (0x19, 0x1F, GENOA),
        (0x19, 0x20, None),
        (0x19, 0x9F, None),
        (0x19, 0xA0, GENOA),
        (0x19, 0xAF, GENOA),
        (0x19, 0xB0, None),
        (0x1A, 0x00, TURIN),
        (0x1A, 0x11, TURIN),
        (0x1A, 0x12, None),
        (0x18, 0x00, None),
        (0x00, 0x00, None),
    ],
)
def test_processors(family: int, model: int, product) -> None:
    assert product_of_cpuid(family, model) is product


def test_a_renewed_intermediate_beside_the_expired_one() -> None:
    both = [SILICON.expired_intermediate("vcek"), *chain_of(SILICON)]
    assert check(endorsements=Endorsements.parse(both, [SILICON.crl()])).simulated


def test_a_forged_intermediate_beside_the_real_one_is_passed_over() -> None:
    forged = rebuilt(parse_certificate(SILICON.intermediate("vcek")), "stranger")
    both = [forged, *chain_of(SILICON)]
    assert check(endorsements=Endorsements.parse(both, [SILICON.crl()])).simulated


def special_root(**fields: bytes) -> tuple[Endorsements, TrustAnchors]:
    root = rebuilt(ARK, "ark", **fields)
    anchors = TrustAnchors.vendor().with_simulated(encode_pem("CERTIFICATE", root))
    given = Endorsements.parse([SILICON.intermediate("vcek"), root], [SILICON.crl()])
    return given, anchors


def test_a_root_that_allows_no_intermediate() -> None:
    issuer = Issuer(ARK.subject, signer_of("ark"))
    period = Validity(NOW - DAY, NOW + DAY)
    root = build_ca(issuer, issuer, serial=1, validity=period, is_root=False)
    anchors = TrustAnchors.vendor().with_simulated(encode_pem("CERTIFICATE", root))
    given = Endorsements.parse([SILICON.intermediate("vcek"), root])
    assert refusal_of(endorsements=given, anchors=anchors) is Refusal.UNTRUSTED_CHAIN


def test_a_root_that_may_not_sign_lists() -> None:
    usage = {"x2_5_29_15": bytes.fromhex("03020204")}
    given, anchors = special_root(extensions=extensions_of(ARK, **usage))
    assert refusal_of(endorsements=given, anchors=anchors) is Refusal.CRL_ISSUER_MISMATCH


def test_crl_check_needs_no_report() -> None:
    found = chain.verify_chain(EVIDENCE.parts, "vcek", endorsements=ENDORSEMENTS, anchors=ANCHORS)
    check_revocation(found, ENDORSEMENTS, EvidencePolicy().crl, NOW)


def test_tables_are_bounded() -> None:
    with pytest.raises(EvidenceError):
        parse_cert_table(bytes(MAX_CERT_TABLE_BYTES + 1))
    assert parse_cert_table(bytes(24)) == {}


def test_a_product_we_do_not_want() -> None:
    turin = make_silicon("turin")
    anchors = TrustAnchors.vendor().with_simulated(encode_pem("CERTIFICATE", turin.root()))
    policy = EvidencePolicy(snp=SnpPolicy(products=frozenset({"milan"})))
    evidence = replace(GUEST, silicon=turin).attest(REPORT_DATA)
    given = Endorsements.parse(chain_of(turin), [turin.crl()])
    code = refusal_of(evidence, endorsements=given, anchors=anchors, policy=policy)
    assert code is Refusal.PRODUCT_NOT_ALLOWED
