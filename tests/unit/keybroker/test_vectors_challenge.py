"""Every challenge vector; and where the broker's other codes are shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keybroker.challenges import ChallengeKey, Challenges
from keybroker.errors import BrokerCode, BrokerError
from tests.vectors import generate_challenge
from tests.vectors.folder import ACCEPTED

FOLDER = Path(generate_challenge.__file__).parent / "challenge"
CASES = sorted(FOLDER.glob("*/case.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    challenges = Challenges([ChallengeKey(bytes.fromhex(case["key"]))])
    now = datetime.fromtimestamp(case["now"], UTC)
    if case["expect"] == ACCEPTED:
        opened = challenges.open(case["token"], now=now)
        assert (opened.nonce.hex(), opened.expires.timestamp()) == (case["nonce"], case["expires"])
        return
    with pytest.raises(BrokerError) as caught:
        challenges.open(case["token"], now=now)
    assert caught.value.code == case["expect"]


def test_most_vectors_are_refusals() -> None:
    refusals = [path for path in CASES if path.parent.name.endswith("_refused")]
    assert len(refusals) >= 0.7 * len(CASES)
    assert len(CASES) >= 15


def test_every_code_of_a_challenge_has_a_vector() -> None:
    expected = {json.loads(path.read_text(encoding="utf-8"))["expect"] for path in CASES}
    # A file cannot show that a challenge was spent before: tests/unit/keybroker/store/test_acts.py.
    codes = {code for code in BrokerCode if code.startswith("challenge-")}
    assert expected - {ACCEPTED} == codes - {BrokerCode.CHALLENGE_SPENT}


def test_vectors_are_as_generated(tmp_path: Path) -> None:
    generate_challenge.generate(tmp_path)
    made = {p.parent.name: p.read_bytes() for p in (tmp_path / "challenge").glob("*/case.json")}
    assert made == {path.parent.name: path.read_bytes() for path in CASES}
