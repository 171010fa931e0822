"""Releases from end to end in one process: granted once, and refused for every other reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from attestation.evidence import UnverifiedEvidence
from attestation.simulated.snp.guest import SimulatedGuest
from keybroker.audit.leaf import RefusalLeaf, ReleaseLeaf, parse_leaf
from keybroker.audit.proof import verify_proof
from keybroker.errors import BrokerCode, BrokerError
from keybroker.problems import problem_of
from keybroker.protocol import ReleaseDocument, RunnerKey
from keybroker.store.protocol import DecisionKind
from sealing import canonical, hpke
from sealing.keys import SigningKey
from sealing.manifest import SealedManifest, write_manifest
from sealing.seal import SealedModule
from sealing.signatures.statement import SealedModuleStatement, sign_statement
from tests.fakes.world import MODULE, Runner, World, capabilities, make_world, release_policy


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with make_world(tmp_path) as made:
        yield made


def leaves(world: World) -> int:
    return world.broker.store.tree_size()


def last_leaf(world: World) -> Any:
    leaf = world.broker.store.leaf(leaves(world) - 1)
    assert leaf is not None
    return parse_leaf(leaf)


def refusal(world: World, body: bytes) -> Any:
    """The problem a peer gets."""
    try:
        world.release(body)
    except Exception as error:
        return problem_of(error)
    pytest.fail("the release was granted")


def released(world: World, runner: Runner) -> ReleaseDocument:
    return runner.verify(world.release(runner.request(world.challenge())), world).document


def test_key_is_released_and_recorded(world: World) -> None:
    module = world.seal()
    runner = world.runner(module)
    before = leaves(world)
    body = runner.request(world.challenge())
    response = world.release(body)

    options = runner.open(response, world)
    assert options.digest == canonical.digest_of(MODULE)

    leaf = last_leaf(world)
    assert leaves(world) == before + 1
    assert isinstance(leaf, ReleaseLeaf)
    assert (leaf.module, leaf.version, leaf.simulated) == ("acme/solver", 1, True)
    assert runner.binding is not None
    assert leaf.request == runner.binding.digest()
    assert leaf.evidence == UnverifiedEvidence.from_wire(json.loads(body)["evidence"]).digest
    row = world.broker.store.decision(leaf.id)
    assert row is not None
    assert (row.kind, row.code) == (DecisionKind.RELEASE, "released")
    for written in (body, response, row.detail):
        assert canonical.encode(json.loads(written)) == written


def test_release_is_proved_by_the_log(shared: World) -> None:
    runner = shared.runner()
    document = released(shared, runner)
    proof = shared.broker.log.proof(document.decision)
    checkpoint = verify_proof(proof, leaf=document.leaf, log_key=shared.broker.log.log_key)
    assert checkpoint.size == leaves(shared)


def test_release_says_what_was_granted(shared: World) -> None:
    runner = shared.runner()
    document = released(shared, runner)
    assert document.grant == capabilities()
    assert document.simulated
    assert document.lease.expires == "2026-11-22T12:15:00Z"
    assert document.lease.renew_after == "2026-11-22T12:10:00Z"


# What goes wrong with the guest: the evidence is refused.
GUESTS: dict[str, tuple[Callable[[SimulatedGuest], SimulatedGuest], str]] = {
    "debug": (SimulatedGuest.debug, "debug-enabled"),
    "migratable": (SimulatedGuest.migratable, "migratable"),
    "wrong-vmpl": (SimulatedGuest.wrong_vmpl, "vmpl-nonzero"),
    "stranger": (SimulatedGuest.signed_by_stranger, "untrusted-chain"),
    "replayed-nonce": (SimulatedGuest.replayed_nonce, "report-data-mismatch"),
    "empty-report-data": (SimulatedGuest.empty_report_data, "report-data-mismatch"),
    "tampered": (SimulatedGuest.tampered, "signature-invalid"),
    "wrong-chip": (SimulatedGuest.wrong_chip, "chip-id-mismatch"),
    "expired-vek": (SimulatedGuest.expired_vek, "cert-expired"),
    "future-clock": (SimulatedGuest.future_clock, "cert-not-yet-valid"),
}


@pytest.mark.parametrize("name", GUESTS)
def test_bad_evidence_is_refused(shared: World, name: str) -> None:
    spoil, code = GUESTS[name]
    runner = shared.runner(guest=spoil(shared.guest()))
    problem = refusal(shared, runner.request(shared.challenge()))
    assert (problem.status, problem.code) == (422, code)
    _require_refusal_leaf(shared, problem)


def _require_refusal_leaf(world: World, problem: Any) -> RefusalLeaf:
    leaf = last_leaf(world)
    assert isinstance(leaf, RefusalLeaf)
    assert (leaf.id, leaf.code) == (problem.decision, problem.code)
    row = world.broker.store.decision(leaf.id)
    assert row is not None
    assert (row.kind, row.code) == (DecisionKind.REFUSAL, problem.code)
    assert canonical.encode(json.loads(row.detail)) == row.detail
    return leaf


def test_changed_runner_is_denied(shared: World) -> None:
    runner = shared.runner(guest=shared.guest(b"\x01" * 48))
    problem = refusal(shared, runner.request(shared.challenge()))
    assert (problem.status, problem.code) == (403, "denied-environment")
    assert problem.rules == ("prod/here/measurement/in",)
    leaf = _require_refusal_leaf(shared, problem)
    assert leaf.rules == problem.rules
    assert leaf.policy is not None


def test_refused_request_spends_its_challenge(shared: World) -> None:
    challenge = shared.challenge()
    refusal(shared, shared.runner(guest=shared.guest().debug()).request(challenge))
    problem = refusal(shared, shared.runner().request(challenge))
    assert (problem.status, problem.code) == (401, "challenge-spent")
    _require_refusal_leaf(shared, problem)


def test_challenge_is_used_once(shared: World) -> None:
    challenge = shared.challenge()
    shared.release(shared.runner().request(challenge))
    problem = refusal(shared, shared.runner().request(challenge))
    assert (problem.status, problem.code) == (401, "challenge-spent")
    _require_refusal_leaf(shared, problem)


@pytest.mark.parametrize(("seconds", "ok"), [(299, True), (300, False), (301, False)])
def test_challenge_expires(world: World, seconds: int, ok: bool) -> None:
    body = world.runner().request(world.challenge())
    before = leaves(world)
    world.clock.advance(seconds=seconds)
    if ok:
        world.release(body)
        return
    problem = refusal(world, body)
    assert (problem.status, problem.code, problem.decision) == (401, "challenge-expired", None)
    assert leaves(world) == before


def test_challenge_of_another_broker_is_refused(shared: World, world: World) -> None:
    before = leaves(shared)
    problem = refusal(shared, shared.runner().request(world.challenge()))
    assert (problem.status, problem.code, problem.decision) == (401, "challenge-not-ours", None)
    assert leaves(shared) == before


def test_binding_covers_each_part_of_the_request(shared: World) -> None:
    challenge = shared.challenge()
    other = shared.runner()
    changes: list[dict[str, Any]] = [
        {"idempotency_key": other.idempotency_key},
        {"receipt_key": other.receipt_key.public.spki[-32:]},
        {"runner_key": other.runner_key},
        {"manifest": other.module.manifest, "signatures": (other.module.bundle,)},
    ]
    for change in changes:
        challenge = shared.challenge()
        problem = refusal(shared, shared.runner().request(challenge, **change))
        assert (problem.status, problem.code) == (422, "report-data-mismatch"), change
        _require_refusal_leaf(shared, problem)


def artifact(module: SealedModule, manifest: SealedManifest, owner: SigningKey) -> SealedModule:
    """`module` under another manifest, signed by `owner` as if it were right."""
    statement = SealedModuleStatement.about(
        manifest,
        capabilities=module.statement.capabilities,
        bill=module.statement.bill,
        created=module.statement.created,
    )
    bundle = sign_statement(statement, owner)
    return SealedModule(
        manifest.raw, module.config, module.layer, bundle, manifest.digest, statement
    )


def altered_manifest(world: World) -> SealedModule:
    """Another size in the manifest than the owner signed."""
    module = world.seal()
    found = SealedManifest.parse(module.manifest)
    manifest = write_manifest(
        config=module.config,
        layer_digest=found.layer_digest,
        layer_size=found.layer_size + 1,
        public_options=found.public_options,
        envelopes=found.envelopes,
    )
    return SealedModule(
        manifest.raw,
        module.config,
        module.layer,
        module.bundle,
        manifest.digest,
        module.statement,
    )


def signed_by_stranger(world: World) -> SealedModule:
    return world.seal(owner=SigningKey.generate("p256"))


def for_another_broker(world: World) -> SealedModule:
    return world.seal(
        broker_identity="0" * 64, broker_key=hpke.OpeningKey.generate(hpke.HYBRID).public
    )


def for_an_unknown_key(world: World) -> SealedModule:
    return world.seal(broker_key=hpke.OpeningKey.generate(hpke.HYBRID).public)


def transplanted_envelope(world: World) -> SealedModule:
    """The envelope of one module in the manifest of another, whose owner signs it as its own.

    The context says the right things; the sealed key was made for others.
    """
    victim = SealedManifest.parse(world.seal().manifest).envelopes[0]
    thief = SigningKey.generate("p256")
    world.enrol_owner(thief, name=f"thief-{thief.key_id[:8]}")
    world.enrol_policy(release_policy(), owner=thief)
    own = world.seal(owner=thief)
    found = SealedManifest.parse(own.manifest)
    envelope = replace(found.envelopes[0], sealed=victim.sealed)
    manifest = write_manifest(
        config=own.config,
        layer_digest=found.layer_digest,
        layer_size=found.layer_size,
        public_options=found.public_options,
        envelopes=[envelope],
    )
    return artifact(own, manifest, thief)


def under_an_unknown_policy(world: World) -> SealedModule:
    return world.seal(policy_name="nowhere")


MODULES: dict[str, tuple[Callable[[World], SealedModule], int, str]] = {
    "altered manifest": (altered_manifest, 400, "seal-statement-mismatch"),
    "unenrolled owner": (signed_by_stranger, 404, "owner-unknown"),
    "another broker": (for_another_broker, 421, "envelope-for-another-broker"),
    "an unknown key of ours": (for_an_unknown_key, 421, "broker-key-unknown"),
    "transplanted envelope": (transplanted_envelope, 400, "seal-envelope-not-opened"),
    "unknown policy": (under_an_unknown_policy, 404, "policy-unknown"),
}


@pytest.mark.parametrize("name", MODULES)
def test_bad_module_is_refused(shared: World, name: str) -> None:
    make, status, code = MODULES[name]
    runner = shared.runner(make(shared))
    problem = refusal(shared, runner.request(shared.challenge()))
    assert (problem.status, problem.code) == (status, code)
    _require_refusal_leaf(shared, problem)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda module: {"signatures": (module.bundle, module.bundle)}, "seal-signature-repeated"),
        (lambda module: {"signatures": (module.bundle[:-1],)}, "seal-malformed"),
    ],
)
def test_bad_signature_is_refused(shared: World, change: Any, code: str) -> None:
    runner = shared.runner()
    problem = refusal(shared, runner.request(shared.challenge(), **change(runner.module)))
    assert (problem.status, problem.code) == (400, code)
    _require_refusal_leaf(shared, problem)


def test_older_version_is_refused(world: World) -> None:
    for version in (2, 2, 3):
        world.release(world.runner(world.seal(version=version)).request(world.challenge()))
    runner = world.runner(world.seal(version=2))
    problem = refusal(world, runner.request(world.challenge()))
    assert (problem.status, problem.code) == (409, "version-rolled-back")
    _require_refusal_leaf(world, problem)


GUARDRAILS = """
apiVersion: sealwasm/v1
kind: Guardrails
metadata: {name: compliance}
spec:
  release: {simulated-tee: SIMULATED}
  grant: {imports: {deny: [wasi_snapshot_preview1.path_open]}, limits: {wall-clock: 1s}}
