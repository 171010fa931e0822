"""A sealed module released to a machine by its TPM: the whole path, with a TPM in software."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from attestation.tpm.enrolment import attestation_key, find_endorsement, open_credential
from attestation.tpm.pcr import extend
from attestation.tpm.templates import AK_RSA, EK_ECC, EK_RSA, ENDORSEMENT
from attestation.tpm_attester import TpmAttester
from attestation.x509.pem import encode_pem
from keybroker import protocol
from keybroker.audit.leaf import AttestationKeyLeaf, parse_leaf
from keybroker.edge.app import create_app
from keybroker.edge.serve import open_broker
from keybroker.problems import problem_of
from sealing import canonical
from tests.fakes.swtpm import SIMULATED_MAKER, Maker, Swtpm, swtpm
from tests.fakes.web import Peer
from tests.fakes.world import MODULE, START, Clock, World, make_world, release_policy

pytestmark = [
    pytest.mark.interop,
]
MEASUREMENT = hashlib.sha256(b"measurement of a runner").digest()
MEASURED = extend(bytes(32), MEASUREMENT)


@dataclass
class Site:
    """A broker that trusts a maker of TPMs, one of its TPMs, and what goes between them."""

    world: World
    tpm: Swtpm
    maker: Maker
    peer: Peer

    def ask(self, path: str, message: protocol.Message) -> Any:
        return self.peer.post(f"/v1/attestation-keys{path}", message.to_bytes())

    def credential(self, tpm: Swtpm | None = None, **changes: Any) -> protocol.CredentialChallenge:
        with (tpm or self.tpm).open() as opened:
            chain = (find_endorsement(opened).certificate,)
        members = {"ak_public": (tpm or self.tpm).attestation_key().public.area, "ek_chain": chain}
        answer = self.ask("", protocol.AttestationKeyRequest.model_validate(members | changes))
        assert answer.status_code == 200, answer.text
        return protocol.CredentialChallenge.parse(answer.content)

    def secret(self, challenge: protocol.CredentialChallenge, tpm: Swtpm | None = None) -> bytes:
        with (tpm or self.tpm).open() as opened:
            return open_credential(
                opened,
                find_endorsement(opened),
                credential=challenge.credential_blob,
                secret=challenge.encrypted_secret,
            )

    def activate(self, challenge: protocol.CredentialChallenge, secret: bytes) -> Any:
        return self.ask(
            "/activate", protocol.ActivationRequest(token=challenge.token, secret=secret)
        )

    def enrol(self) -> protocol.AttestationKeyCertificate:
        challenge = self.credential()
        answer = self.activate(challenge, self.secret(challenge))
        assert answer.status_code == 200, answer.text
        return protocol.AttestationKeyCertificate.parse(answer.content)

    def attester(self, enrolled: protocol.AttestationKeyCertificate | None = None) -> TpmAttester:
        chain = (enrolled or self.enrol()).ak_chain
        return TpmAttester(self.tpm.open, b"".join(encode_pem("CERTIFICATE", one) for one in chain))

    def release(self, attester: Any) -> tuple[Any, Any, bytes]:
        module = self.world.seal()
        runner = self.world.runner(module, guest=attester)
        body = runner.request(self.world.challenge())
        try:
            answer = self.world.release(body)
        except Exception as error:
            return runner, problem_of(error), b""
        return runner, None, answer


def tpm_policy(version: int = 2, **environment: Any) -> dict[str, Any]:
    here = {"name": "here", "tee": "tpm", "measurement": {"in": [MEASURED.hex()]}}
    return release_policy(version=version, **{"any-of": [here | environment]})


@contextmanager
def make_site(folder: Path, *, simulated: bool, template: Any = EK_ECC) -> Iterator[Site]:
    """A broker that trusts our maker, as hardware or as software, and a TPM of that maker."""
    maker = Maker(SIMULATED_MAKER if simulated else "Acme TPM Root CA", START)
    with make_world(folder) as first:
        pass
    broker = folder / "broker"
    (broker / "maker.pem").write_bytes(maker.root_pem)
    config = yaml.safe_load((broker / "broker.yaml").read_text())
    evidence = {"references": "references.json"}
    if simulated:
        digest = hashlib.sha256(maker.root).hexdigest()
        evidence["simulated"] = {"root": "maker.pem", "fingerprint": f"sha256:{digest}"}
    else:
        evidence["tpm-roots"] = ["maker.pem"]
    (broker / "broker.yaml").write_text(yaml.safe_dump(config | {"evidence": evidence}))
    clock = Clock()
    with open_broker(broker, clock=clock) as opened, swtpm(folder / "tpm") as tpm:
        world = replace(first, broker=opened, clock=clock)
        world.enrol_policy(tpm_policy())
        maker.provision(tpm, template)
        yield Site(world, tpm, maker, Peer(create_app(opened)))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with make_site(tmp_path, simulated=True) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with make_site(tmp_path_factory.mktemp("tpm"), simulated=True) as made:
        yield made


@pytest.mark.parametrize("template", [EK_ECC, EK_RSA], ids=lambda one: one.name)
@pytest.mark.parametrize("simulated", [True, False], ids=["software", "hardware"])
def test_module_is_released_until_a_pcr_is_extended(
    tmp_path: Path, simulated: bool, template: Any
) -> None:
    with make_site(tmp_path, simulated=simulated, template=template) as site:
        with site.tpm.open() as tpm:
            tpm.pcr_extend(12, MEASUREMENT)
        attester = site.attester()

        runner, problem, answer = site.release(attester)
        assert problem is None
        document = runner.verify(answer, site.world).document
        assert document.simulated is simulated
        assert runner.open(answer, site.world).digest == canonical.digest_of(MODULE)

        with site.tpm.open() as tpm:
            tpm.pcr_extend(12, MEASUREMENT)
        _, problem, _ = site.release(attester)
        assert (problem.status, problem.code) == (403, "denied-environment")
        assert problem.rules == ("prod/here/measurement/in",)


def test_policy_may_name_any_pcr(site: Site) -> None:
    with site.tpm.open() as tpm:
        tpm.pcr_extend(12, MEASUREMENT)
        tpm.pcr_extend(8, b"k" * 32)
    kernel = extend(bytes(32), b"k" * 32).hex()
    site.world.enrol_policy(tpm_policy(3, **{"pcr.8": {"equals": kernel}}))
    attester = site.attester()
    assert site.release(attester)[1] is None
    with site.tpm.open() as tpm:
        tpm.pcr_extend(8, MEASUREMENT)
    _, problem, _ = site.release(attester)
    assert problem.rules == ("prod/here/pcr.8/equals",)


def test_enrolment_is_in_the_log(shared: Site) -> None:
    enrolled = shared.enrol()
    store = shared.world.broker.store
    leaf = parse_leaf(store.leaf(store.tree_size() - 1) or b"")
    assert isinstance(leaf, AttestationKeyLeaf)
    assert leaf.key == hashlib.sha256(shared.tpm.attestation_key().public.area).hexdigest()
    assert leaf.certificate == f"sha256:{hashlib.sha256(enrolled.ak_chain[0]).hexdigest()}"
    assert (leaf.simulated, enrolled.simulated) == (True, True)


def test_certificate_ends(site: Site) -> None:
    with site.tpm.open() as tpm:
        tpm.pcr_extend(12, MEASUREMENT)
    attester = site.attester()
    site.world.clock.advance(days=31)
    _, problem, _ = site.release(attester)
    assert problem.code == "cert-expired"


def test_quote_by_another_tpm(tmp_path: Path, shared: Site) -> None:
    """One machine's certificate is worth nothing on another."""
    attester = shared.attester()
    with swtpm(tmp_path) as other:
        _, problem, _ = shared.release(replace(attester, open_tpm=other.open))
    assert problem.code == "binding"


