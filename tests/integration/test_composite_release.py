"""A key released to a processor that vouches for its two GPUs, and to nobody who shows less."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from attestation.attesters import Attester
from attestation.composite import DEVICES
from attestation.composite_attester import composite_attester
from attestation.describe import describe
from attestation.encoding import b64url_decode
from attestation.endorsements import Endorsements
from attestation.evidence import PARTS, UnverifiedEvidence
from attestation.policy import EvidencePolicy, NvidiaPolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated.nvidia.devices import SimulatedDevices
from attestation.simulated.nvidia.faults import Fault
from attestation.simulated.nvidia.gpu import SimulatedGpu
from attestation.simulated.platforms import PLATFORMS
from attestation.simulated.snp.platform import SimulatedPlatform
from attestation.trust import TrustAnchors
from attestation.verify import verify
from keybroker.problems import problem_of
from keybroker.protocol import verify_descriptor
from runner import closing
from runner.receipt import sign_receipt
from sealwasm.evidence.receipt_check import verify_receipt
from sealwasm.evidence.receipt_findings import Trust
from sealwasm.failure import CliError
from tests.fakes.silicon import MEASUREMENT
from tests.fakes.story import make_story
from tests.fakes.world import START, World, make_world, release_policy

TWO_CHECKED_GPUS = {
    "name": "two-gpus",
    "tee": "snp",
    "measurement": {"in": [MEASUREMENT.hex()]},
    "devices.count": {"equals": 2},
    "devices.architecture": {"in": ["hopper"]},
    "devices.rim-checked": {"equals": True},
}


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDevices:
    return SimulatedDevices.create(
        tmp_path_factory.mktemp("gpus"),
        now=START - timedelta(days=1),
        count=2,
        entropy=lambda size: hashlib.shake_256(b"gpus").digest(size),
    )


@pytest.fixture
def world(tmp_path: Path, devices: SimulatedDevices) -> Iterator[World]:
    with make_world(tmp_path, devices=devices) as made:
        made.enrol_policy(release_policy(version=2, **{"any-of": [TWO_CHECKED_GPUS]}))
        yield made


def ask(world: World, attester: Attester) -> tuple[Any, bytes]:
    runner = world.runner(guest=attester)  # type: ignore[arg-type]
    return runner, world.release(runner.request(world.challenge()))


def refused(world: World, attester: Attester) -> str:
    with pytest.raises(Exception) as caught:
        ask(world, attester)
    return problem_of(caught.value).code


def with_gpus(world: World, gpus: Sequence[SimulatedGpu]) -> Attester:
    return composite_attester(world.guest(), gpus)


def test_release_to_a_processor_with_two_gpus(world: World, devices: SimulatedDevices) -> None:
    runner, answer = ask(world, with_gpus(world, devices.gpus))
    assert runner.open(answer, world)
    release = runner.verify(answer, world)
    assert release.document.simulated
    payload = json.loads(b64url_decode(release.document.result.split(".")[1], what="payload"))
    assert sorted(payload["submods"]) == ["gpu-0", "gpu-1", "snp"]
    claims = payload["submods"]["gpu-1"]["ear.sealwasm.verified-claims"]
    assert claims["gpu.rim-checked"] is True


def test_no_release_without_or_with_other_gpus(world: World, devices: SimulatedDevices) -> None:
    one, two = devices.gpus
    assert refused(world, world.guest()) == "denied-environment"
    assert refused(world, with_gpus(world, [one])) == "denied-environment"
    assert refused(world, with_gpus(world, [one, one])) == "device-binding"
    stranger = two.with_fault(Fault.SIGNED_BY_STRANGER)
    assert refused(world, with_gpus(world, [one, stranger])) == "untrusted-chain"
    changed = two.with_fault(Fault.WRONG_MEASUREMENT)
    assert refused(world, with_gpus(world, [one, changed])) == "measurement-mismatch"


class Relay:
    """A host that puts the devices of another guest beside ours."""

    tee = "snp"

    def __init__(self, ours: Attester, theirs: Attester) -> None:
        self.ours, self.theirs = ours, theirs

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        foreign = self.theirs.attest(report_data).parts["devices"]
        return UnverifiedEvidence(
            "snp", {**self.ours.attest(report_data).parts, "devices": foreign}
        )


def test_a_host_cannot_put_in_devices(world: World, devices: SimulatedDevices) -> None:
    relay = Relay(world.guest(), with_gpus(world, devices.gpus))
    assert refused(world, relay) == "report-data-mismatch"
    reordered = Relay(
        with_gpus(world, devices.gpus), with_gpus(world, tuple(reversed(devices.gpus)))
    )
    assert refused(world, reordered) == "report-data-mismatch"


def test_sixteen_gpus_fit_into_a_request(tmp_path: Path) -> None:
    many = SimulatedDevices.create(tmp_path / "gpus", now=START - timedelta(days=1), count=16)
    with make_world(tmp_path / "world", devices=many) as world:
        runner, answer = ask(world, with_gpus(world, many.gpus))
        assert runner.open(answer, world)


def test_a_receipt_of_a_run_beside_two_gpus_verifies(
    tmp_path: Path, devices: SimulatedDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bytes] = []

    def sign(*arguments: Any) -> bytes:
        kept.append(sign_receipt(*arguments))
        return kept[-1]

    monkeypatch.setattr(closing, "sign_receipt", sign)
    with make_story(tmp_path, devices=devices) as story:
        world, platform = story.world, story.world.platform
        world.enrol_policy(release_policy(version=2, **{"any-of": [TWO_CHECKED_GPUS]}))
        story.publish()
        story.run(attester=with_gpus(world, devices.gpus))
        given = Endorsements.parse(
            [platform.endorsements_pem()], [platform.crl()], devices.endorsements().documents
        )
        roots = platform.roots_pem() + devices.roots_pem()
        trust = Trust(
            descriptors=(verify_descriptor(world.broker.descriptor, identity=world.identity),),
            anchors=TrustAnchors.vendor().with_simulated(roots),
            endorsements=given,
            policy=EvidencePolicy(),
        )
    claims = verify_receipt(kept[0], trust).releases[0].verified_claims()
    assert claims.values["devices.count"] == 2
    with pytest.raises(CliError) as caught:
        verify_receipt(kept[0], replace(trust, anchors=trust_of_processor(platform)))
    assert caught.value.code == "simulated-not-trusted"


@pytest.mark.parametrize(
    "tee", sorted(tee for tee in PLATFORMS if DEVICES in PARTS[tee][1] and tee != "snp")
)
def test_every_processor_with_room_vouches_for_devices(
    tmp_path: Path, devices: SimulatedDevices, tee: str
) -> None:
    platform = PLATFORMS[tee].create(tmp_path / "platform", now=START)
    given = platform.endorsements()
    request = bytes(range(64))
    evidence = composite_attester(platform.launch(MEASUREMENT), devices.gpus).attest(request)
    claims = verify(
        evidence,
        report_data=ExpectedReportData(request),
        endorsements=replace(
            given, documents=(*given.documents, *devices.endorsements().documents)
        ),
        policy=EvidencePolicy(nvidia=NvidiaPolicy(require_rim=True)),
        anchors=TrustAnchors.vendor().with_simulated(platform.roots_pem() + devices.roots_pem()),
        now=START,
    )
    assert (claims.tee, len(claims.devices)) == (evidence.tee, 2)
    shown = {one.part for one in describe(evidence)}
    assert {"device 0 report", "device 1 report"} <= shown


def trust_of_processor(platform: SimulatedPlatform) -> TrustAnchors:
    return TrustAnchors.vendor().with_simulated(platform.roots_pem())
