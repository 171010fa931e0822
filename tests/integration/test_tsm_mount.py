"""The real configfs-tsm attester, unchanged, against simulated silicon behind a FUSE mount."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated.platforms import load_platform
from attestation.trust import TrustAnchors
from attestation.tsm_attester import TsmAttester
from attestation.verify import verify
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA, make_platform

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.interop


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    make_platform(tmp_path / "platform", product="genoa")
    return tmp_path / "platform"


@pytest.fixture
def mount(tmp_path: Path, platform: Path) -> Iterator[Path]:
    if shutil.which("fusermount3") is None:
        pytest.skip("fusermount3 is not on PATH: make tools")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip(
            "no /dev/fuse that may be opened here: a container needs it handed in to mount anything"
        )
    point = tmp_path / "report"
    point.mkdir()
    command = [sys.executable, "-m", "tests.fakes.configfs_mount"]
    server = subprocess.Popen(
        [*command, str(platform), MEASUREMENT.hex(), str(point)], cwd=ROOT, stderr=subprocess.PIPE
    )
    try:
        for _ in range(200):
            if os.path.ismount(point) or server.poll() is not None:
                break
            time.sleep(0.05)
        if not os.path.ismount(point):
            said = server.stderr.read().decode() if server.poll() is not None else "no answer"
            if "ermission" in said or "not permitted" in said:
                pytest.skip(f"this machine does not allow FUSE mounts: {said.strip()[-200:]}")
            raise AssertionError(said)
        yield point
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(point)], check=False)
        server.terminate()
        server.wait(timeout=20)
        server.stderr.close()


def test_evidence_through_the_mount_verifies(mount: Path, platform: Path) -> None:
    attester = TsmAttester.of(mount)
    evidence = attester.attest(REPORT_DATA)
    machine = load_platform(platform)
    claims = verify(
        type(evidence)("snp", {**evidence.parts, **vek_of(machine)}),
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=machine.endorsements(),
        policy=EvidencePolicy(),
        anchors=TrustAnchors.vendor().with_simulated(machine.roots_pem()),
        now=NOW,
    )
    assert attester.tee == "snp"
    assert claims.measurement == MEASUREMENT
    assert claims.simulated
    assert list(mount.iterdir()) == []


def vek_of(machine) -> dict[str, bytes]:
    made = machine.launch(MEASUREMENT).attest(REPORT_DATA).parts
    return {"vek": made["vek"]}


def test_a_request_without_report_data_is_refused_by_the_driver(mount: Path) -> None:
    (mount / "mine").mkdir()
    with pytest.raises(OSError, match="Invalid argument"):
        (mount / "mine" / "outblob").read_bytes()
    (mount / "mine").rmdir()


def test_a_shell_can_use_it_too(mount: Path) -> None:
    ask = "mkdir r && head -c 64 /dev/zero > r/inblob"
    script = f"{ask} && cat r/outblob | wc -c && cat r/generation"
    ended = subprocess.run(
        ["sh", "-ec", script], cwd=mount, check=True, capture_output=True, text=True
    )
    assert ended.stdout.split() == ["1184", "1"]
    (mount / "r").rmdir()
