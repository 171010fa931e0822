from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from policies.decision import ABSENT, Denial, Reason
from policies.errors import PolicyDenied
from policies.evaluate import compile_release, evaluate, require_release
from policies.explain import decision_document, explain, grant_document
from policies.grant import effective_grant
from policies.imports import require_imports
from policies.load import parse_document
from policies.operators import Operator
from policies.within import require_within
from tests.unit.policies import samples

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def decide(claims=None, *, now=NOW, guards=None, policy=None):
    compiled = compile_release(
        policy or samples.release(), [samples.guardrails()] if guards is None else guards
    )
    return evaluate(compiled, samples.CLAIMS | (claims or {}), now=now)


def test_allowed_with_every_rule_explained():
    decision = decide()
    assert decision.allowed
    assert decision.code is None
    assert decision.failed == ()
    assert decision.environment == "production"
    assert decision.lease_ms == 5 * 60_000
    assert decision.simulated is False
    assert all(result.ok for result in decision.rules)
    by_id = {result.rule.id: result for result in decision.rules}
    assert len(by_id) == len(decision.rules)
    bound = by_id["acme-prod/production/tcb.committed.snp/at-least"]
    assert bound.rule.path == "spec.any-of[0].tcb.committed.snp.at-least"
    assert bound.rule.where == "release.yaml:15"
    assert (bound.rule.operator, bound.rule.expected, bound.actual) == (Operator.AT_LEAST, 22, 24)
    assert by_id["acme-prod/production/measurement/in"].rule.because == "runner 1.4.2"
    assert by_id["acme-prod/applies-to/modules"].rule.source == "request"
    assert by_id["acme-prod/window/not-after"].rule.source == "broker"


def test_window_ends_are_inside_to_the_microsecond():
    end = datetime(2026, 12, 31, tzinfo=UTC)
    assert decide(now=end).allowed
    late = decide(now=end + timedelta(microseconds=1))
    assert late.code is Denial.OUTSIDE_WINDOW
    assert late.failed == ("acme-prod/window/not-after",)
    assert decide(now=datetime(2026, 1, 1, tzinfo=UTC)).allowed


@pytest.mark.parametrize("value", [[], {}, None, 1.0, b"x", object()])
def test_claims_of_any_type_deny_without_an_error(value):
    for claim in samples.CLAIMS:
        decision = decide({claim: value})
        if claim == "simulated":
            assert decision.simulated
        if claim in {result.rule.claim for result in decide().rules}:
            assert not decision.allowed
        json.dumps(decision_document(decision))


def test_explanation_is_json_and_says_what_would_help():
    decision = decide({"vmpl": 1, "measurement": samples.OTHER_MEASUREMENT, "debug": "no"})
    rows = {row["id"]: row for row in explain(decision) if not row["ok"]}
    assert set(rows) == set(decision.failed)
    measurement = rows["acme-prod/production/measurement/in"]
    assert measurement["expected"] == [samples.MEASUREMENT]
    assert measurement["actual"] == samples.OTHER_MEASUREMENT
    assert measurement["reason"] == "mismatch"
    assert measurement["where"] == "release.yaml:11"
    assert "add it to spec.any-of[0].measurement.in" in measurement["remedy"]
    assert "at most 0" in rows["acme-prod/production/vmpl/at-most"]["remedy"]
    assert "another type" in rows["acme-prod/production/debug"]["remedy"]
    document = decision_document(decision)
    assert json.loads(json.dumps(document)) == document
    assert document["policy"]["digest"] == samples.release().digest
    assert document["guardrails"][0]["name"] == "baseline"


@pytest.mark.parametrize(
    ("claims", "now", "words"),
    [
        ({"simulated": True}, NOW, "real hardware"),
        ({}, datetime(2030, 1, 1, tzinfo=UTC), "wait for the window"),
        ({"migratable": True}, NOW, "bring migratable to what spec.release.require"),
        ({"tcb.launch.snp": 1}, NOW, "at least 22"),
        ({"csp-id": "x"}, NOW, "bring csp-id to what"),
    ],
)
def test_remedies(claims, now, words):
    failed = [row["remedy"] for row in explain(decide(claims, now=now)) if not row["ok"]]
    assert failed
    assert all(words in remedy for remedy in failed)


def test_remedy_of_an_absent_claim():
    claims = {key: value for key, value in samples.CLAIMS.items() if key != "vmpl"}
    decision = evaluate(compile_release(samples.release()), claims, now=NOW)
    (row,) = [row for row in explain(decision) if not row["ok"]]
    assert (row["actual"], row["reason"]) == (None, "absent")
    assert "nobody says vmpl" in row["remedy"]


