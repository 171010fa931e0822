"""tpm2-tools and a TPM in software: they take our quotes and credentials, and we take theirs."""

from __future__ import annotations

import secrets
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.endorsements import Endorsements
from attestation.evidence import UnverifiedEvidence
from attestation.keys import TrustedKey, load_public_key
from attestation.policy import CrlPolicy, EvidencePolicy
from attestation.policy.tpm import TpmPolicy
from attestation.report_data import ExpectedReportData, sha256_nonce
from attestation.tpm.client import Tpm
from attestation.tpm.constants import ALG_SHA256
from attestation.tpm.credential import make_credential
from attestation.tpm.enrolment import attestation_key, find_endorsement, open_credential
from attestation.tpm.pcr import PcrSelection, encode_pcrs, parse_pcrs
from attestation.tpm.public import parse_public
from attestation.tpm.quoting import take_quote
from attestation.tpm.templates import AK_ECC, AK_RSA, EK_ECC, EK_RSA, EkTemplate
from attestation.tpm_attester import AzureAttester
from attestation.trust import TrustAnchors
from attestation.verifiers.tpm.endorsement_key import EkTrust, verify_endorsement_key
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import NOW
from tests.fakes.swtpm import Swtpm, swtpm
from tests.fakes.tpm_tape import azure_guest
from tests.interop.tools import tool

pytestmark = pytest.mark.interop
REPORT_DATA = bytes(range(64))


@dataclass
class Tools:
    """tpm2-tools on one TPM. Each call is a process that opens and lets go of it."""

    tpm: Swtpm
    folder: Path

    def run(self, *command: str) -> bytes:
        path = tool(command[0])
        done = subprocess.run(
            [path, *command[1:]],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "TPM2TOOLS_TCTI": f"swtpm:path={self.tpm.path}"},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def forget(self) -> None:
        """Without a resource manager loaded keys and sessions stay."""
        for what in ("-t", "-l", "-s"):
            self.run("tpm2_flushcontext", what)

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    tool("tpm2_quote")
    folder = tmp_path_factory.mktemp("tpm2")
    with swtpm(folder / "tpm") as made:
        yield Tools(made, folder)


def pem_of(key: TrustedKey) -> bytes:
    return key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def as_tools_keep_them(values: list[bytes]) -> bytes:
    """The file that tpm2_quote writes: their structures as they lie in memory, little-endian."""
    # A selection of all PCRs of one bank, and room for fifteen more.
    selection = struct.pack("<IHB4sx", 1, ALG_SHA256, 3, b"\xff\xff\xff\0") + bytes(15 * 8)
    lists = [values[at : at + 8] for at in range(0, len(values), 8)]
    digests = b"".join(
        struct.pack("<I", len(some)) + b"".join(struct.pack("<H64s", 32, one) for one in some)
        for some in lists
    )
    return selection + struct.pack("<I", len(lists)) + digests


@pytest.mark.parametrize("template", [AK_ECC, AK_RSA], ids=["ecc", "rsa"])
def test_checkquote_takes_our_quote(tools: Tools, template: bytes) -> None:
    with tools.tpm.open() as tpm, attestation_key(tpm, template) as key:
        taken = take_quote(tpm, key, REPORT_DATA)
        public = TrustedKey(key.public.key)
    values = parse_pcrs(taken.pcrs)["sha256"]
    checked = tools.run(
        "tpm2_checkquote",
        "-u", tools.write("ak.pem", pem_of(public)),
        "-m", tools.write("quote", taken.quote),
        "-s", tools.write("signature", taken.signature),
        "-f", tools.write("pcrs", as_tools_keep_them([values[one] for one in sorted(values)])),
        "-g", "sha256",
        "-q", sha256_nonce(REPORT_DATA).hex(),
    )  # fmt: skip
    assert values[0].hex().encode() in checked.lower()


@pytest.mark.parametrize("algorithm", ["ecc", "rsa"])
def test_we_take_a_quote_of_theirs(tools: Tools, algorithm: str) -> None:
    scheme = "ecdsa" if algorithm == "ecc" else "rsassa"
    tools.run("tpm2_createek", "-G", "ecc", "-c", "ek.ctx")
    tools.run(
        "tpm2_createak", "-C", "ek.ctx", "-c", "ak.ctx", "-G", algorithm, "-g", "sha256",
        "-s", scheme, "-u", "ak.pem", "-f", "pem",
    )  # fmt: skip
    tools.forget()
    tools.run(
        "tpm2_quote", "-c", "ak.ctx", "-l", "sha256:0,4,12", "-g", "sha256",
        "-q", sha256_nonce(REPORT_DATA).hex(), "-m", "quote", "-s", "signature",
    )  # fmt: skip
    tools.forget()
    with tools.tpm.open() as tpm:
        values = tpm.pcr_read(PcrSelection(ALG_SHA256, (0, 4, 12)))
    evidence = UnverifiedEvidence(
        "tpm",
        {
            "quote": tools.read("quote"),
            "signature": tools.read("signature"),
            "pcrs": encode_pcrs({"sha256": values}),
        },
    )
    key = TrustedKey(load_public_key(tools.read("ak.pem")))
    claims = verify(
        evidence,
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=Endorsements.none(),
        policy=EvidencePolicy(tpm=TpmPolicy(measurement_pcr=12)),
        anchors=TrustAnchors.vendor().with_keys("tpm", [key]),
        now=NOW,
    )
    assert claims.measurement == values[12]


