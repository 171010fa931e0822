"""Offline verification of a receipt, back to the TEE vendor's root and the broker's log.

It crosses attestation, broker and runner, which do not know each other, so it stands here. Steps:
docs/specs/receipt.md, section "Verifying offline".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from attestation.claims import VerifiedClaims
from attestation.ear import EarPolicy, Unsafe, verify_ear
from attestation.ear_keys import load_ear_keys
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import CrlPolicy, EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.trust import TrustAnchors
from attestation.verify import verify
from keybroker.audit.leaf import ReleaseLeaf, parse_leaf
from keybroker.audit.proof import verify_proof
from keybroker.errors import BrokerError
from keybroker.protocol import RELEASE_TYPE, Descriptor, ReleaseDocument
from runner.errors import RunnerError
from runner.receipt import Receipt, read_receipt
from sealing import canonical, dsse
from sealing.errors import SealError
from sealwasm.failure import CliError, Kind


@dataclass(frozen=True, slots=True)
class Trust:
    """Everything a verifier of receipts brings along. Nothing of it comes from the receipt."""

    descriptor: Descriptor
    anchors: TrustAnchors
    endorsements: Endorsements
    crl: CrlPolicy
    owners: frozenset[str] = frozenset()
    measurements: frozenset[str] = frozenset()


class Check(NamedTuple):
    """One thing that was checked and what it showed."""

    name: str
    shown: str


@dataclass(slots=True)
class Findings:
    """What holds so far. `claims` is there once the evidence has verified."""

    receipt: Receipt
    release: ReleaseDocument
    checks: list[Check] = field(default_factory=list)
    claims: VerifiedClaims | None = None


_STEP_ERRORS = (EvidenceError, BrokerError, RunnerError, SealError)


def verify_receipt(data: bytes, trust: Trust) -> Findings:
    """Return the findings of every check, or raise `CliError` naming the first that failed."""
    receipt = _step("form and signature of the receipt", lambda: read_receipt(data))
    findings = Findings(receipt, receipt.release())
    findings.checks.append(Check("receipt", "signed by the receipt key in its binding"))
    steps: list[tuple[str, Callable[[Findings, Trust], str]]] = [
        ("release", _check_release),
        ("log entry", _check_leaf),
        ("inclusion", _check_inclusion),
        ("evidence", _check_evidence),
        ("attestation result", _check_result),
        ("expectations", _check_expectations),
    ]
    for name, step in steps:
        shown = _step(name, lambda step=step: step(findings, trust))  # type: ignore[misc]
        findings.checks.append(Check(name, shown))
    return findings


def _step(name: str, check: Callable[[], Any]) -> Any:
    try:
        return check()
    except _STEP_ERRORS as error:
        raise CliError(
            Kind.EVIDENCE,
            str(error.code.value),
            f"the receipt does not verify: {name}",
            why=error.detail,
            next_step="do not rely on this run; ask for the receipt again from who ran it",
        ) from error


def _refuse(code: str, why: str) -> CliError:
    return CliError(Kind.EVIDENCE, code, "the receipt does not verify", why=why)


def _leaf_of(findings: Findings) -> ReleaseLeaf:
    leaf = parse_leaf(findings.release.leaf)
    if not isinstance(leaf, ReleaseLeaf):
        raise _refuse("receipt-leaf", "the log entry in the receipt is not that of a release")
    return leaf


def _released_at(findings: Findings) -> datetime:
    """The broker's time of the release: signed by the broker and, with a proof, in its log."""
    return _leaf_of(findings).at


def _check_release(findings: Findings, trust: Trust) -> str:
    identity = trust.descriptor.identity_key()
    envelope = findings.receipt.predicate.release.encode("utf-8")
    dsse.verify(envelope, payload_type=RELEASE_TYPE, keys=[identity])
    return f"signed by broker {identity.key_id}"


def _check_leaf(findings: Findings, trust: Trust) -> str:
    del trust
    leaf, release = _leaf_of(findings), findings.release
    evidence = UnverifiedEvidence.from_wire(dict(findings.receipt.predicate.evidence))
    pairs = {
        "decision": (leaf.id, release.decision),
        "manifest": (leaf.manifest, release.manifest),
        "module": (leaf.module, release.module),
        "version": (leaf.version, release.version),
        "owner": (leaf.owner, release.owner),
        "lease": (leaf.lease, release.lease.id),
        "grant": (leaf.grant, canonical.digest_of(canonical.encode(release.grant))),
        "policy": (leaf.policy.digest, release.policy.digest),
        "evidence": (leaf.evidence, evidence.digest),
        "simulated": (leaf.simulated, release.simulated),
    }
    differing = [name for name, (logged, said) in pairs.items() if logged != said]
    if differing:
        raise _refuse("receipt-leaf", f"log entry and release differ in {', '.join(differing)}")
    return f"decision {leaf.id} at {leaf.at:%Y-%m-%dT%H:%M:%SZ}"


def _check_inclusion(findings: Findings, trust: Trust) -> str:
    proof = findings.receipt.predicate.proof
    if proof is None:
        raise _refuse("receipt-proof-missing", "the receipt carries no proof from the audit log")
    head = verify_proof(
        proof.encode("utf-8"), leaf=findings.release.leaf, log_key=trust.descriptor.log.key
    )
    return f"in the log of {trust.descriptor.log.origin}, {head.size} entries"


def _check_evidence(findings: Findings, trust: Trust) -> str:
    predicate = findings.receipt.predicate
    claims = verify(
        UnverifiedEvidence.from_wire(dict(predicate.evidence)),
        report_data=ExpectedReportData(predicate.binding.report_data()),
        endorsements=trust.endorsements,
        policy=EvidencePolicy(crl=trust.crl),
        anchors=trust.anchors,
        now=_released_at(findings),
    )
    if claims.simulated != predicate.simulated:
        raise _refuse("receipt-simulated", "evidence and receipt differ on being simulated")
    findings.claims = claims
    root = "a SIMULATED vendor root" if claims.simulated else "the pinned vendor root"
    return f"{claims.tee} bound to this request, chained to {root}"


def _check_result(findings: Findings, trust: Trust) -> str:
    import json

    jwk = json.dumps(trust.descriptor.ear["jwk"]).encode()
    token = verify_ear(
        findings.release.result,
        keys=load_ear_keys(jwk),
        policy=EarPolicy(
            issuer=f"urn:sealwasm:broker:{trust.descriptor.identity_key().key_id}",
            audience=Unsafe.NOT_CHECKED,
            nonce=findings.receipt.predicate.binding.nonce,
        ),
        now=_released_at(findings),
    )
    return f"EAR status {token.status.value}"


def _check_expectations(findings: Findings, trust: Trust) -> str:
    claims = findings.claims
    measurement = claims.measurement.hex() if claims else ""
    if trust.owners and findings.release.owner not in trust.owners:
        raise _refuse("receipt-owner", f"the module is of owner {findings.release.owner}")
    if trust.measurements and measurement not in trust.measurements:
        raise _refuse("receipt-measurement", f"the runner measures {measurement}")
    expected = [
        name
        for name, given in (("owner", trust.owners), ("measurement", trust.measurements))
        if given
    ]
    return f"as expected: {', '.join(expected)}" if expected else "none were given"
