"""Requests for release: whose module, which policies, and what the transaction decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keybroker import protocol
from sealing.keys import SigningKey
from sealing.manifest import SealedManifest, write_manifest
from sealing.seal import SealedModule
from sealing.signatures.statement import SealedModuleStatement, digest_capabilities, sign_statement
from tests.fakes.silicon import NOW
from tests.fakes.world import capabilities, release_policy
from tests.unit.sealing import makers
from tests.unit.sealing.makers import b64
from tests.vectors import release_world as w
from tests.vectors.folder import ACCEPTED
from tests.vectors.release_world import Ask, fixed, sealed
from tests.vectors.release_writer import (
    OWNER,
    POLICY,
    RELEASE,
    Writer,
)

GUARDRAILS = """apiVersion: sealwasm/v1
kind: Guardrails
metadata: {name: compliance}
spec:
  release: {simulated-tee: allow, max-lease: 1m}
  grant: {imports: {deny: [wasi_snapshot_preview1.path_open]}}
"""


def _with_manifest(module: SealedModule, manifest: SealedManifest, *, sign: bool) -> SealedModule:
    said = module.statement
    statement = SealedModuleStatement.about(
        manifest, capabilities=said.capabilities, bill=said.bill, created=said.created
    )
    bundle = sign_statement(statement, makers.OWNER) if sign else module.bundle
    return replace(module, manifest=manifest.raw, bundle=bundle, statement=statement)


def _rewritten(
    module: SealedModule, *, sign: bool, size: int = 0, sealed_key: bytes = b""
) -> SealedModule:
    """The module under a manifest that differs in one place."""
    found = SealedManifest.parse(module.manifest)
    envelope = found.envelopes[0]
    if sealed_key:
        envelope = replace(envelope, sealed=sealed_key)
    manifest = write_manifest(
        config=module.config,
        layer_digest=found.layer_digest,
        layer_size=found.layer_size + size,
        public_options=found.public_options,
        envelopes=[envelope],
    )
    return _with_manifest(module, manifest, sign=sign)


def _claimed(signer: SigningKey = makers.OWNER, **changes: Any) -> SealedModule:
    """The module as it is, under a statement that says something else of the same manifest."""
    said = replace(w.MODULE.statement, owner=signer.key_id, **changes)
    return replace(w.MODULE, bundle=sign_statement(said, signer), statement=said)


def claims(writer: Writer) -> None:
    """Section 4.5: what is signed of a manifest must be what its envelopes were sealed for."""
    wider = capabilities(imports=["wasi_snapshot_preview1.path_open"])
    for name, code, claimed in (
        ("taken-by-another-owner", "seal-context-mismatch", _claimed(w.NEWCOMER)),
        ("taken-to-another-policy", "seal-context-mismatch", _claimed(policy="lax")),
        ("taken-to-a-higher-version", "seal-context-mismatch", _claimed(version=9)),
        ("taken-to-another-name", "seal-context-mismatch", _claimed(module="acme/other")),
        (
            "taken-to-wider-capabilities",
            "seal-context-mismatch",
            _claimed(capabilities=wider, capabilities_digest=digest_capabilities(wider)),
        ),
        ("of-another-layer", "seal-statement-mismatch", _claimed(layer="sha256:" + "0" * 64)),
        (
            "of-other-envelopes",
            "seal-statement-mismatch",
            _claimed(envelopes=("sha256:" + "0" * 64,)),
        ),
    ):
        writer.case(
            RELEASE,
            name,
            "4.5: every field is the one the owner signed",
            code,
            "owner",
            Ask(module=claimed).body(),
            before=[
                (OWNER, w.owner_document()),
                (POLICY, w.policy_document(owner=w.NEWCOMER)),
                (POLICY, w.policy_document(release_policy(name="lax"))),
            ],
        )


def modules(writer: Writer) -> None:
    """Sections 4.5, 4.9 and 4.10: owner, envelope, key."""

    def case(name: str, why: str, code: str, stage: str, ask: Ask) -> None:
        writer.case(RELEASE, name, why, code, stage, ask.body())

    good = w.MODULE
    case(
        "altered-manifest",
        "4.5: the owner signed exactly this",
        "seal-statement-mismatch",
        "owner",
        Ask(module=_rewritten(good, sign=False, size=1)),
    )
    case(
        "manifest-not-canonical",
        "4.5: the strict profile",
        "seal-not-canonical",
        "owner",
        Ask(module=replace(good, manifest=good.manifest + b"\n")),
    )
    twice = {"signatures": [b64(good.bundle)] * 2}
    case("two-signatures", "4.5: exactly one", "seal-signature-repeated", "owner", Ask(after=twice))
    case(
        "unenrolled-owner",
        "4.5: an enrolled owner",
        "owner-unknown",
        "owner",
        Ask(module=sealed(owner=makers.STRANGER)),
    )
    forged = bytearray(good.bundle)
    place = good.bundle.index(b'"payload":"') + 40
    forged[place] = ord("A") if forged[place] != ord("A") else ord("B")
    case(
        "forged-statement",
        "4.5: the signature is good",
        "seal-signature-invalid",
        "owner",
        Ask(after={"signatures": [b64(bytes(forged))]}),
    )
    case(
        "another-broker",
        "4.9: names this broker",
        "envelope-for-another-broker",
        "envelope",
        Ask(module=sealed(broker_identity="0" * 64)),
    )
    case(
        "unknown-key",
        "4.9: one of its keys",
        "broker-key-unknown",
        "envelope",
        Ask(module=sealed(broker_key=fixed(makers.OTHER_BROKER))),
    )
    other = SealedManifest.parse(sealed(version=9).manifest).envelopes[0]
    case(
        "transplanted-envelope",
        "4.9: opens under its own context only",
        "seal-envelope-not-opened",
        "envelope",
        Ask(module=_rewritten(good, sign=True, sealed_key=other.sealed)),
    )
    case(
        "key-of-small-order",
        "4.10: a key that can be wrapped to",
        "seal-key-invalid",
        "answer",
        Ask(runner_key=bytes(32)),
    )
    case(
        "capabilities-not-canonical",
        "4.8: a capability policy in canonical form",
        "policy-not-canonical",
        "grant",
        Ask(module=sealed(capabilities={**capabilities(), "spec": {"mode": "enforce"}})),
    )


def policies(writer: Writer) -> None:
    """Sections 4.7 and 4.8: policy, guardrails, grant."""

    good = Ask().body()
    writer.case(
        RELEASE,
        "changed-runner",
        "4.7: the policy names measurements",
        "denied-environment",
        "policy",
        Ask(guest=replace(w.GUEST, measurement=b"\x01" * 48)).body(),
    )
    writer.case(
        RELEASE,
        "unknown-policy",
        "4.7: the policy the owner named",
        "policy-unknown",
        "policy",
        Ask(module=sealed(policy_name="nowhere")).body(),
    )
    newer: dict[str, tuple[dict[str, Any], str]] = {
        "nothing-allowed": ({"any-of": []}, "denied-no-environment"),
        "for-another-module": (
            {"applies-to": {"modules": ["acme/other"]}},
            "denied-not-applicable",
        ),
        "out-of-window": (
            {"window": {"not-after": "2026-11-21T00:00:00Z"}},
            "denied-outside-window",
        ),
        "simulated-denied": ({"simulated-tee": "deny"}, "denied-environment"),
    }
    for name, (spec, code) in newer.items():
        document = w.policy_document(release_policy(version=2, **spec))
        writer.case(
            RELEASE,
            f"policy-{name}",
            "4.7: the newest version counts",
            code,
            "policy",
            good,
            before=[(POLICY, document)],
        )
    writer.case(
        RELEASE,
        "guardrails-agree",
        "4.7: every guardrail",
        ACCEPTED,
        "policy",
        good,
        broker={"guardrails": GUARDRAILS},
    )
    writer.case(
        RELEASE,
        "guardrails-deny",
        "4.7: every guardrail",
        "denied-guardrails",
        "policy",
        good,
        broker={"guardrails": GUARDRAILS.replace("allow", "deny")},
    )
    wide = sealed(capabilities=capabilities(imports=["wasi_snapshot_preview1.path_open"]))
    writer.case(
        RELEASE,
        "grant-denied",
        "4.8: within the guardrails",
        "denied-grant",
        "grant",
        Ask(module=wide).body(),
        broker={"guardrails": GUARDRAILS},
    )


def transactions(writer: Writer) -> None:
    """Sections 4.2 and 4.11: the same again, and what is decided once."""

    good = Ask().body()
    second = "idempotency-key-000002"
    writer.case(
        RELEASE,
        "again",
        "4.2: the same again",
        ACCEPTED,
        "answer",
        good,
        before=[(RELEASE, good)],
        seconds=0,
    )
    writer.case(
        RELEASE,
        "again-after-expiry",
        "4.2: the same again",
        ACCEPTED,
        "answer",
        good,
        before=[(RELEASE, good)],
        seconds=301,
        before_at=protocol.format_time(NOW),
    )
    writer.case(
        RELEASE,
        "replayed-challenge",
        "4.11: spent once",
        "challenge-spent",
        "transaction",
        Ask(idempotency_key=second).body(),
        before=[(RELEASE, good)],
    )
    writer.case(
        RELEASE,
        "challenge-of-a-refusal",
        "4.2: a refusal spends it",
        "challenge-spent",
        "transaction",
        good,
        before=[(RELEASE, Ask(guest=w.GUEST.debug(), idempotency_key=second).body())],
    )
    writer.case(
        RELEASE,
        "idempotency-key-reused",
        "4.11: one request per key",
        "idempotency-conflict",
        "transaction",
        Ask(number=2).body(),
        before=[(RELEASE, good)],
    )
    writer.case(
        RELEASE,
        "older-version",
        "4.11: versions never go back",
        "version-rolled-back",
        "transaction",
        Ask(module=sealed(version=1), number=2, idempotency_key=second).body(),
        before=[(RELEASE, good)],
    )
    writer.case(
        RELEASE,
        "quota",
        "4.11: quotas",
        "quota-exceeded",
        "transaction",
        Ask(number=2, idempotency_key=second).body(),
        before=[(RELEASE, good)],
        broker={"live_leases": 1},
    )
