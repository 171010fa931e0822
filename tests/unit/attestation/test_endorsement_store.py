"""The store: what it fetches, keeps, refuses to go back to, and hands to verifiers."""

from __future__ import annotations

import hashlib
import logging
import stat
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest

from attestation.bundle import CERTIFICATE, CRL, BundleDocument
from attestation.endorsement_store import folder as folder_module
from attestation.endorsement_store.filing import Filing, Registrar
from attestation.endorsement_store.folder import Folder
from attestation.endorsement_store.store import EndorsementStore, State, StorePolicy
from attestation.endorsement_store.wanted import (
    IntelCollateral,
    SnpCertificates,
    SnpChipKey,
    SnpRevocations,
)
from attestation.endorsements import DocumentKind
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated.intel.collateral import publish
from attestation.simulated.snp.faults import Fault
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509.certificate import parse_certificate
from attestation.x509.pem import encode_pem
from tests.fakes.intel import make_silicon as make_intel
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA, make_platform, make_silicon
from tests.fakes.vendor_services import (
    Answer,
    VendorServices,
    instead,
    status,
    truncated,
    vendor_services,
)
from tests.vectors.snp_cases import rebuilt

SNP = make_silicon("genoa")
INTEL = make_intel(tdx=True)
FMSPC = INTEL.fmspc.hex()
TDX = IntelCollateral("tdx", FMSPC, "platform")
GENOA = SnpCertificates("genoa")
LIST = SnpRevocations("genoa")
CHIP = SnpChipKey("genoa", SNP.chip_id, SNP.identity.model.tcb)
ANCHORS = (
    TrustAnchors.vendor()
    .with_simulated(encode_pem("CERTIFICATE", SNP.root()))
    .with_simulated(encode_pem("CERTIFICATE", INTEL.vendor.root.certificate))
)


@pytest.fixture
def services() -> Iterator[VendorServices]:
    with vendor_services() as running:
        running.serve_snp(SNP)
        serve_intel(running)
        yield running


def serve_intel(services: VendorServices, **changes: object) -> None:
    made = publish(INTEL.vendor, replace(INTEL.publication(), **changes))
    services.serve_intel(asdict(made), tee="tdx", fmspc=FMSPC, ca="platform")


def store_of(
    services: VendorServices,
    folder: Path,
    *,
    offline: bool = False,
    anchors: TrustAnchors = ANCHORS,
    **policy: timedelta,
) -> EndorsementStore:
    return EndorsementStore(
        folder,
        anchors=anchors,
        clock=services.clock.now,
        policy=StorePolicy(**policy),
        fetcher=None if offline else services.fetcher(),
    )


def code_of(store: EndorsementStore, wanted: object, **options: bool) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        store.get(wanted, **options)  # type: ignore[arg-type]
    return caught.value.code


@pytest.mark.parametrize("wanted", [GENOA, SnpCertificates("genoa", "vlek"), LIST, CHIP, TDX])
def test_what_was_fetched_once_is_not_asked_for_again(
    services: VendorServices, tmp_path: Path, wanted: object
) -> None:
    first = store_of(services, tmp_path).get(wanted)  # type: ignore[arg-type]
    asked = len(services.asked)
    assert first
    assert all(one.source.startswith(services.base) for one in first)
    again = store_of(services, tmp_path).get(wanted)  # type: ignore[arg-type]
    assert [one.digest for one in again] == [one.digest for one in first]
    assert len(services.asked) == asked


@pytest.mark.parametrize("product", ["milan", "genoa", "turin"])
def test_evidence_without_a_certificate_says_what_to_fetch(
    services: VendorServices, tmp_path: Path, product: str
) -> None:
    platform = make_platform(tmp_path / "tee", product=product)
    services.serve_snp(platform.silicon)
    guest = platform.launch(MEASUREMENT).with_fault(Fault.NO_CERTIFICATE)
    evidence = guest.attest(REPORT_DATA)
    anchors = TrustAnchors.vendor().with_simulated((tmp_path / "tee" / "root.pem").read_bytes())
    store = store_of(services, tmp_path / "store", anchors=anchors)
    claims = verify(
        evidence,
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=store.for_evidence(evidence),
        policy=EvidencePolicy(),
        anchors=anchors,
        now=NOW,
    )
    assert claims.simulated
    assert sum("SPL=" in path for path in services.asked) == 1


