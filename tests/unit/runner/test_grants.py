"""Grants and guardrails are read in their one form, and by what they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attestation.errors import EvidenceError, Refusal
from policies.errors import PolicyRefusal
from policies.load import parse_document
from policies.models import CapabilityPolicy
from runner.errors import RunnerCode, RunnerError
from runner.grants import parse_grant, read_grant, read_guardrails, require_imports_granted, within
from runner.refusing import refused_as
from sealing import canonical
from sealing.errors import SealError, SealRefusal
from tests.fakes.story import grant

GUARDRAILS = parse_document(
    {
        "apiVersion": "sealwasm/v1",
        "kind": "Guardrails",
        "metadata": {"name": "node"},
        "spec": {"grant": {"stdout": {"max-bytes": 10}}},
    }
)


def test_a_grant_reads_back() -> None:
    policy = parse_grant(grant())
    assert read_grant(canonical.encode(policy.to_document())) == policy
    assert read_guardrails(canonical.encode(GUARDRAILS.to_document())) == GUARDRAILS


@pytest.mark.parametrize("read", [read_grant, read_guardrails])
@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"1", b"{}", b'{"a": 1}', json.dumps(grant()).encode(), b"\xff"],
)
def test_anything_else_is_refused(read: Any, text: bytes) -> None:
    with pytest.raises(RunnerError) as caught:
        read(text)
    assert caught.value.code is RunnerCode.GRANT_INVALID


def test_one_is_not_taken_for_the_other() -> None:
    with pytest.raises(RunnerError, match="Guardrails"):
        read_grant(canonical.encode(GUARDRAILS.to_document()))
    with pytest.raises(RunnerError, match="CapabilityPolicy"):
        read_guardrails(canonical.encode(grant()))


def test_another_form_is_refused_with_its_code() -> None:
    wordy = parse_grant(grant()).to_document()
    wordy["spec"]["mode"] = "enforce"
    with pytest.raises(RunnerError) as caught:
        parse_grant(wordy)
    assert caught.value.reason == PolicyRefusal.NOT_CANONICAL


def test_a_grant_only_shrinks() -> None:
    policy = parse_grant(grant())
    assert within(policy, ()) == policy
    cut = within(policy, [GUARDRAILS])  # type: ignore[list-item]
    assert cut.spec.stdout.max_bytes == 10


def test_missing_imports_are_named_with_their_remedy() -> None:
    policy = parse_grant(grant())
    require_imports_granted(policy, [("wasi_snapshot_preview1", "fd_write")])
    with pytest.raises(RunnerError) as caught:
        require_imports_granted(policy, [("wasi_snapshot_preview1", "fd_read")])
    assert caught.value.code is RunnerCode.IMPORT_NOT_GRANTED
    assert "- wasi_snapshot_preview1.fd_read" in caught.value.remedy


def test_audit_mode_lets_the_worker_record_them() -> None:
    policy = parse_document(grant(mode="audit"))
    assert isinstance(policy, CapabilityPolicy)
    require_imports_granted(policy, [("wasi_snapshot_preview1", "fd_read")])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SealError(SealRefusal.HMAC_MISMATCH, "x"), RunnerCode.ARTIFACT_REFUSED),
        (SealError(SealRefusal.UNREACHABLE, "x"), RunnerCode.REGISTRY_UNREACHABLE),
        (SealError(SealRefusal.REFERENCE_INVALID, "x"), RunnerCode.INPUT_MALFORMED),
        (EvidenceError(Refusal.MALFORMED, "x"), RunnerCode.ARTIFACT_REFUSED),
    ],
)
def test_refusals_of_others_keep_their_code(error: Exception, code: RunnerCode) -> None:
    with pytest.raises(RunnerError) as caught, refused_as(RunnerCode.ARTIFACT_REFUSED):
        raise error
    assert caught.value.code is code
    assert caught.value.reason == error.code  # type: ignore[attr-defined]