"""


def test_guardrails_deny_a_release(tmp_path: Path) -> None:
    with make_world(tmp_path, guardrails=[GUARDRAILS.replace("SIMULATED", "deny")]) as world:
        problem = refusal(world, world.runner().request(world.challenge()))
        assert (problem.status, problem.code) == (403, "denied-guardrails")
        assert problem.rules == ("compliance/simulated-tee",)
        _require_refusal_leaf(world, problem)


def test_guardrails_cut_the_grant_or_deny_it(tmp_path: Path) -> None:
    with make_world(tmp_path, guardrails=[GUARDRAILS.replace("SIMULATED", "allow")]) as world:
        runner = world.runner()
        document = released(world, runner)
        assert document.grant["spec"]["limits"]["wall-clock"] == 1000
        assert len(document.guardrails) == 1

        wide = world.seal(capabilities=capabilities(imports=["wasi_snapshot_preview1.path_open"]))
        problem = refusal(world, world.runner(wide).request(world.challenge()))
        assert (problem.status, problem.code) == (403, "denied-grant")
        leaf = _require_refusal_leaf(world, problem)
        assert leaf.policy is not None
        assert leaf.policy.name == "prod"


def test_simulated_silicon_is_not_trusted_by_itself(tmp_path: Path) -> None:
    with make_world(tmp_path, trust_simulated=False) as world:
        problem = refusal(world, world.runner().request(world.challenge()))
        assert (problem.status, problem.code) == (422, "simulated-not-trusted")
        _require_refusal_leaf(world, problem)


def test_policy_must_allow_simulated_silicon(world: World) -> None:
    document = release_policy(version=2)
    del document["spec"]["simulated-tee"]
    world.enrol_policy(document)
    problem = refusal(world, world.runner().request(world.challenge()))
    assert problem.rules == ("prod/here/simulated-tee",)


def test_newest_policy_counts(world: World) -> None:
    body = world.runner().request(world.challenge())
    document = release_policy(version=2, **{"any-of": []})
    world.enrol_policy(document)
    assert refusal(world, body).code == "denied-no-environment"


def test_quota_is_kept(tmp_path: Path) -> None:
    with make_world(tmp_path, quota={"live-leases": 1}) as world:
        world.release(world.runner().request(world.challenge()))
        problem = refusal(world, world.runner().request(world.challenge()))
        assert (problem.status, problem.code) == (429, "quota-exceeded")
        _require_refusal_leaf(world, problem)


def test_same_request_gets_the_same_answer(world: World) -> None:
    body = world.runner().request(world.challenge())
    answer = world.release(body)
    before = leaves(world)
    world.clock.advance(minutes=10)
    assert world.release(body) == answer
    assert leaves(world) == before


def test_answer_stays_the_same_when_the_policy_no_longer_allows_it(world: World) -> None:
    body = world.runner().request(world.challenge())
    answer = world.release(body)
    world.enrol_policy(release_policy(version=2, **{"any-of": []}))
    before = leaves(world)
    assert world.release(body) == answer
    assert leaves(world) == before


def test_other_request_under_the_same_idempotency_key_is_a_conflict(shared: World) -> None:
    runner = shared.runner()
    shared.release(runner.request(shared.challenge()))
    problem = refusal(shared, runner.request(shared.challenge()))
    assert (problem.status, problem.code) == (409, "idempotency-conflict")
    _require_refusal_leaf(shared, problem)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"challenge":"x"}', b"\xff", b"[" * 100_000], ids=repr
)
def test_anything_else_leaves_no_trace(shared: World, body: bytes) -> None:
    before = leaves(shared)
    problem = refusal(shared, body[:100_000])
    assert (problem.status, problem.code) == (400, "message-malformed")
    assert leaves(shared) == before


def test_key_of_small_order_is_refused(shared: World) -> None:
    runner = shared.runner()
    runner.wire_key = RunnerKey(suite=hpke.X25519, public=bytes(32))
    problem = refusal(shared, runner.request(shared.challenge()))
    assert (problem.status, problem.code) == (400, "seal-key-invalid")
    _require_refusal_leaf(shared, problem)


def test_source_is_limited(tmp_path: Path) -> None:
    with make_world(tmp_path, releases={"burst": 2, "per-second": 1}) as world:
        codes = [refusal(world, b"{}").code for _ in range(3)]
    assert codes == ["message-malformed"] * 2 + ["rate-limited"]


@dataclass
class FailingDisk:
    """A store that cannot write."""

    store: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def record_release(self, record: Any) -> Any:
        raise BrokerError(BrokerCode.STORE_UNAVAILABLE, "disk is full")

    record_refusal = record_release


def test_what_cannot_be_recorded_is_not_released(shared: World) -> None:
    body = shared.runner().request(shared.challenge())
    broken = replace(shared.broker.releases, store=FailingDisk(shared.broker.store))
    with pytest.raises(BrokerError) as caught:
        broken.release(body, source="192.0.2.8")
    problem = problem_of(caught.value)
    assert (problem.status, problem.code, problem.decision) == (503, "store-unavailable", None)
    # The disk is back, and the challenge was not spent.
    shared.release(body)


@dataclass
class BusyDisk:
    """A store in which something is enrolled just before the release is written."""

    store: Any
    meanwhile: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def record_release(self, record: Any) -> Any:
        self.meanwhile()
        return self.store.record_release(record)


def test_policy_that_comes_while_an_older_one_decides_is_the_one_that_counts(world: World) -> None:
    body = world.runner().request(world.challenge())
    nothing = release_policy(version=2, **{"any-of": []})
    disk: Any = BusyDisk(world.broker.store, lambda: world.enrol_policy(nothing))
    with pytest.raises(BrokerError) as caught:
        replace(world.broker.releases, store=disk).release(body, source="192.0.2.8")
    problem = problem_of(caught.value)
    assert (problem.status, problem.code) == (401, "policy-replaced")
    again = refusal(world, world.runner().request(world.challenge()))
    assert again.code == "denied-no-environment"