@pytest.mark.parametrize("algorithm", ["ecc", "rsa"])
def test_they_open_our_credential(tools: Tools, algorithm: str) -> None:
    tools.run("tpm2_createek", "-G", algorithm, "-c", "ek.ctx", "-u", "ek.pem", "-f", "pem")
    tools.run(
        "tpm2_createak", "-C", "ek.ctx", "-c", "ak.ctx", "-G", "ecc", "-g", "sha256",
        "-s", "ecdsa", "-n", "ak.name", "-u", "ak.public",
    )  # fmt: skip
    name = tools.read("ak.name")
    assert parse_public(tools.read("ak.public")[2:]).name == name
    secret = secrets.token_bytes(32)
    made = make_credential(
        load_public_key(tools.read("ek.pem")), name, secret, entropy=secrets.token_bytes
    )
    # The tools' own container: magic, version, then both as TPM2B.
    head = (0xBADCC0DE).to_bytes(4, "big") + (1).to_bytes(4, "big")
    tools.write("blob", head + _sized(made.blob) + _sized(made.encrypted_secret))
    tools.forget()
    tools.run("tpm2_startauthsession", "--policy-session", "-S", "session")
    tools.run("tpm2_policysecret", "-S", "session", "-c", "e")
    tools.run(
        "tpm2_activatecredential", "-c", "ak.ctx", "-C", "ek.ctx", "-i", "blob", "-o", "secret",
        "-P", "session:session",
    )  # fmt: skip
    tools.forget()
    assert tools.read("secret") == secret


def _sized(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


@pytest.mark.parametrize("template", [EK_ECC, EK_RSA], ids=lambda one: one.name)
def test_we_open_a_credential_of_theirs(tools: Tools, template: EkTemplate) -> None:
    secret = secrets.token_bytes(32)
    with tools.tpm.open() as tpm, attestation_key(tpm) as ak:
        name = ak.public.name
    key = TrustedKey(tools.tpm.endorsement_key(template))
    tools.run(
        "tpm2_makecredential", "-T", "none", "-G", "ecc" if template is EK_ECC else "rsa",
        "-u", tools.write("ek.pem", pem_of(key)), "-s", tools.write("secret", secret),
        "-n", name.hex(), "-o", "blob",
    )  # fmt: skip
    content = tools.read("blob")[8:]
    size = int.from_bytes(content[:2], "big")
    blob, encrypted = content[2 : 2 + size], content[4 + size :]
    with tools.tpm.open() as tpm:
        assert _activated(tpm, template, blob, encrypted) == secret


def _activated(tpm: Tpm, template: EkTemplate, blob: bytes, encrypted: bytes) -> bytes:
    from attestation.tpm.templates import ENDORSEMENT

    ek = tpm.create_primary(ENDORSEMENT, template.area)
    with attestation_key(tpm) as ak:
        found = tpm.activate_credential(ak, ek, credential=blob, secret=encrypted)
    tpm.flush(ek.handle)
    return found


def test_certificate_that_swtpm_setup_made(tmp_path: Path) -> None:
    """A TPM as its maker's own tools provision it: swtpm_setup with a CA of its own."""
    setup = tool("swtpm_setup")
    state = tmp_path / "tpm" / "state"
    state.mkdir(parents=True)
    ca = tmp_path / "ca"
    ca.mkdir()
    (tmp_path / "localca.conf").write_text(
        f"statedir = {ca}\nsigningkey = {ca}/key.pem\nissuercert = {ca}/cert.pem\n"
        f"certserial = {ca}/serial\n"
    )
    (tmp_path / "options").write_text(
        "--platform-manufacturer Acme --platform-version 1 --platform-model One\n"
    )
    (tmp_path / "setup.conf").write_text(
        f"create_certs_tool={tool('swtpm_localca')}\n"
        f"create_certs_tool_config={tmp_path}/localca.conf\n"
        f"create_certs_tool_options={tmp_path}/options\n"
    )
    subprocess.run(
        [
            setup, "--tpm2", "--tpmstate", str(state), "--create-ek-cert", "--ecc",
            "--config", str(tmp_path / "setup.conf"), "--logfile", str(tmp_path / "log"),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    roots = [path.read_bytes() for path in sorted(ca.glob("*cert*.pem"))]
    anchors = TrustAnchors.vendor()
    for root in roots:
        anchors = anchors.with_roots("tpm", root)
    trust = EkTrust(anchors, Endorsements.parse(roots))
    with swtpm(tmp_path / "tpm") as made, made.open() as tpm:
        endorsement = find_endorsement(tpm)
        ek = verify_endorsement_key([endorsement.certificate], trust=trust, now=datetime.now(UTC))
        with attestation_key(tpm) as ak:
            name = ak.public.name
        made_for = make_credential(ek.key, name, b"secret", entropy=secrets.token_bytes)
        found = open_credential(
            tpm, endorsement, credential=made_for.blob, secret=made_for.encrypted_secret
        )
    assert found == b"secret"


def test_guest_of_azure(tmp_path: Path) -> None:
    """The index and the persistent key of Azure, in a TPM of software on simulated silicon."""
    guest = azure_guest()
    with swtpm(tmp_path) as made:
        vek = made.become_azure(guest)
        evidence = AzureAttester.of(made.open, lambda _report: vek).attest(REPORT_DATA)
    silicon = guest.silicon
    claims = verify(
        evidence,
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=Endorsements.parse([silicon.root(), silicon.intermediate("vcek")]),
        policy=EvidencePolicy(
            crl=CrlPolicy.UNSAFE_NOT_REQUIRED, tpm=TpmPolicy(measurement_pcr=None)
        ),
        anchors=TrustAnchors.vendor().with_simulated(encode_pem("CERTIFICATE", silicon.root())),
        now=NOW,
    )
    assert claims.tee == "azure-snp"
