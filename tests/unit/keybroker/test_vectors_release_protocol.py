"""Every vector of the release protocol and of enrolment, against a broker made for it alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keybroker import protocol
from keybroker.broker import Broker
from keybroker.errors import BrokerCode
from keybroker.problems import REFUSED, code_of, kind_of
from keybroker.protocol import ProtocolRefusal
from policies.decision import Denial
from sealing.hpke import X25519, OpeningKey
from sealing.keys import VerifyingKey
from tests.unit.sealing.makers import unb64
from tests.vectors import generate_release_protocol
from tests.vectors.folder import ACCEPTED
from tests.vectors.release_world import broker_of

FOLDER = Path(generate_release_protocol.__file__).parent / "release-protocol"
CASES = sorted(FOLDER.glob("*/case.json"))
SOURCE = "192.0.2.7"

# Codes of the path that no message shows: what reads and writes files, and what HTTP alone sees.
ELSEWHERE = {
    BrokerCode.DECISION_UNKNOWN: "tests/unit/keybroker/test_app.py",
    BrokerCode.REQUEST_TOO_LARGE: "tests/unit/keybroker/test_app.py",
    BrokerCode.REQUEST_TOO_SLOW: "tests/unit/keybroker/test_app.py",
    BrokerCode.AK_ENROLMENT_REFUSED: "tests/unit/keybroker/test_attestation_keys.py",
    BrokerCode.AK_ENROLMENT_EXPIRED: "tests/unit/keybroker/test_attestation_keys.py",
    BrokerCode.AK_NOT_ACTIVATED: "tests/unit/keybroker/test_attestation_keys.py",
    BrokerCode.STORE_UNAVAILABLE: "tests/integration/test_release_flow.py",
    BrokerCode.POLICY_REPLACED: "tests/integration/test_release_flow.py",
    Denial.IMPORT: "tests/unit/policies: a runner asks it, a broker does not",
}


def _read(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return case


def _response(case: dict[str, Any], message: bytes) -> None:
    release = protocol.verify_release(
        message,
        identity=VerifyingKey.from_spki(unb64(case["identity"])),
        manifest=case["manifest"],
        request=case["request"],
        now=protocol.parse_time(case["at"]),
    )
    key = OpeningKey.from_bytes(X25519, unb64(case["runner_key"]))
    key.open(release.wrapped_key, info=release.info)


def _descriptor(case: dict[str, Any], message: bytes) -> None:
    protocol.verify_descriptor(message, identity=case["identity"])


READERS: dict[str, Callable[[dict[str, Any], bytes], None]] = {
    "response": _response,
    "descriptor": _descriptor,
}
CALLS: dict[str, Callable[[Broker, bytes], object]] = {
    "challenge": lambda broker, body: broker.challenge(body, source=SOURCE),
    "release": lambda broker, body: broker.releases.release(body, source=SOURCE),
    "owner": lambda broker, body: broker.enrolment.enrol_owner(body),
    "policy": lambda broker, body: broker.enrolment.enrol_policy(body),
    "rotation": lambda broker, body: broker.owner_changes.rotate(body),
    "revocation": lambda broker, body: broker.owner_changes.revoke(body),
    "evaluation": lambda broker, body: broker.evaluations.evaluate(body),
}


def _outcome(call: Callable[..., object], *arguments: Any) -> str:
    try:
        call(*arguments)
    except REFUSED as error:
        return str(code_of(error))
    return ACCEPTED


def _play(case: dict[str, Any], folder: Path, scratch: Path) -> str:
    """Make the broker, send what came before, and return what became of the message."""
    message = (folder / "message.json").read_bytes()
    if case["call"] in READERS:
        return _outcome(READERS[case["call"]], case, message)
    times = [case.get("before_at", case["at"])]
    world = json.loads((FOLDER / "world.json").read_text(encoding="utf-8"))
    options = case.get("broker", {})
    with broker_of(
        world, scratch, clock=lambda: protocol.parse_time(times[-1]), **options
    ) as broker:
        for number, kind in enumerate(case["before"], 1):
            _outcome(CALLS[kind], broker, (folder / f"before-{number}.json").read_bytes())
        times.append(case["at"])
        return _outcome(CALLS[case["call"]], broker, message)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path, tmp_path: Path) -> None:
    case = _read(path)
    assert _play(case, path.parent, tmp_path) == case["expect"]


def test_most_vectors_are_refusals() -> None:
    refusals = [path for path in CASES if path.parent.name.endswith("_refused")]
    assert len(refusals) >= 0.7 * len(CASES)
    assert len(CASES) >= 100


def test_every_code_of_the_path_has_a_vector() -> None:
    shown = {_read(path)["expect"] for path in CASES}
    answered = {code for code in BrokerCode if kind_of(code).status != 500}
    codes = answered | set(ProtocolRefusal) | set(Denial)
    assert codes - ELSEWHERE.keys() <= shown
    assert not shown & ELSEWHERE.keys()


def test_every_case_cites_its_step() -> None:
    for path in CASES:
        case = _read(path)
        assert case["why"].startswith(
            ("docs/specs/release-protocol.md ", "docs/specs/enrolment.md ")
        )
        assert case["stage"]


def test_vectors_are_as_generated(tmp_path: Path) -> None:
    generate_release_protocol.generate(tmp_path)
    made = tmp_path / "release-protocol"
    files = {path.relative_to(made): path.read_bytes() for path in made.rglob("*.json")}
    kept = {path.relative_to(FOLDER): path.read_bytes() for path in FOLDER.rglob("*.json")}
    assert files == kept
