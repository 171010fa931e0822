"""A runner with a TPM: what it measures, and when it asks for a certificate."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import runner.tpm
from attestation.tpm.codes import TpmError
from attestation.tpm.constants import ALG_ECDSA
from attestation.tpm.enrolment import Endorsement
from attestation.tpm.public import encode_public, parse_public
from attestation.tpm.templates import AK_ATTRIBUTES, EK_ECC
from keybroker.protocol import AttestationKeyCertificate, CredentialChallenge, format_time
from runner.broker import HttpBroker
from runner.errors import RunnerCode, RunnerError
from runner.measure import Measurement
from runner.tpm import measured_value, tpm_attester
from tests.fakes.swtpm import Maker

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RUNNER = Measurement(b"r" * 48, {}, {})
MAKER = Maker("Some CA", NOW)
AK = ec.generate_private_key(ec.SECP256R1())


def public_of(key: ec.EllipticCurvePrivateKey):
    return parse_public(encode_public(key.public_key(), attributes=AK_ATTRIBUTES, scheme=ALG_ECDSA))


@dataclass
class FakeTpm:
    """A TPM with one PCR and one attestation key."""

    value: bytes = bytes(32)
    key: ec.EllipticCurvePrivateKey = AK
    secret: bytes = b"s" * 32
    works: bool = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing is open."""

    def pcr_read(self, selection):
        if not self.works:
            raise TpmError("broken")
        return {selection.indices[0]: self.value}

    def pcr_extend(self, index, digest):
        assert index == 12
        self.value = hashlib.sha256(self.value + digest).digest()


@dataclass
class FakeBroker:
    """Certifies every key, for `days`."""

    base: str = "http://127.0.0.1:1"
    days: int = 30
    asked: list[bytes] = field(default_factory=list)

    def credential(self, request):
        self.asked.append(request.ak_public)
        assert request.ek_chain == (b"ek certificate",)
        return CredentialChallenge(
            credential_blob=b"blob",
            encrypted_secret=b"encrypted",
            expires=format_time(NOW),
            token="t" * 64,
        )

    def certify(self, request):
        assert (request.secret, request.token) == (b"s" * 32, "t" * 64)
        key = parse_public(self.asked[-1]).key
        return AttestationKeyCertificate(
            ak_chain=(MAKER.certify(key, days=self.days), MAKER.root),
            expires=format_time(NOW),
            simulated=False,
        )


@pytest.fixture
def tpm(monkeypatch: pytest.MonkeyPatch) -> FakeTpm:
    made = FakeTpm()

    @contextmanager
    def attestation_key(_tpm, _template=None):
        yield SimpleNamespace(public=public_of(made.key))

    monkeypatch.setattr(runner.tpm, "open_transport", lambda path: path)
    monkeypatch.setattr(runner.tpm, "Tpm", lambda _transport: made)
    monkeypatch.setattr(runner.tpm, "attestation_key", attestation_key)
    endorsement = Endorsement(EK_ECC, b"ek certificate")
    monkeypatch.setattr(runner.tpm, "find_endorsement", lambda _tpm: endorsement)
    monkeypatch.setattr(runner.tpm, "open_credential", lambda *_, **__: made.secret)
    return made


def attester(broker: FakeBroker, state: Path, *, now: datetime = NOW, path: Path = Path("tpm")):
    return tpm_attester(path, broker, RUNNER, state=state, now=now)


def test_runner_is_measured_once(tpm: FakeTpm, tmp_path: Path) -> None:
    for _ in range(2):
        attester(FakeBroker(), tmp_path)
        assert tpm.value == measured_value(RUNNER)
    expected = hashlib.sha256(bytes(32) + hashlib.sha256(b"r" * 48).digest()).digest()
    assert tpm.value == expected


def test_runner_after_another_one_is_told_from_it(tpm: FakeTpm, tmp_path: Path) -> None:
    tpm_attester(Path("tpm"), FakeBroker(), Measurement(b"o" * 48, {}, {}), state=tmp_path, now=NOW)
    attester(FakeBroker(), tmp_path)
    assert tpm.value != measured_value(RUNNER)


def test_certificate_is_kept(tpm: FakeTpm, tmp_path: Path) -> None:
    broker = FakeBroker()
    first = attester(broker, tmp_path / "state")
    assert first.ak_chain.count(b"BEGIN CERTIFICATE") == 2
    assert attester(broker, tmp_path / "state").ak_chain == first.ak_chain
    assert len(broker.asked) == 1
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_certificate_is_renewed(tpm: FakeTpm, tmp_path: Path) -> None:
    broker = FakeBroker()
    attester(broker, tmp_path)
    attester(broker, tmp_path, now=NOW + timedelta(days=28))
    assert len(broker.asked) == 1
    attester(broker, tmp_path, now=NOW + timedelta(days=29, seconds=1))
    assert len(broker.asked) == 2
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"garbage")
    attester(broker, tmp_path)
    assert len(broker.asked) == 3
    tpm.key = ec.generate_private_key(ec.SECP256R1())
    attester(broker, tmp_path)
    assert len(broker.asked) == 4
    attester(FakeBroker("http://127.0.0.1:2"), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def refused(*arguments, **more) -> RunnerError:
    with pytest.raises(RunnerError) as caught:
        attester(*arguments, **more)
    return caught.value


def test_tpm_that_cannot_be_used(tpm: FakeTpm, tmp_path: Path) -> None:
    tpm.works = False
    assert refused(FakeBroker(), tmp_path).code == RunnerCode.ATTESTER_MISSING


def test_secret_of_another_size_is_no_brokers(tpm: FakeTpm, tmp_path: Path) -> None:
    tpm.secret = b"short"
    assert refused(FakeBroker(), tmp_path).code == RunnerCode.BROKER_NOT_GENUINE


@pytest.mark.parametrize(
    ("content", "log"), [(b"log", b"log"), (b"", None), (b"x" * 600_000, None), (None, None)]
)
def test_log_of_the_firmware_goes_with_a_device(
    tpm: FakeTpm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content, log
) -> None:
    place = tmp_path / "log"
    if content is not None:
        place.write_bytes(content)
    monkeypatch.setattr(runner.tpm, "EVENT_LOG", place)
    device = Path("/dev/null")
    assert attester(FakeBroker(), tmp_path / "state", path=device).event_log == log
    assert attester(FakeBroker(), tmp_path / "state").event_log is None


def test_attester_opens_the_tpm_for_each_piece_of_evidence(tpm: FakeTpm, tmp_path: Path) -> None:
    assert attester(FakeBroker(), tmp_path).open_tpm() is tpm


def http_broker(status: int, body: bytes, calls: list[str]) -> HttpBroker:
    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(status, content=iter([body]))

    client = httpx.Client(transport=httpx.MockTransport(answer))
    return HttpBroker("http://127.0.0.1:8440", client=client)


def test_calls_of_an_enrolment(tpm: FakeTpm, tmp_path: Path) -> None:
    calls: list[str] = []
    challenge = CredentialChallenge(
        credential_blob=b"b", encrypted_secret=b"e", expires=format_time(NOW), token="t" * 64
    )
    broker = http_broker(200, challenge.to_bytes(), calls)
    assert broker.base == "http://127.0.0.1:8440"
    # The answer to the first call is none to the second.
    assert refused(broker, tmp_path).code == RunnerCode.BROKER_NOT_GENUINE
    assert calls == ["/v1/attestation-keys", "/v1/attestation-keys/activate"]
