"""An owner asks what the broker would decide; nobody else learns it, and nothing is released."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keybroker.owners.evaluation import ANY_REPORT_DATA, EVALUATION_TYPE, EvaluationDocument
from keybroker.problems import REFUSED, code_of
from sealing.keys import SigningKey
from sealing.signatures import dsse
from tests.fakes.world import World, make_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with make_world(tmp_path_factory.mktemp("evaluation")) as made:
        yield made


def refusal(world: World, body: bytes) -> str:
    with pytest.raises(REFUSED) as caught:
        world.broker.evaluations.evaluate(body)
    return str(code_of(caught.value))


def test_owner_learns_every_rule(world: World) -> None:
    answer = world.broker.evaluations.evaluate(world.evaluation())
    assert answer.allowed
    rules = {row["id"]: row["ok"] for row in answer.decision["rules"]}
    assert rules["prod/here/measurement/in"]
    assert answer.facts["ear.executables"] == "affirming"
    assert answer.facts["ear.hardware"] == "warning"
    assert "request.module" not in answer.facts


def test_denial_is_an_answer_with_reasons(world: World) -> None:
    answer = world.broker.evaluations.evaluate(world.evaluation(guest=world.guest(b"\x01" * 48)))
    assert not answer.allowed
    assert answer.decision["failed"] == ["prod/here/measurement/in"]
    (row,) = [row for row in answer.decision["rules"] if not row["ok"]]
    assert row["actual"] == "01" * 48


def test_module_adds_its_facts(world: World) -> None:
    module = world.seal(version=3)
    named = {"manifest": module.manifest, "signature": module.bundle}
    answer = world.broker.evaluations.evaluate(world.evaluation(module=named))
    assert answer.facts["request.module"] == "acme/solver"
    assert answer.facts["request.version"] == "3"


def test_nothing_is_recorded_or_spent(world: World) -> None:
    before = world.broker.store.tree_size()
    world.broker.evaluations.evaluate(world.evaluation())
    assert world.broker.store.tree_size() == before


def test_archived_evidence_takes_an_explicit_word(world: World) -> None:
    other = bytes(range(1, 65))
    assert refusal(world, world.evaluation(report_data=other)) == "report-data-mismatch"
    answer = world.broker.evaluations.evaluate(world.evaluation(report_data=ANY_REPORT_DATA))
    assert answer.allowed


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"policy": "nowhere"}, "policy-unknown"),
        ({"broker": "0" * 64}, "document-for-another-broker"),
        ({"not_after": "2026-11-22T12:00:00Z"}, "document-expired"),
        ({"evidence": {"tee": "abacus"}}, "unsupported"),
        ({"evidence": {"tee": "snp"}}, "malformed"),
    ],
)
def test_question_must_be_right(world: World, changes: dict[str, Any], code: str) -> None:
    assert refusal(world, world.evaluation(**changes)) == code


def test_bad_module_is_refused(world: World) -> None:
    module = world.seal()
    named = {"manifest": module.manifest + b" ", "signature": module.bundle}
    assert refusal(world, world.evaluation(module=named)) == "seal-not-canonical"


def test_stranger_gets_no_answer(world: World) -> None:
    stranger = SigningKey.generate("p256")
    assert refusal(world, world.evaluation(owner=stranger)) == "owner-unknown"


def test_stranger_cannot_ask_in_the_owners_name(world: World) -> None:
    envelope = world.evaluation()
    document = dsse.verify(envelope, payload_type=EVALUATION_TYPE, keys=[world.owner.public])
    assert EvaluationDocument.parse(document).owner == world.owner.key_id
    forged = dsse.sign(EVALUATION_TYPE, document, [SigningKey.generate("p256")])
    assert refusal(world, forged) == "seal-signer-unknown"


def test_evaluation_needs_trust_in_simulated_silicon(tmp_path: Path) -> None:
    with make_world(tmp_path, trust_simulated=False) as world:
        assert refusal(world, world.evaluation()) == "simulated-not-trusted"
