"""Runs a vector of Arm's tokens, and says which step of the main path refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from attestation.arm_keys import load_arm_keys
from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import CcaPolicy, EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.trace import NO_TRACE, RecordedTrace, Trace
from attestation.trust import TrustAnchors
from attestation.verify import verify


def run(tee: str, path: Path, case: Mapping[str, Any], trace: Trace = NO_TRACE) -> VerifiedClaims:
    anchors = TrustAnchors.vendor()
    if "root" in case:
        anchors = anchors.with_simulated((path.parent / case["root"]).read_bytes())
    if "keys" in case:
        anchors = anchors.with_keys(tee, load_arm_keys((path.parent / case["keys"]).read_bytes()))
    return verify(
        UnverifiedEvidence(tee, {"token": (path.parent / case["token"]).read_bytes()}),
        report_data=ExpectedReportData(bytes.fromhex(case["report_data"])),
        endorsements=Endorsements.parse([], []),
        policy=EvidencePolicy(cca=CcaPolicy(**case["policy"])),
        anchors=anchors,
        now=datetime.fromisoformat(case["now"]),
        trace=trace,
    )


def check(tee: str, path: Path, stages: Mapping[str, str]) -> None:
    """Run a vector: accepted with these claims, or refused with this code at this stage."""
    case = json.loads(path.read_bytes())
    if case["expect"] == "accepted":
        claims = run(tee, path, case)
        assert claims.simulated == claims.values["simulated"] == ("root" in case)
        assert claims.values | case.get("claims", {}) == claims.values
        assert rfc8785.dumps(dict(claims.values))
        return
    trace = RecordedTrace()
    with pytest.raises(EvidenceError) as caught:
        run(tee, path, case, trace)
    if case["stage"] != "anchors":
        # The last comparison noted is the one that failed.
        assert trace.checks[-1].step[0] == case["why"][0]
    assert (caught.value.code, stage_of(caught.value, stages)) == (case["expect"], case["stage"])


def stage_of(error: BaseException, stages: Mapping[str, str]) -> str:
    """Return the stage of the innermost function that has one."""
    found, trace = "", error.__traceback__
    while trace is not None:
        found = stages.get(trace.tb_frame.f_code.co_name, found)
        trace = trace.tb_next
    return found
