"""Offline verification of a receipt, back to the TEE vendor's root and the broker's log.

It crosses attestation, broker and runner, which do not know each other, so it stands here. Steps:
docs/specs/receipt.md, section "Verifying offline".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any

from attestation.appraise import attesters_of
from attestation.claims import VerifiedClaims
from attestation.ear import EarClaims, EarPolicy, EarSubmod, Unsafe, verify_ear
from attestation.ear_keys import load_ear_keys
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.report_data import ExpectedReportData
from attestation.trust_vector import Tier
from attestation.verify import verify
from keybroker.audit.fields import PolicyReference
from keybroker.audit.leaf import ReleaseLeaf, parse_leaf
from keybroker.audit.proof import verify_proof
from keybroker.errors import BrokerError
from keybroker.protocol import (
    RELEASE_TYPE,
    ProtocolError,
    ReleaseDocument,
    parse_time,
)
from policies.errors import PolicyDenied
from policies.narrowest import narrowest
from runner.errors import RunnerCode, RunnerError
from runner.grants import parse_grant
from runner.receipt import Receipt, read_receipt
from sealing import canonical
from sealing.errors import SealError
from sealing.signatures import dsse
from sealwasm.evidence.advice import next_for
from sealwasm.evidence.receipt_findings import Check, Findings, ReleaseFindings, Trust, refuse
from sealwasm.failure import CliError, Kind

# How far the clocks of broker and runner may be apart. The host sets the runner's clock, so a
# receipt's times are only as good as this window around what the broker logged.
CLOCKS_APART = timedelta(minutes=5)


# Refusals that say less about the receipt than about what its verifier brought along.
NEXT_OF_MATERIAL = {
    code: next_for(code)
    for code in ("simulated-not-trusted", "no-endorsement", "crl-missing", "collateral-expired")
}
_STEP_ERRORS = (EvidenceError, BrokerError, ProtocolError, RunnerError, SealError)


def verify_receipt(data: bytes, trust: Trust) -> Findings:
    """Return the findings of every check, or raise `CliError` naming the first that failed."""
    receipt = _step("form and signature of the receipt", lambda: read_receipt(data))
    findings = Findings(receipt, _step("log entry", lambda: _releases_of(receipt)))
    findings.checks.append(Check("receipt", "signed by the receipt key in its binding"))
    of_release: list[tuple[str, Callable[[ReleaseFindings, Trust], str]]] = [
        ("release", _check_release),
        ("log entry", _check_leaf),
        ("inclusion", _check_inclusion),
        ("evidence", _check_evidence),
        ("attestation result", _check_result),
    ]
    for number, release in enumerate(findings.releases, start=1):
        for name, step in of_release:
            named = name if len(findings.releases) == 1 else f"{name} {number}"
            shown = _step(named, lambda step=step, one=release: step(one, trust))  # type: ignore[misc]
            findings.checks.append(Check(named, shown))
    for name, check in (
        ("brokers", _check_brokers),
        ("grant", _check_grant),
        ("times", _check_times),
    ):
        shown = _step(name, lambda check=check: check(findings))  # type: ignore[misc]
        findings.checks.append(Check(name, shown))
    findings.checks += [
        _check_brokers_needed(findings, trust),
        _check_owner(findings, trust),
        _check_measurement(findings, trust),
    ]
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
            next_step=NEXT_OF_MATERIAL.get(
                str(error.code.value),
                "do not rely on this run; ask for the receipt again from who ran it",
            ),
        ) from error


def _releases_of(receipt: Receipt) -> tuple[ReleaseFindings, ...]:
    told = receipt.predicate.releases
    return tuple(
        ReleaseFindings(one, document, _leaf_of(document))
        for one, document in zip(told, receipt.releases(), strict=True)
    )


def _leaf_of(release: ReleaseDocument) -> ReleaseLeaf:
    leaf = parse_leaf(release.leaf)
    if not isinstance(leaf, ReleaseLeaf):
        raise refuse("receipt-leaf", "the log entry in the receipt is not that of a release")
    return leaf


def _check_release(one: ReleaseFindings, trust: Trust) -> str:
    """By one of the brokers that the verifier brought along: its key opens the signature."""
    envelope = one.told.release.encode("utf-8")
    by_id = {each.identity_key().key_id: each for each in trust.descriptors}
    keys = [each.identity_key() for each in by_id.values()]
    dsse.verify(envelope, payload_type=RELEASE_TYPE, keys=keys)
    signers = dsse.unverified_signers(envelope)
    if len(signers) != 1:
        raise refuse("receipt-release-differs", "one release is signed by several brokers")
    one.descriptor = by_id[signers[0]]
    return f"signed by broker {signers[0]}{_share_in(one.document)}"


def _share_in(release: ReleaseDocument) -> str:
    share = release.share
    return f", share {share.index} of {share.of}" if share else ""


def _check_brokers(findings: Findings) -> str:
    """No broker counts twice: a split key takes as many of them as its owner said."""
    brokers = {one.broker().identity_key().key_id for one in findings.releases}
    if len(brokers) != len(findings.releases):
        raise refuse("receipt-release-differs", "two releases are by one broker")
    share = findings.releases[0].document.share
    return f"{share.threshold} of {share.of} that share the key" if share else "the whole key"


def _check_leaf(one: ReleaseFindings, trust: Trust) -> str:
    """Every field of the entry but its time, which only the log says, follows from the rest."""
    del trust
    leaf, release, told = one.leaf, one.document, one.told
    evidence = UnverifiedEvidence.from_wire(dict(told.evidence))
    expected = ReleaseLeaf(
        id=release.decision,
        at=leaf.at,
        owner=release.owner,
        module=release.module,
        version=release.version,
        policy=PolicyReference(**release.policy.to_document()),
        guardrails=release.guardrails,
        tee=evidence.tee,
        simulated=release.simulated,
        evidence=evidence.digest,
        manifest=release.manifest,
        request=told.binding.digest(),
        grant=_grant_digest(release),
        runner_key=told.binding.runner_key.sealing_key().key_id,
        lease=release.lease.id,
        lease_expires=parse_time(release.lease.expires),
    )
    names = [one.name for one in fields(ReleaseLeaf)]
    differing = [name for name in names if getattr(leaf, name) != getattr(expected, name)]
    if differing:
        raise refuse("receipt-leaf", f"log entry and release differ in {', '.join(differing)}")
    return f"decision {leaf.id} at {leaf.at:%Y-%m-%dT%H:%M:%SZ}"


def _grant_digest(release: ReleaseDocument) -> str:
    return canonical.digest_of(canonical.encode(release.grant))


def _check_inclusion(one: ReleaseFindings, trust: Trust) -> str:
    del trust
    proof = one.told.proof
    if proof is None:
        raise refuse("receipt-proof-missing", "the receipt carries no proof from the audit log")
    head = verify_proof(proof.encode("utf-8"), leaf=one.document.leaf, log_key=one.broker().log.key)
    return f"in the log of {head.origin}, {head.size} entries"


def _check_evidence(one: ReleaseFindings, trust: Trust) -> str:
    claims = verify(
        UnverifiedEvidence.from_wire(dict(one.told.evidence)),
        report_data=ExpectedReportData(one.told.binding.report_data()),
        endorsements=trust.endorsements,
        policy=trust.policy,
        anchors=trust.anchors,
        now=one.leaf.at,
    )
    if claims.simulated != one.document.simulated:
        raise refuse("receipt-simulated", "evidence and receipt differ on being simulated")
    one.claims = claims
    root = "a SIMULATED vendor root" if claims.simulated else "the pinned vendor root"
    return f"{claims.tee} bound to this request, chained to {root}"


def _check_result(one: ReleaseFindings, trust: Trust) -> str:
    import json

    del trust
    broker = one.broker()
    # Without a key in the descriptor this is the text "null", which is no key.
    jwk = json.dumps(broker.ear.get("jwk")).encode()
    token = verify_ear(
        one.document.result,
        keys=load_ear_keys(jwk),
        policy=EarPolicy(
            issuer=f"urn:sealwasm:broker:{broker.identity_key().key_id}",
            audience=Unsafe.NOT_CHECKED,
            nonce=one.told.binding.nonce,
        ),
        now=one.leaf.at,
    )
    _require_same_attester(token, one.verified_claims())
    if token.status is Tier.CONTRAINDICATED:
        raise refuse("receipt-result", "the broker itself found this runner contraindicated")
    return f"EAR status {token.status.value}"


def _require_same_attester(token: EarClaims, claims: VerifiedClaims) -> None:
    """What the broker said of this evidence, and of each device in it, must be what we found."""
    attesters = attesters_of(claims)
    if token.submods.keys() != attesters.keys():
        expected = ", ".join(attesters)
        raise refuse("receipt-result", f"the attestation result is not that of one {expected}")
    for name, one in attesters.items():
        _require_same_claims(token.submods[name], one)


def _require_same_claims(submod: EarSubmod, claims: VerifiedClaims) -> None:
    said = submod.members.get("ear.sealwasm.verified-claims")
    named = ("tee", "simulated", "measurement", "report-data")
    differing = [name for name in named if _claim(said, name) != claims.values[name]]
    if submod.simulated != claims.simulated or differing:
        why = f"attestation result and evidence differ in {', '.join(differing or ['simulated'])}"
        raise refuse("receipt-result", why)


def _claim(said: object, name: str) -> object:
    return said.get(name) if isinstance(said, dict) else None


def _check_grant(findings: Findings) -> str:
    predicate = findings.receipt.predicate
    if predicate.guardrails:
        return f"cut by {len(predicate.guardrails)} guardrails of the node, as the runner says"
    documents = [one.document for one in findings.releases]
    if predicate.grant != _narrowest_grant(documents):
        raise refuse("receipt-grant", "the grant of the run is not the released one")
    return "the released one" if len(documents) == 1 else "what all the brokers released"


def _narrowest_grant(documents: Sequence[ReleaseDocument]) -> str:
    try:
        return narrowest([parse_grant(document.grant) for document in documents]).digest
    except PolicyDenied as error:
        raise refuse("receipt-grant", "no grant lies inside all the released ones") from error


def _check_times(findings: Findings) -> str:
    predicate, leaves = findings.receipt.predicate, [one.leaf for one in findings.releases]
    first = max(leaf.at for leaf in leaves) - CLOCKS_APART
    ends = min(leaf.lease_expires for leaf in leaves)
    started, finished = parse_time(predicate.started), parse_time(predicate.finished)
    if started < first or finished > ends + CLOCKS_APART:
        raise refuse(
            RunnerCode.RECEIPT_TIMES.value,
            f"run from {predicate.started} to {predicate.finished}, released at "
            f"{first + CLOCKS_APART} until {ends}",
        )
    return f"within the lease, by the runner's clock and {CLOCKS_APART} more"


def _check_brokers_needed(findings: Findings, trust: Trust) -> Check:
    """Brokers that lie could call a share of theirs the whole key: only its owner knows better."""
    count = len(findings.releases)
    if trust.brokers_needed is None:
        return Check("brokers needed", f"{count}, by their own word; --brokers-needed", "-")
    if count < trust.brokers_needed:
        why = f"{count} brokers released, expected {trust.brokers_needed}"
        raise refuse("receipt-release-differs", why)
    return Check("brokers needed", "as expected")


def _check_owner(findings: Findings, trust: Trust) -> Check:
    owner = findings.releases[0].document.owner
    if not trust.owners:
        return Check("owner", f"{owner}: whoever the broker knows; --owner", "-")
    if owner not in trust.owners:
        raise refuse("receipt-owner", f"the module is of owner {owner}")
    return Check("owner", "as expected")


def _check_measurement(findings: Findings, trust: Trust) -> Check:
    found = {one.verified_claims().measurement.hex() for one in findings.releases}
    if len(found) != 1:
        raise refuse("receipt-measurement", "the releases are for runners that measure differently")
    if not trust.measurements:
        return Check("measurement", "whatever the policy let pass; --measurement", "-")
    if not found <= trust.measurements:
        raise refuse("receipt-measurement", f"the runner measures {findings.measurement}")
    return Check("measurement", "as expected")