def test_credential_of_another_tpm_does_not_open(tmp_path: Path, shared: Site) -> None:
    challenge = shared.credential()
    with swtpm(tmp_path) as other:
        shared.maker.provision(other)
        with pytest.raises(OSError, match="TPM2_ActivateCredential: TPM_RC_"):
            shared.secret(challenge, other)


def test_credential_for_another_key_does_not_open(shared: Site) -> None:
    """The name of the key is in the credential: a TPM tells."""
    challenge = shared.credential()
    with shared.tpm.open() as tpm, attestation_key(tpm, AK_RSA) as ak:
        ek = tpm.create_primary(ENDORSEMENT, EK_ECC.area)
        with pytest.raises(OSError, match="TPM_RC_INTEGRITY"):
            tpm.activate_credential(
                ak, ek, credential=challenge.credential_blob, secret=challenge.encrypted_secret
            )
        tpm.flush(ek.handle)


def test_secret_must_be_the_one_in_the_credential(shared: Site) -> None:
    challenge, other = shared.credential(), shared.credential()
    for wrong in (secrets.token_bytes(32), shared.secret(other)):
        answer = shared.activate(challenge, wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "attestation-key-not-activated")


def test_credential_must_be_opened_in_time(site: Site) -> None:
    challenge = site.credential()
    secret = site.secret(challenge)
    site.world.clock.advance(minutes=5)
    answer = site.activate(challenge, secret)
    assert answer.json()["code"] == "attestation-key-enrolment-expired"