def test_files_are_private_and_whole(services: VendorServices, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store_of(services, folder).get(TDX)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(
        (folder / "documents").stat().st_mode
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in files} == {
        ".lock",
        "marks.json",
        f"simulated-intel-tdx-{FMSPC}-platform.json",
    }


@pytest.mark.parametrize("damage", [b"", b"sha256:00\n{}", b"no line at all"])
def test_a_damaged_file_is_fetched_again(
    services: VendorServices, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    store = store_of(services, tmp_path)
    store.get(TDX)
    file = next((tmp_path / "documents").iterdir())
    good = file.read_bytes()
    file.write_bytes(damage)
    with caplog.at_level(logging.WARNING):
        store.get(TDX)
    assert "damaged" in caplog.text
    assert file.read_bytes() == good


def test_a_file_with_a_good_digest_of_something_else_is_not_used(
    services: VendorServices, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(services, tmp_path)
    store.get(TDX)
    file = next((tmp_path / "documents").iterdir())
    file.write_bytes(b"sha256:" + hashlib.sha256(b"{}").hexdigest().encode() + b"\n{}")
    assert store.list() == []
    assert "cannot be read" in caplog.text


def test_documents_age_and_end(services: VendorServices, tmp_path: Path) -> None:
    store = store_of(services, tmp_path, max_age=timedelta(hours=6))
    for wanted in (TDX, LIST, CHIP):
        store.get(wanted)
    assert {one.state for one in store.list()} == {State.FRESH}
    services.clock.pass_time(7 * 3600)
    aged = {one.name: one.state for one in store.list()}
    assert {name for name, state in aged.items() if state is State.STALE} == {
        "simulated-snp-genoa-crl",
        f"simulated-intel-tdx-{FMSPC}-platform",
    }
    asked = len(services.asked)
    store.get(CHIP)
    assert len(services.asked) == asked
    store.get(LIST)
    assert len(services.asked) == asked + 1
    services.clock.pass_time(100 * 365 * 86400)
    assert {one.state for one in store.list()} == {State.EXPIRED}


def test_a_fresh_document_can_be_asked_for_again(services: VendorServices, tmp_path: Path) -> None:
    store = store_of(services, tmp_path)
    store.get(GENOA)
    store.get(GENOA, renew=True)
    assert len(services.asked) == 2


BAD_ANSWERS = {
    "truncated": ([truncated()] * 4, Refusal.ENDORSEMENT_UNAVAILABLE),
    "busy": ([status(503)] * 4, Refusal.ENDORSEMENT_UNAVAILABLE),
    "no-such": ([status(404)], Refusal.NO_ENDORSEMENT),
    "a-page": ([instead(b"<html>busy</html>")], Refusal.MALFORMED),
    "nothing": ([instead(b"")], Refusal.MALFORMED),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
@pytest.mark.parametrize("wanted", [GENOA, TDX])
def test_nothing_bad_is_stored(
    services: VendorServices, tmp_path: Path, name: str, wanted: object
) -> None:
    how, code = BAD_ANSWERS[name]
    services.misbehave(*how)
    store = store_of(services, tmp_path)
    assert code_of(store, wanted) is code
    assert store.list() == []
    assert store.get(wanted)  # type: ignore[arg-type]


STRANGER = make_silicon("genoa", platform="51135511", is_stranger=True)
MILAN = make_silicon("milan")


@pytest.mark.parametrize(
    ("path", "body", "wanted", "code"),
    [
        ("/vcek/v1/Genoa/crl", STRANGER.crl(), LIST, Refusal.UNTRUSTED_CHAIN),
        ("/vcek/v1/Genoa/crl", SNP.root(), LIST, Refusal.MALFORMED),
        (
            "/vcek/v1/Genoa/cert_chain",
            encode_pem("CERTIFICATE", STRANGER.intermediate("vcek"))
            + encode_pem("CERTIFICATE", STRANGER.root()),
            GENOA,
            Refusal.UNTRUSTED_CHAIN,
        ),
        (
            "/vcek/v1/Genoa/cert_chain",
            encode_pem("CERTIFICATE", SNP.intermediate("vlek"))
            + encode_pem("CERTIFICATE", SNP.root()),
            GENOA,
            Refusal.MALFORMED,
        ),
        (
            "/vcek/v1/Genoa/cert_chain",
            encode_pem("CERTIFICATE", SNP.root()) * 2,
            GENOA,
            Refusal.MALFORMED,
        ),
        ("/vcek/v1/Genoa/cert_chain", encode_pem("CERTIFICATE", SNP.root()), GENOA, None),
    ],
    ids=["list-by-stranger", "certificate-for-list", "stranger", "other-ca", "twice", "half"],
)
def test_only_what_was_asked_for_and_signed_is_stored(
    services: VendorServices,
    tmp_path: Path,
    path: str,
    body: bytes,
    wanted: object,
    code: Refusal | None,
) -> None:
    services.answers[path] = Answer(body)
    store = store_of(services, tmp_path)
    assert code_of(store, wanted) is (code or Refusal.MALFORMED)


def test_the_vcek_of_another_firmware_is_not_taken(
    services: VendorServices, tmp_path: Path
) -> None:
    other = SNP.vek("vcek", SNP.identity.model.old_tcb).certificate
    path = next(path for path in services.answers if "SPL" in path)
    services.answers[path] = Answer(other)
    assert code_of(store_of(services, tmp_path), CHIP) is Refusal.MALFORMED


def test_what_ended_already_is_not_stored(services: VendorServices, tmp_path: Path) -> None:
    services.clock.moment += timedelta(days=4 * 365)
    assert code_of(store_of(services, tmp_path), TDX) is Refusal.COLLATERAL_EXPIRED


@pytest.mark.parametrize("anchors", [TrustAnchors.vendor()], ids=["vendor-only"])
def test_simulated_collateral_needs_its_root(
    services: VendorServices, tmp_path: Path, anchors: TrustAnchors
) -> None:
    store = store_of(services, tmp_path, anchors=anchors)
    assert code_of(store, TDX) is Refusal.SIMULATED_NOT_TRUSTED


class TestRollback:
    def test_the_evaluation_number_never_goes_back(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        store = store_of(services, tmp_path)
        serve_intel(services, evaluation=19)
        store.get(TDX)
        serve_intel(services, evaluation=18)
        assert code_of(store, TDX, renew=True) is Refusal.COLLATERAL_ROLLBACK
        serve_intel(services, evaluation=20)
        assert b"20" in store.get(TDX, renew=True)[0].data

    def test_it_is_remembered_when_the_document_is_gone(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        store = store_of(services, tmp_path)
        serve_intel(services, evaluation=19)
        store.get(TDX)
        next((tmp_path / "documents").iterdir()).unlink()
        serve_intel(services, evaluation=18)
        assert code_of(store_of(services, tmp_path), TDX) is Refusal.COLLATERAL_ROLLBACK

    def test_the_document_remembers_it_when_the_marks_are_gone(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        store = store_of(services, tmp_path)
        serve_intel(services, evaluation=19)
        store.get(TDX)
        (tmp_path / "marks.json").unlink()
        serve_intel(services, evaluation=18)
        assert code_of(store, TDX, renew=True) is Refusal.COLLATERAL_ROLLBACK

    @pytest.mark.parametrize("damage", [b"?", b"sha256:00\n{}"])
    def test_damaged_marks_stop_the_store(
        self, services: VendorServices, tmp_path: Path, damage: bytes
    ) -> None:
        store = store_of(services, tmp_path)
        store.get(TDX)
        (tmp_path / "marks.json").write_bytes(damage)
        assert code_of(store, TDX, renew=True) is Refusal.MALFORMED

    def test_imports_count_as_well(self, services: VendorServices, tmp_path: Path) -> None:
        old = store_of(services, tmp_path / "a")
        old.get(TDX)
        before = old.export()
        serve_intel(services, evaluation=19)
        store = store_of(services, tmp_path / "b")
        store.get(TDX)
        store.get(GENOA)
        with pytest.raises(EvidenceError) as caught:
            store.add(before.documents)
        assert caught.value.code is Refusal.COLLATERAL_ROLLBACK
        assert old.add(store.export().documents)
        assert {one.document.digest for one in old.list()} == {
            one.digest for one in store.export().documents
        }

    def test_a_list_is_not_replaced_by_an_older_one(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        store = store_of(services, tmp_path)
        store.get(LIST)
        marks = store.list()
        older = make_silicon("genoa")
        older.identity = replace(older.identity, created=NOW - timedelta(days=30))
        services.serve_snp(older)
        assert code_of(store, LIST, renew=True) is Refusal.COLLATERAL_ROLLBACK
        assert store.list() == marks


class TestStaleWhileError:
    def test_nothing_old_is_used_by_default(self, services: VendorServices, tmp_path: Path) -> None:
        store = store_of(services, tmp_path, max_age=timedelta(hours=1))
        store.get(LIST)
        services.clock.pass_time(3601)
        services.misbehave(*[status(503)] * 4)
        assert code_of(store, LIST) is Refusal.ENDORSEMENT_UNAVAILABLE

    def test_within_its_bound_if_the_policy_says_so(
        self, services: VendorServices, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        hour = timedelta(hours=1)
        store = store_of(services, tmp_path, max_age=hour, stale_while_error=hour)
        found = store.get(LIST)
        services.clock.pass_time(3700)
        services.misbehave(*[status(503)] * 8)
        assert [one.digest for one in store.get(LIST)] == [one.digest for one in found]
        assert "going on with what was stored" in caplog.text
        services.clock.pass_time(3600)
        assert code_of(store, LIST) is Refusal.ENDORSEMENT_UNAVAILABLE

    @pytest.mark.parametrize("name", ["max_age", "stale_while_error"])
    def test_times_are_not_negative(self, name: str) -> None:
        with pytest.raises(ValueError, match="negative"):
            StorePolicy(**{name: timedelta(-1)})


class TestOffline:
    def test_a_store_without_a_network_gives_what_it_has(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        offline = store_of(services, tmp_path, offline=True)
        assert offline.get(TDX) == ()
        store_of(services, tmp_path).get(TDX)
        services.clock.pass_time(30 * 86400)
        assert [one.kind for one in offline.get(TDX)] == ["intel-collateral"]
        assert len(offline.endorsements().of_kind(DocumentKind.INTEL_COLLATERAL)) == 1

    def test_documents_of_no_known_name_are_kept_beside_each_other(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        store = store_of(services, tmp_path, offline=True)
        given = [
            BundleDocument(CRL, STRANGER.crl(), "usb"),
            BundleDocument(CERTIFICATE, MILAN.root(), "usb"),
            BundleDocument(CERTIFICATE, MILAN.vek("vlek", bytes(8)).certificate, "usb"),
            BundleDocument("nvidia-rim", b"<rim/>", "usb"),
        ]
        filings = store.add(given)
        assert not any(one.verified for one in filings)
        assert {one.name[:6] for one in filings} == {"other-"}
        assert len(store.list()) == 4
        assert store.add(given) == filings

    def test_what_cannot_be_read_is_not_imported(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        store = store_of(services, tmp_path, offline=True)
        given = [
            BundleDocument(CRL, STRANGER.crl(), "usb"),
            BundleDocument(CERTIFICATE, b"no certificate", "usb"),
        ]
        with pytest.raises(EvidenceError):
            store.add(given)
        assert store.list() == []

    def test_a_note_of_the_future_does_not_keep_a_document_fresh(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        store = store_of(services, tmp_path, offline=True, max_age=timedelta(hours=1))
        late = NOW + timedelta(days=300)
        store.add([BundleDocument(CRL, SNP.crl(), "usb", fetched=late)])
        services.clock.pass_time(1)
        assert store.list()[0].state is State.FRESH


def test_a_folder_that_cannot_be_used_is_said_so(services: VendorServices, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = store_of(services, tmp_path / "file")
    with pytest.raises(EvidenceError, match="store of endorsements"):
        store.get(TDX)


def test_threads_that_want_the_same_ask_once(services: VendorServices, tmp_path: Path) -> None:
    store = store_of(services, tmp_path)
    threads = [threading.Thread(target=store.get, args=(GENOA,)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(services.asked) == 1


class TestFolder:
    def test_a_store_of_too_many_files_is_not_read(
        self, services: VendorServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = store_of(services, tmp_path)
        store.get(GENOA)
        monkeypatch.setattr("attestation.endorsement_store.folder.MAX_STORED_DOCUMENTS", 1)
        with pytest.raises(EvidenceError, match="over 1 files"):
            store.list()

    def test_other_files_in_it_are_left_alone(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        store = store_of(services, tmp_path)
        store.get(GENOA)
        for name in ("notes.txt", ".hidden.json", "UPPER.json"):
            (tmp_path / "documents" / name).write_bytes(b"x")
        assert len(store.list()) == 2

    def test_no_name_leads_out_of_it(self, tmp_path: Path) -> None:
        with pytest.raises(EvidenceError, match="plain"):
            Folder(tmp_path).write({"../x": BundleDocument(CRL, b"x", "test")}, {})

    @pytest.mark.parametrize("place", ["documents", "marks.json", ".lock"])
    def test_what_the_system_refuses_is_said(
        self, services: VendorServices, tmp_path: Path, place: str
    ) -> None:
        if place == "documents":
            (tmp_path / place).write_bytes(b"")
        else:
            (tmp_path / place).mkdir()
        assert code_of(store_of(services, tmp_path), TDX) is Refusal.ENDORSEMENT_UNAVAILABLE

    def test_a_file_that_cannot_be_written_is_said(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        (tmp_path / "documents" / "simulated-snp-genoa-ask.json").mkdir(parents=True)
        assert code_of(store_of(services, tmp_path), GENOA) is Refusal.ENDORSEMENT_UNAVAILABLE

    def test_marks_are_numbers(self, services: VendorServices, tmp_path: Path) -> None:
        store = store_of(services, tmp_path)
        store.get(TDX)
        text = b'{"intel":"18"}'
        head = b"sha256:" + hashlib.sha256(text).hexdigest().encode()
        (tmp_path / "marks.json").write_bytes(head + b"\n" + text)
        assert code_of(store, TDX, renew=True) is Refusal.MALFORMED


class TestFiling:
    def file(self, data: bytes, *others: bytes) -> Filing:
        given = [BundleDocument(CERTIFICATE, one, "test") for one in (*others, SNP.root())]
        return Registrar.of(ANCHORS, given).file(CERTIFICATE, data)

    def test_a_ca_of_another_name_takes_no_place(self) -> None:
        ask, ark = parse_certificate(SNP.intermediate("vcek")), parse_certificate(SNP.root())
        assert self.file(ask.der).name == "simulated-snp-genoa-ask"
        assert self.file(rebuilt(ask, "ark", subject=ark.subject)).name.startswith("other-")

    def test_providers_keys_are_kept_beside_each_other(self) -> None:
        vlek = SNP.vek("vlek", SNP.identity.model.tcb).certificate
        found = self.file(vlek, SNP.intermediate("vlek"))
        assert (found.name[:6], found.verified) == ("other-", False)

    def test_a_vcek_without_its_chain_takes_no_place(self) -> None:
        vcek = SNP.vek("vcek", SNP.identity.model.tcb).certificate
        assert self.file(vcek).name.startswith("other-")
        assert self.file(vcek, SNP.intermediate("vcek")).name.startswith("simulated-snp-genoa-vcek")

    def test_roots_of_other_vendors_are_filed_by_digest(self) -> None:
        assert self.file(INTEL.vendor.root.certificate).name.startswith("other-")


def test_collateral_of_a_root_that_is_not_trusted_is_in_nobodys_way(
    services: VendorServices, tmp_path: Path
) -> None:
    store_of(services, tmp_path).get(TDX)
    vendors = store_of(services, tmp_path, offline=True, anchors=TrustAnchors.vendor())
    (listed,) = vendors.list()
    assert listed.filing.what == "intel collateral of no use: simulated-not-trusted"
    assert not listed.filing.verified
    assert vendors.for_evidence(UnverifiedEvidence("cca", {"token": b"?"})).documents == ()


def test_a_full_store_takes_no_more_and_can_still_be_read(
    services: VendorServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "MAX_STORED_DOCUMENTS", 2)
    store = store_of(services, tmp_path, offline=True)
    first, second, third = (
        BundleDocument(DocumentKind.NVIDIA_RIM.value, f"<rim{n}/>".encode(), "test")
        for n in range(3)
    )
    store.add([first, second])
    with pytest.raises(EvidenceError, match="is full"):
        store.add([third])
    store.add([second])
    assert {one.document.digest for one in store.list()} == {first.digest, second.digest}


def test_a_folder_that_is_something_else_is_left_as_it_is(
    services: VendorServices, tmp_path: Path
) -> None:
    (tmp_path / "letters.txt").write_text("dear all")
    tmp_path.chmod(0o755)
    manifest = BundleDocument(DocumentKind.NVIDIA_RIM.value, b"<rim/>", "test")
    with pytest.raises(EvidenceError, match="holds other things"):
        store_of(services, tmp_path, offline=True).add([manifest])
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert [one.name for one in tmp_path.iterdir()] == ["letters.txt"]