def test_remedies_of_imports_and_ceilings():
    with pytest.raises(PolicyDenied) as caught:
        require_imports(samples.capabilities(), [("env", "log"), ("a.b", "c")])
    first, second = explain(caught.value.decision)
    assert first["remedy"] == "add to spec.imports: - env.log"
    assert first["where"] == "caps.yaml:32"
    assert "no policy can grant" in second["remedy"]
    with pytest.raises(PolicyDenied) as caught:
        text = samples.GUARDRAILS.replace("features: [simd]", "features: []")
        effective_grant(samples.capabilities(), [samples.guardrails(text)])
    (row,) = explain(caught.value.decision)
    assert row["remedy"] == (
        "take simd out of spec.features, or widen spec.grant.features (guard.yaml:22)"
    )
    with pytest.raises(PolicyDenied) as caught:
        small = effective_grant(samples.capabilities(), [samples.guardrails()]).document
        require_within(samples.capabilities(), small)
    json.dumps(explain(caught.value.decision))


def test_integers_beyond_json_are_shown_in_hex():
    text = samples.RELEASE.replace("vmpl: {at-most: 0}", "guest-svn: {at-most: 1}")
    decision = decide({"guest-svn": 2**64 - 1}, policy=samples.release(text))
    (row,) = [row for row in explain(decision) if not row["ok"]]
    assert row["actual"] == "0xffffffffffffffff"


def test_grant_as_json():
    grant = effective_grant(samples.capabilities(), [samples.guardrails()])
    document = grant_document(grant)
    assert json.loads(json.dumps(document)) == document
    assert document["digest"] == grant.document.digest
    assert {item["rule"] for item in document["reductions"]} >= {"baseline/grant/limits/memory"}


def test_a_denial_says_little_where_it_may_be_read_by_a_peer():
    with pytest.raises(PolicyDenied) as caught:
        require_release(compile_release(samples.release()), samples.CLAIMS | {"vmpl": 1}, now=NOW)
    assert str(caught.value) == "denied-environment: acme-prod/production/vmpl/at-most"
    assert samples.MEASUREMENT not in repr(caught.value.decision)
    assert repr(ABSENT) == "absent"


def test_documents_from_json_decide_the_same_without_lines():
    policy = parse_document(samples.release().to_document(), name="enrolled")
    decision = decide({"vmpl": 1}, policy=policy)
    (result,) = [result for result in decision.rules if not result.ok]
    assert result.rule.where == "enrolled"
    assert result.reason is Reason.MISMATCH


def test_environment_may_allow_what_the_policy_denies():
    text = samples.RELEASE.replace(
        "      tee: snp\n", "      tee: snp\n      simulated-tee: allow\n"
    )
    assert decide({"simulated": True}, guards=[], policy=samples.release(text)).allowed
    text = text.replace("  lease: 10m", "  lease: 10m\n  simulated-tee: allow")
    text = text.replace("      simulated-tee: allow", "      simulated-tee: deny")
    assert not decide({"simulated": True}, guards=[], policy=samples.release(text)).allowed


def test_debug_is_allowed_only_in_words():
    text = samples.RELEASE.replace("vmpl: {at-most: 0}", "debug: {equals: true}")
    assert decide({"debug": True}, policy=samples.release(text)).allowed
    assert not decide({"debug": False}, policy=samples.release(text)).allowed


def test_owners_capabilities_and_manifests_can_be_named():
    digest, owner = f"sha256:{'ab' * 32}", "cd" * 32
    applies = (
        f"applies-to: {{owners: [{owner}], capabilities: ['{digest}'], manifests: ['{digest}']}}"
    )
    text = samples.RELEASE.replace("applies-to: {modules: [acme/solver, tools/*]}", applies)
    claims = {
        "request.owner": owner,
        "request.capabilities": digest,
        "request.manifest": digest,
    }
    assert decide(claims, policy=samples.release(text)).allowed
    for claim in claims:
        decision = decide(claims | {claim: "00" * 32}, policy=samples.release(text))
        assert decision.code is Denial.NOT_APPLICABLE


def test_too_many_guardrails_are_a_fault_of_the_caller():
    with pytest.raises(ValueError, match="guardrails"):
        compile_release(samples.release(), [samples.guardrails()] * 17)


def test_versions_at_most():
    text = samples.RELEASE.replace('{at-least: "1.55.9"}', '{at-most: "1.55.9"}')
    policy = samples.release(text)
    assert decide({"firmware.current": "1.55.9"}, policy=policy).allowed
    assert not decide({"firmware.current": "1.55.10"}, policy=policy).allowed
    assert not decide({"firmware.current": "1" * 5000}, policy=policy).allowed


def test_silent_guardrails_deny_simulation_and_nothing_else():
    text = "apiVersion: sealwasm/v1\nkind: Guardrails\nmetadata: {name: quiet}\nspec: {}\n"
    silent = samples.guardrails(text)
    assert decide(guards=[silent]).allowed
    assert decide({"simulated": True}, guards=[silent]).failed[-1] == "quiet/simulated-tee"