def test_unrestricted_key_is_refused(shared: Site) -> None:
    """A key that signs anything could sign a made-up quote."""
    area = bytearray(shared.tpm.attestation_key().public.area)
    area[5] &= ~1
    request = protocol.AttestationKeyRequest(
        ak_public=bytes(area), ek_chain=(shared.maker.certify(shared.tpm.endorsement_key()),)
    )
    answer = shared.ask("", request)
    assert (answer.status_code, answer.json()["code"]) == (422, "signing-key-not-allowed")


@pytest.mark.parametrize(
    ("name", "code"),
    [("Stranger", "untrusted-chain"), (SIMULATED_MAKER, "simulated-not-trusted")],
)
def test_maker_must_be_trusted(shared: Site, name: str, code: str) -> None:
    stranger = Maker(name, START)
    certificate = stranger.certify(shared.tpm.endorsement_key())
    request = protocol.AttestationKeyRequest(
        ak_public=shared.tpm.attestation_key().public.area, ek_chain=(certificate, stranger.root)
    )
    answer = shared.ask("", request)
    # The trusted maker's own root is found first where the names are the same.
    expected = code if name != SIMULATED_MAKER else "signature-invalid"
    assert (answer.status_code, answer.json()["code"]) == (422, expected)


def test_attestation_key_is_no_anchor_for_endorsements(shared: Site) -> None:
    """What the broker certifies is not taken for what a maker certified."""
    chain = shared.enrol().ak_chain
    request = protocol.AttestationKeyRequest(
        ak_public=shared.tpm.attestation_key().public.area, ek_chain=chain
    )
    assert shared.ask("", request).json()["code"] == "simulated-not-trusted"


def test_key_and_certificate_outlive_a_reboot(site: Site) -> None:
    """Registers start again, and with them what the policy wants to see."""
    with site.tpm.open() as tpm:
        tpm.pcr_extend(12, MEASUREMENT)
        tpm.pcr_extend(12, MEASUREMENT)
    attester = site.attester()
    assert site.release(attester)[1].rules == ("prod/here/measurement/in",)
    site.tpm.stop()
    site.tpm.start()
    with site.tpm.open() as tpm:
        tpm.pcr_extend(12, MEASUREMENT)
    assert site.release(attester)[1] is None
