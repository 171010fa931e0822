"""The evidence section of broker.yaml: keys, policy, and endorsements that change while it runs."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.bundle import BUNDLE_TYPE, CERTIFICATE, CRL, Bundle, BundleDocument
from attestation.endorsements import DocumentKind, Endorsements
from attestation.limits import MAX_ENDORSED_CRLS
from attestation.policy import (
    CcaPolicy,
    CrlPolicy,
    EvidencePolicy,
    IntelPolicy,
    NitroPolicy,
    NvidiaPolicy,
    SgxPolicy,
    SnpPolicy,
    TdxPolicy,
    TpmPolicy,
)
from attestation.simulated.intel.collateral import publish
from attestation.simulated.snp.certificates import Issuer, Validity, build_crl
from attestation.x509.certificate import parse_certificate
from attestation.x509.pem import encode_pem
from keybroker.edge.serve import open_broker
from keybroker.errors import BrokerCode, BrokerError
from keybroker.settings.config import parse_config
from keybroker.settings.initialise import EvidenceFiles, NewBroker, init_broker
from keybroker.settings.models import load_settings
from sealing.keys import SigningKey
from sealing.signatures import dsse
from tests.fakes.intel import make_silicon
from tests.fakes.silicon import MEASUREMENT, NOW, signer_of
from tests.fakes.silicon import make_silicon as make_snp
from tests.fakes.world import references

INTEL = make_silicon(tdx=True)
ROOT = encode_pem("CERTIFICATE", INTEL.vendor.root.certificate)
SNP_ROOT = make_snp("genoa").root()
SIGNER = SigningKey.generate("ed25519")


def collateral(number: int = 18) -> BundleDocument:
    made = publish(INTEL.vendor, replace(INTEL.publication(), evaluation=number))
    return BundleDocument(DocumentKind.INTEL_COLLATERAL.value, made.to_json(), "test")


def snp_list(day: int) -> BundleDocument:
    issuer = Issuer(parse_certificate(SNP_ROOT).subject, signer_of("ark"))
    start = NOW + timedelta(days=day)
    data = build_crl(issuer, validity=Validity(start, start + timedelta(days=90)))
    return BundleDocument(CRL, data, "test")


def bundle(*documents: BundleDocument) -> bytes:
    return Bundle.of(documents).to_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    new = NewBroker(
        SigningKey.generate("ed25519").public,
        "broker.example/log",
        EvidenceFiles(
            references(MEASUREMENT), endorsements=bundle(collateral()), simulated_root=ROOT
        ),
    )
    init_broker(tmp_path / "broker", new, now=NOW)
    return tmp_path / "broker"


def change(folder: Path, **members: Any) -> None:
    path = folder / "broker.yaml"
    document = yaml.safe_load(path.read_bytes())
    document["evidence"] |= members
    path.write_text(yaml.safe_dump(document))


def settings(folder: Path) -> Any:
    return load_settings(folder, parse_config((folder / "broker.yaml").read_bytes()))


def refusal(folder: Path) -> str:
    with pytest.raises(BrokerError) as caught:
        settings(folder)
    assert caught.value.code is BrokerCode.CONFIG_INVALID
    return caught.value.detail


def documents(trust: Any) -> int:
    return len(trust.files.joined(trust.endorsements).documents)


class TestPolicy:
    def test_what_is_not_named_is_strict(self, folder: Path) -> None:
        assert settings(folder).trust.policy == EvidencePolicy()

    def test_every_member_reaches_the_verifiers(self, folder: Path) -> None:
        change(
            folder,
            policy={
                "snp": {
                    "products": ["genoa"],
                    "max-vmpl": 1,
                    "minimum-tcb": {"genoa": {"snp": 22, "microcode": 72}},
                    "minimum-abi": [1, 51],
                    "unsafe-allow-debug": True,
                },
                "intel": {
                    "accepted-statuses": ["UpToDate", "SWHardeningNeeded"],
                    "denied-advisories": ["INTEL-SA-00615"],
                    "minimum-tcb-evaluation-number": 17,
                },
                "tdx": {"allow-service-td": True, "unsafe-allow-migration": True},
                "sgx": {"signers": ["ab" * 32], "minimum-isv-svn": 3},
                "nitro": {"max-age-seconds": 60},
                "cca": {"unsafe-allow-debug": True},
                "tpm": {"measurement-pcr": 8, "event-log-pcrs": [0, 1]},
                "nvidia": {"require-rim": True, "require-ocsp": True},
            },
        )
        assert settings(folder).trust.policy == EvidencePolicy(
            snp=SnpPolicy(
                products=frozenset({"genoa"}),
                max_vmpl=1,
                minimum_tcb={"genoa": {"snp": 22, "microcode": 72}},
                minimum_abi=(1, 51),
                allow_debug=True,
            ),
            intel=IntelPolicy(
                frozenset({"UpToDate", "SWHardeningNeeded"}), frozenset({"INTEL-SA-00615"}), 17
            ),
            tdx=TdxPolicy(allow_service_td=True, allow_migration=True),
            sgx=SgxPolicy(signers=frozenset({b"\xab" * 32}), minimum_isv_svn=3),
            nitro=NitroPolicy(max_age_seconds=60),
            cca=CcaPolicy(allow_debug=True),
            tpm=TpmPolicy(measurement_pcr=8, event_log_pcrs=frozenset({0, 1})),
            nvidia=NvidiaPolicy(require_rim=True, require_ocsp=True),
        )

    @pytest.mark.parametrize(
        ("policy", "words"),
        [
            ({"snp": {"max-vmpl": 4}}, "evidence.policy.snp.max-vmpl"),
            ({"snp": {"products": ["rome"]}}, "evidence.policy.snp.products"),
            ({"snp": {"products": []}}, "evidence.policy.snp: products is empty"),
            ({"snp": {"minimum-tcb": {"genoa": {"sev": 1}}}}, "minimum-tcb"),
            ({"snp": {"minimum-tcb": {"genoa": {"snp": 256}}}}, "minimum-tcb"),
            ({"snp": {"allow-debug": True}}, "evidence.policy.snp.allow-debug"),
            ({"intel": {"accepted-statuses": ["Revoked"]}}, "evidence.policy.intel: accepted"),
            ({"intel": {"denied-advisories": ["CVE-1"]}}, "evidence.policy.intel.denied"),
            ({"nvidia": {"architectures": ["volta"]}}, "evidence.policy.nvidia: architectures"),
            ({"sgx": {"signers": ["AB"]}}, "evidence.policy.sgx.signers"),
            ({"tpm": {"measurement-pcr": 24}}, "evidence.policy.tpm.measurement-pcr"),
            ({"risc-v": {}}, "evidence.policy.risc-v"),
        ],
    )
    def test_what_cannot_be_meant_is_named(
        self, folder: Path, policy: dict[str, Any], words: str
    ) -> None:
        change(folder, policy=policy)
        detail = refusal(folder)
        assert words in detail
        assert "broker.yaml" in detail


class TestKeys:
    @pytest.mark.parametrize("tee", ["cca", "psa", "tpm"])
    def test_keys_are_trusted_for_their_tee_only(self, folder: Path, tee: str) -> None:
        public = ec.generate_private_key(ec.SECP256R1()).public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / "key.pem").write_bytes(pem)
        change(folder, keys={tee: ["key.pem"]})
        anchors = settings(folder).trust.anchors
        assert {one: len(anchors.keys_for(one)) for one in ("cca", "psa", "tpm")} == {
            one: int(one == tee) for one in ("cca", "psa", "tpm")
        }

    @pytest.mark.parametrize(
        ("keys", "words"),
        [
            ({"cca": ["missing.pem"]}, "missing.pem"),
            ({"cca": ["references.json"]}, "evidence.keys.cca"),
            ({"sgx": ["key.pem"]}, "evidence.keys.sgx"),
        ],
    )
    def test_a_bad_key_is_named(self, folder: Path, keys: dict[str, Any], words: str) -> None:
        change(folder, keys=keys)
        assert words in refusal(folder)


class TestEndorsements:
    def test_they_reach_the_verifiers(self, folder: Path) -> None:
        trust = settings(folder).trust
        assert documents(trust) == 1
        first = trust.files.joined(trust.endorsements)
        assert trust.files.joined(trust.endorsements) is first
        assert len(trust.files.joined(Endorsements.none()).documents) == 1

    def test_without_files_there_is_nothing_to_read(self, folder: Path) -> None:
        change(folder, endorsements=[])
        assert settings(folder).trust.files is None

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"{}", "endorsements.json: malformed"),
            (bundle(BundleDocument(CERTIFICATE, b"none", "test")), "endorsements.json: malformed"),
        ],
        ids=["no-bundle", "no-certificate"],
    )
    def test_a_broker_does_not_start_on_a_bad_file(
        self, folder: Path, data: bytes, words: str
    ) -> None:
        (folder / "endorsements.json").write_bytes(data)
        assert words in refusal(folder)

    def test_a_missing_file_is_named(self, folder: Path) -> None:
        (folder / "endorsements.json").unlink()
        assert "endorsements.json" in refusal(folder)

    def test_two_files_that_disagree_are_refused(self, folder: Path) -> None:
        (folder / "newer.json").write_bytes(bundle(collateral(19)))
        change(folder, endorsements=["newer.json", "endorsements.json"])
        assert "collateral-rollback" in refusal(folder)

    def test_with_signers_a_bundle_has_to_be_signed(self, folder: Path) -> None:
        (folder / "signer.pem").write_bytes(SIGNER.public.to_pem())
        change(folder, **{"endorsement-signers": ["signer.pem"]})
        assert "endorsements.json" in refusal(folder)
        signed = dsse.sign(BUNDLE_TYPE, bundle(collateral()), [SIGNER])
        (folder / "endorsements.json").write_bytes(signed)
        assert documents(settings(folder).trust) == 1

    def test_collateral_that_nobody_signed_is_left_to_the_verifiers(
        self, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        data = collateral().data.replace(b"tcbEvaluationDataNumber", b"tcbEvaluationDataNumbeR")
        bad = BundleDocument(DocumentKind.INTEL_COLLATERAL.value, data, "test")
        (folder / "endorsements.json").write_bytes(bundle(bad))
        assert documents(settings(folder).trust) == 1
        assert "of no use" in caplog.text


class TestReading:
    """A running broker takes new files, and only good ones."""

    @pytest.fixture
    def write(self, folder: Path) -> Callable[[bytes], None]:
        moments = iter(range(1, 100))

        def write(data: bytes) -> None:
            path = folder / "endorsements.json"
            path.write_bytes(data)
            os.utime(path, ns=(0, next(moments)))

        return write

    def test_a_new_file_counts_without_a_restart(
        self, folder: Path, write: Callable[[bytes], None]
    ) -> None:
        trust = settings(folder).trust
        trust.files.refresh()
        write(bundle(collateral(19), BundleDocument("ocsp", b"\x30\x00", "test")))
        trust.files.refresh()
        assert documents(trust) == 2
        assert not trust.files.failed

    @pytest.mark.parametrize(
        "data",
        [b"half a fi", bundle(collateral(17)), bundle(BundleDocument(CERTIFICATE, b"?", "x"))],
        ids=["torn", "older", "unreadable"],
    )
    def test_a_bad_one_changes_nothing_and_is_said(
        self,
        folder: Path,
        write: Callable[[bytes], None],
        caplog: pytest.LogCaptureFixture,
        data: bytes,
    ) -> None:
        trust = settings(folder).trust
        before = trust.files.joined(trust.endorsements)
        write(data)
        with caplog.at_level(logging.WARNING):
            trust.files.refresh()
            trust.files.refresh()
        assert trust.files.failed
        assert trust.files.joined(trust.endorsements) is before
        assert caplog.text.count("not read again") == 1
        write(bundle(collateral(20)))
        trust.files.refresh()
        assert not trust.files.failed

    @pytest.mark.parametrize(
        "issuer_in",
        [{"certificates": ["snp.pem"]}, {"endorsements": ["endorsements.json", "snp.json"]}],
        ids=["the brokers own", "another file"],
    )
    def test_an_older_list_is_one_wherever_its_issuer_is(
        self, folder: Path, write: Callable[[bytes], None], issuer_in: dict[str, Any]
    ) -> None:
        issuer = BundleDocument(CERTIFICATE, SNP_ROOT, "test")
        (folder / "snp.pem").write_bytes(encode_pem("CERTIFICATE", SNP_ROOT))
        (folder / "snp.json").write_bytes(bundle(issuer))
        change(folder, simulated={"root": "snp.pem", "fingerprint": f"sha256:{issuer.digest}"})
        change(folder, **issuer_in)
        write(bundle(snp_list(2)))
        trust = settings(folder).trust
        write(bundle(snp_list(1)))
        trust.files.refresh()
        assert trust.files.failed
        write(bundle(snp_list(3)))
        trust.files.refresh()
        assert not trust.files.failed

    def test_what_is_too_much_with_the_brokers_own_changes_nothing(
        self, folder: Path, write: Callable[[bytes], None]
    ) -> None:
        (folder / "own.crl").write_bytes(make_snp("genoa").crl())
        change(folder, crls=["own.crl"])
        trust = settings(folder).trust
        before = trust.files.joined(trust.endorsements)
        write(bundle(*(snp_list(day) for day in range(MAX_ENDORSED_CRLS))))
        trust.files.refresh()
        assert trust.files.failed
        assert trust.files.joined(trust.endorsements) is before
        assert "more than" in refusal(folder)

    def test_one_that_is_gone_is_said(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        trust = settings(folder).trust
        (folder / "endorsements.json").unlink()
        trust.files.refresh()
        assert trust.files.failed
        assert documents(trust) == 1

    def test_operators_see_how_long_they_last(
        self, folder: Path, write: Callable[[bytes], None]
    ) -> None:
        moment = NOW
        with open_broker(folder, clock=lambda: moment) as broker:
            broker.refresh_endorsements()
            end = broker.releases.trust.files.first_end
            assert end is not None
            lines = broker.metrics.render().decode().splitlines()
            shown = next(one for one in lines if one.startswith("sealwasm_broker_endorsements_end"))
            assert float(shown.split()[1]) == end.timestamp()
            days = (end - NOW).days
            assert broker.notes()["endorsements"].startswith(f"the first ends in {days} days (")
            write(b"torn")
            broker.refresh_endorsements()
            assert b"sealwasm_broker_endorsements_unread 1.0" in broker.metrics.render()
            assert "a changed file is bad" in broker.notes()["endorsements"]
            moment = end + timedelta(seconds=1)
            assert "the first has ended" in broker.notes()["endorsements"]

    def test_a_broker_without_files_has_nothing_to_say(self, folder: Path) -> None:
        change(folder, endorsements=[])
        with open_broker(folder, clock=lambda: NOW) as broker:
            broker.refresh_endorsements()
            assert broker.notes() == {}

    def test_certificates_in_bundles_count_too(
        self, folder: Path, write: Callable[[bytes], None]
    ) -> None:
        root = BundleDocument(CERTIFICATE, make_snp("genoa").root(), "test")
        write(bundle(collateral(), root))
        trust = settings(folder).trust
        carried = len(Endorsements.vendor().certificates)
        assert len(trust.files.joined(trust.endorsements).certificates) == carried + 1


def test_the_guides_example_is_one(folder: Path) -> None:
    guide = Path(__file__).parents[3] / "docs" / "guides" / "operator.md"
    (text,) = re.findall(
        r"^```yaml\n(evidence:.*?)^```$", guide.read_text(), re.MULTILINE | re.DOTALL
    )
    document = yaml.safe_load((folder / "broker.yaml").read_bytes())
    document |= yaml.safe_load(text)
    section = parse_config(yaml.safe_dump(document).encode()).evidence
    assert section.endorsement_signers == ("operator.pem",)
    assert section.policy.to_policy(CrlPolicy.REQUIRED).intel.minimum_tcb_evaluation_number == 18
