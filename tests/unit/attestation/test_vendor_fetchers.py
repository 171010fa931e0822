"""What is asked of each vendor, and which answers of theirs are understood."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from attestation.composite import encode_devices
from attestation.endorsement_store.hints import wanted_by
from attestation.endorsement_store.store import EndorsementStore
from attestation.endorsement_store.wanted import (
    IntelCollateral,
    NvidiaManifest,
    NvidiaStatus,
    SnpCertificates,
    SnpChipKey,
    SnpRevocations,
    Wanted,
)
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, NvidiaPolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated.azure.hcl_writer import HclFields, encode_hcl
from attestation.simulated.nvidia.devices import SimulatedDevices
from attestation.simulated.nvidia.gpu import SimulatedGpu
from attestation.simulated.snp.faults import Fault
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509.certificate import parse_certificate
from attestation.x509.ocsp import parse_ocsp
from attestation.x509.pem import encode_pem
from tests.fakes.intel import make_sgx, make_tdx
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA, make_platform, make_silicon
from tests.fakes.vendor_services import Answer, VendorServices, vendor_services

INTEL = make_tdx().silicon
FMSPC = INTEL.fmspc.hex()
TDX = IntelCollateral("tdx", FMSPC, "platform")
ROOT = encode_pem("CERTIFICATE", INTEL.vendor.root.certificate)
PLATFORM = "/sgx/certification/v4/pckcrl?ca=platform&encoding=der"
TCB = f"/tdx/certification/v4/tcb?fmspc={FMSPC}"
ROOT_LIST = "/IntelSGXRootCA.der"


@pytest.fixture
def services() -> Iterator[VendorServices]:
    with vendor_services() as running:
        collateral = asdict(INTEL.collateral())
        running.serve_intel(collateral, tee="tdx", fmspc=FMSPC, ca="platform")
        yield running


def store_of(services: VendorServices, folder: Path, root: bytes = ROOT) -> EndorsementStore:
    return EndorsementStore(
        folder,
        anchors=TrustAnchors.vendor().with_simulated(root),
        clock=services.clock.now,
        fetcher=services.fetcher(),
    )


class TestIntel:
    @pytest.mark.parametrize(
        "change",
        [
            {"TCB-Info-Issuer-Chain": "SGX-TCB-Info-Issuer-Chain"},
            {"TCB-Info-Issuer-Chain": "tcb-info-issuer-chain"},
        ],
        ids=["version-3-name", "lower-case"],
    )
    def test_headers_by_any_of_intels_names(
        self, services: VendorServices, tmp_path: Path, change: dict[str, str]
    ) -> None:
        answer = services.answers[TCB]
        answer.headers = {change[name]: value for name, value in answer.headers.items()}
        assert store_of(services, tmp_path).get(TDX)

    @pytest.mark.parametrize(
        "form",
        [
            lambda der: der.hex().encode(),
            lambda der: der.hex().upper().encode() + b"\n",
            lambda der: encode_pem("X509 CRL", der),
        ],
        ids=["hex", "upper-hex", "pem"],
    )
    def test_lists_as_a_pccs_sends_them(
        self, services: VendorServices, tmp_path: Path, form: Callable[[bytes], bytes]
    ) -> None:
        expected = store_of(services, tmp_path / "a").get(TDX)[0].digest
        for path in (PLATFORM, ROOT_LIST):
            services.answers[path].body = form(services.answers[path].body)
        assert store_of(services, tmp_path / "b").get(TDX)[0].digest == expected

    def test_the_exact_text_is_kept(self, services: VendorServices, tmp_path: Path) -> None:
        body = services.answers[TCB].body
        services.answers[TCB].body = body.replace(b'{"tcbInfo":', b' { "tcbInfo" :\n ', 1)
        document = json.loads(store_of(services, tmp_path).get(TDX)[0].data)
        assert document["tcb_info"] == INTEL.collateral().tcb_info

    @pytest.mark.parametrize(
        ("path", "change", "code"),
        [
            (TCB, lambda body: body.replace(b'"fmspc"', b'"fmspC"'), "collateral-signature"),
            (TCB, lambda body: body.replace(b'"tcbInfo"', b'"tcbinfo"'), "malformed"),
            (TCB, lambda body: body[:-1] + b',"more":1}', "malformed"),
            (TCB, lambda body: body + b"{}", "malformed"),
            (TCB, lambda body: b'{"tcbInfo":1,"signature":"' + b"0" * 128 + b'"}', "malformed"),
            (TCB, lambda body: b'{"tcbInfo":' + b"[" * 100_000, "malformed"),
            (TCB, lambda body: b"\xff", "malformed"),
            (PLATFORM, lambda body: b"0" * 11, "malformed"),
            (PLATFORM, lambda body: INTEL.vendor.root.certificate, "malformed"),
        ],
    )
    def test_another_answer_is_refused(
        self,
        services: VendorServices,
        tmp_path: Path,
        path: str,
        change: Callable[[bytes], bytes],
        code: str,
    ) -> None:
        services.answers[path].body = change(services.answers[path].body)
        with pytest.raises(EvidenceError) as caught:
            store_of(services, tmp_path).get(TDX)
        assert caught.value.code.value.startswith(code)

    @pytest.mark.parametrize("chain", [None, "", "%00", "-----BEGIN", "a" * 20000])
    def test_a_chain_has_to_be_there(
        self, services: VendorServices, tmp_path: Path, chain: str | None
    ) -> None:
        headers = {} if chain is None else {"TCB-Info-Issuer-Chain": chain}
        services.answers[TCB].headers = headers
        with pytest.raises(EvidenceError) as caught:
            store_of(services, tmp_path).get(TDX)
        assert caught.value.code is Refusal.MALFORMED

    def test_collateral_of_two_tees_is_refused(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        sgx = asdict(make_sgx(pck_ca="platform").silicon.collateral())
        services.serve_intel(sgx, tee="sgx", fmspc=FMSPC, ca="platform")
        identity = services.answers["/sgx/certification/v4/qe/identity"]
        services.answers["/tdx/certification/v4/qe/identity"] = identity
        with pytest.raises(EvidenceError) as caught:
            store_of(services, tmp_path).get(TDX)
        assert caught.value.code is Refusal.COLLATERAL_TEE_MISMATCH

    @pytest.mark.parametrize("make", [make_tdx, make_sgx], ids=["tdx", "sgx"])
    @pytest.mark.parametrize("ca", ["platform", "processor"])
    def test_a_quote_says_what_it_needs_and_verifies_with_it(
        self,
        services: VendorServices,
        tmp_path: Path,
        make: Callable[..., object],
        ca: str,
    ) -> None:
        platform = make(pck_ca=ca)
        silicon = platform.silicon  # type: ignore[attr-defined]
        evidence = platform.launch(MEASUREMENT).attest(REPORT_DATA)  # type: ignore[attr-defined]
        fmspc = silicon.fmspc.hex()
        collateral = asdict(silicon.collateral())
        services.serve_intel(collateral, tee=evidence.tee, fmspc=fmspc, ca=ca)
        assert wanted_by(evidence) == (IntelCollateral(evidence.tee, fmspc, ca),)
        root = platform.roots_pem()  # type: ignore[attr-defined]
        store = store_of(services, tmp_path, root)
        verify(
            evidence,
            report_data=ExpectedReportData(REPORT_DATA),
            endorsements=store.for_evidence(evidence),
            policy=EvidencePolicy(),
            anchors=TrustAnchors.vendor().with_simulated(root),
            now=NOW,
        )


class TestNvidia:
    @pytest.fixture
    def devices(self, tmp_path: Path) -> SimulatedDevices:
        return SimulatedDevices.create(
            tmp_path / "gpus", now=NOW, entropy=lambda size: b"7" * size, count=2
        )

    @pytest.fixture
    def served(
        self, services: VendorServices, devices: SimulatedDevices
    ) -> tuple[VendorServices, SimulatedGpu]:
        wanted = wanted_by(devices.gpus[0].attest(REPORT_DATA))
        ids = [one.identifier for one in wanted if isinstance(one, NvidiaManifest)]
        for rim in devices.vendor.rims():
            kind = "VBIOS" if b'colloquialVersion="96.' in rim else "DRIVER"
            services.serve_rim(next(one for one in ids if kind in one), rim)
        return services, devices.gpus[0]

    def test_a_report_says_which_manifests_and_answers_it_needs(
        self, devices: SimulatedDevices
    ) -> None:
        wanted = wanted_by(devices.gpus[0].attest(REPORT_DATA))
        assert [one.identifier for one in wanted if isinstance(one, NvidiaManifest)] == [
            "NV_GPU_VBIOS_1010_0200_882_9600AF0001",
            "NV_GPU_DRIVER_GH100_570.86.10",
        ]
        assert sum(isinstance(one, NvidiaStatus) for one in wanted) == 3

    def test_manifests_and_answers_are_fetched_and_verify(
        self, served: tuple[VendorServices, SimulatedGpu], devices: SimulatedDevices, tmp_path: Path
    ) -> None:
        services, gpu = served
        evidence = gpu.attest(REPORT_DATA)
        status = next(one for one in wanted_by(evidence) if isinstance(one, NvidiaStatus))
        about = (parse_certificate(status.certificate), parse_certificate(status.issuer))
        services.serve_ocsp(
            next(
                one
                for one in devices.vendor.ocsp_responses(range(1))
                if parse_ocsp(one).answers[0].is_for(*about)
            )
        )
        store = store_of(services, tmp_path / "store", devices.roots_pem())
        for manifest in (one for one in wanted_by(evidence) if isinstance(one, NvidiaManifest)):
            assert store.get(manifest)[0].data.lstrip().startswith(b"<")
        found = [store.get(status)]
        assert ocsp.load_der_ocsp_request(services.posted[0]).serial_number
        assert found[0][0].expires is not None
        claims = verify(
            evidence,
            report_data=ExpectedReportData(REPORT_DATA),
            endorsements=store.endorsements(),
            policy=EvidencePolicy(nvidia=NvidiaPolicy(require_rim=True)),
            anchors=TrustAnchors.vendor().with_simulated(devices.roots_pem()),
            now=NOW,
        )
        assert claims.simulated

    @pytest.mark.parametrize(
        "body",
        [b"", b"\x30\x00", b"other"],
        ids=["empty", "no-response", "about-another"],
    )
    def test_an_ocsp_answer_is_about_what_was_asked(
        self, services: VendorServices, devices: SimulatedDevices, tmp_path: Path, body: bytes
    ) -> None:
        evidence = devices.gpus[0].attest(REPORT_DATA)
        status = next(one for one in wanted_by(evidence) if isinstance(one, NvidiaStatus))
        about = (parse_certificate(status.certificate), parse_certificate(status.issuer))
        other = next(
            one
            for one in devices.vendor.ocsp_responses(range(2))
            if not parse_ocsp(one).answers[0].is_for(*about)
        )
        services.serve_ocsp(other if body == b"other" else body)
        with pytest.raises(EvidenceError) as caught:
            store_of(services, tmp_path / "store").get(status)
        assert caught.value.code is Refusal.MALFORMED

    def test_what_is_no_certificate_cannot_be_asked_about(
        self, services: VendorServices, tmp_path: Path
    ) -> None:
        with pytest.raises(EvidenceError, match="cannot be asked about"):
            store_of(services, tmp_path).get(NvidiaStatus(b"?", b"?"))

    @pytest.mark.parametrize(
        "body",
        [
            b"[]",
            b'{"rim":1}',
            b'{"rim":"%%"}',
            b'{"rim":"e30="}',
            b'{"id":"NV_GPU_OTHER","rim":"PGEvPg=="}',
        ],
    )
    def test_a_manifest_is_xml_under_its_id(
        self, services: VendorServices, tmp_path: Path, body: bytes
    ) -> None:
        wanted = NvidiaManifest("NV_GPU_VBIOS_1")
        services.answers["/v1/rim/NV_GPU_VBIOS_1"] = Answer(body)
        with pytest.raises(EvidenceError) as caught:
            store_of(services, tmp_path).get(wanted)
        assert caught.value.code is Refusal.MALFORMED

    def test_what_nvidia_does_not_have_is_left_out(
        self, services: VendorServices, devices: SimulatedDevices, tmp_path: Path
    ) -> None:
        store = store_of(services, tmp_path / "store")
        evidence = devices.gpus[0].attest(REPORT_DATA)
        services.serve_ocsp(b"")
        services.answers.pop("/ocsp")
        assert store.for_evidence(evidence).documents == ()

    @pytest.mark.parametrize("model", ["blackwell", "ls10"])
    def test_other_models_have_other_ids(self, tmp_path: Path, model: str) -> None:
        gpu = SimulatedDevices.create(tmp_path / model, now=NOW, model=model).gpus[0]
        ids = [
            one.identifier
            for one in wanted_by(gpu.attest(REPORT_DATA))
            if isinstance(one, NvidiaManifest)
        ]
        starts = {"blackwell": ["NV_GPU_VBIOS_", "NV_GPU_CC_DRIVER_GB100_"], "ls10": []}[model]
        assert len(ids) == len(starts)
        assert all(one.startswith(start) for one, start in zip(ids, starts, strict=True))


class TestHints:
    def test_devices_add_to_what_their_processor_needs(self, tmp_path: Path) -> None:
        devices = SimulatedDevices.create(tmp_path / "gpus", now=NOW, count=2)
        evidence = make_tdx().launch(MEASUREMENT).attest(REPORT_DATA)
        listed = encode_devices(gpu.attest(REPORT_DATA) for gpu in devices.gpus)
        both = UnverifiedEvidence("tdx", {**evidence.parts, "devices": listed})
        kinds = [type(one).__name__ for one in wanted_by(both)]
        # Two manifests for both; the certificates of family and provisioner are shared as well.
        assert kinds.count("IntelCollateral") == 1
        assert kinds.count("NvidiaManifest") == 2
        assert 3 < kinds.count("NvidiaStatus") < 6

    @pytest.mark.parametrize("signing_key", ["vcek", "vlek"])
    @pytest.mark.parametrize("extended", [False, True])
    def test_snp_with_its_certificate(
        self, tmp_path: Path, signing_key: str, *, extended: bool
    ) -> None:
        platform = make_platform(tmp_path / "tee", signing_keys=[signing_key])
        guest = replace(
            platform.launch(MEASUREMENT),
            signing_key=signing_key,
            extended=extended,
            report_version=2,
        )
        assert wanted_by(guest.attest(REPORT_DATA)) == (
            SnpCertificates("milan", signing_key),
            SnpRevocations("milan", signing_key),
        )

    def test_snp_without_product_or_chip(self, tmp_path: Path) -> None:
        platform = make_platform(tmp_path / "tee")
        guest = platform.launch(MEASUREMENT).with_fault(Fault.NO_CERTIFICATE)
        old = replace(guest, report_version=2)
        assert wanted_by(old.attest(REPORT_DATA)) == ()
        masked = replace(guest, report_version=3).with_fault(Fault.MASKED_CHIP_ID)
        assert not any(isinstance(one, SnpChipKey) for one in wanted_by(masked.attest(REPORT_DATA)))

    def test_azure_on_snp_and_tdx(self, tmp_path: Path) -> None:
        vek = make_silicon("milan")
        guest = make_platform(tmp_path / "tee").launch(MEASUREMENT)
        report = guest.attest(REPORT_DATA).parts["report"]
        hcl = encode_hcl(HclFields(report, b"{}"))
        certificate = vek.vek("vcek", vek.identity.model.tcb).certificate
        found = wanted_by(UnverifiedEvidence("azure-snp", {"hcl_report": hcl, "vek": certificate}))
        assert found == (SnpCertificates("milan"), SnpRevocations("milan"))
        quote = make_tdx().launch(MEASUREMENT).attest(REPORT_DATA).parts["quote"]
        assert wanted_by(UnverifiedEvidence("azure-tdx", {"td_quote": quote})) == (TDX,)

    def test_a_quote_without_a_pck_certificate_says_nothing(self) -> None:
        quote = make_tdx().launch(MEASUREMENT).attest(REPORT_DATA).parts["quote"]
        start = quote.index(b"-----BEGIN")
        other_type = quote[: start - 6] + b"\x01\0" + quote[start - 4 :]
        with pytest.raises(EvidenceError) as caught:
            wanted_by(UnverifiedEvidence("tdx", {"quote": other_type}))
        assert caught.value.code is Refusal.NO_ENDORSEMENT
        blocks = [
            block + b"-----END CERTIFICATE-----\n"
            for block in quote[start:].split(b"-----END CERTIFICATE-----\n")[:-1]
        ]
        length = sum(map(len, blocks))
        backwards = quote[:start] + b"".join(reversed(blocks)) + quote[start + length :]
        with pytest.raises(EvidenceError, match="no PCK"):
            wanted_by(UnverifiedEvidence("tdx", {"quote": backwards}))

    @pytest.mark.parametrize("tee", ["nitro", "cca", "psa", "tpm"])
    def test_some_evidence_brings_everything(self, tee: str) -> None:
        assert wanted_by(UnverifiedEvidence(tee, {})) == ()

    @pytest.mark.parametrize("tee", ["snp", "tdx", "sgx", "azure-snp", "azure-tdx", "nvidia"])
    def test_what_is_no_evidence_is_refused(self, tee: str) -> None:
        with pytest.raises(EvidenceError):
            wanted_by(UnverifiedEvidence(tee, {}))


@pytest.mark.parametrize(
    "make",
    [
        lambda: SnpCertificates("rome"),
        lambda: SnpCertificates("milan", "vbek"),
        lambda: SnpRevocations("../milan"),
        lambda: SnpRevocations("milan", ""),
        lambda: SnpChipKey("milan", bytes(64), bytes(8)),
        lambda: SnpChipKey("milan", b"1" * 8, bytes(8)),
        lambda: SnpChipKey("turin", b"1" * 8, bytes(7)),
        lambda: IntelCollateral("snp", FMSPC, "platform"),
        lambda: IntelCollateral("tdx", FMSPC.upper(), "root"),
        lambda: IntelCollateral("tdx", "00806f00000&", "platform"),
        lambda: NvidiaManifest("NV_GPU/../../secret"),
        lambda: NvidiaManifest("NV_GPU..X"),
        lambda: NvidiaManifest("NV_GPU_DRIVER?x"),
        lambda: NvidiaManifest("GPU"),
    ],
)
def test_no_value_of_a_host_makes_an_address(make: Callable[[], Wanted]) -> None:
    with pytest.raises(EvidenceError) as caught:
        make()
    assert caught.value.code is Refusal.MALFORMED
