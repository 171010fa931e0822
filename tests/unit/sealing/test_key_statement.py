"""Every vector of docs/specs/owner-keys.md, and what writes key statements."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.names import format_time, parse_time
from sealing.signatures.key_statement import Chain, KeyPeriod, follow, sign_key_statement
from tests.unit.sealing.makers import NOW, OWNER, OWNER_ED25519, STRANGER, unb64
from tests.vectors import generate_owner_key

VECTORS = Path(__file__).parents[2] / "vectors" / "owner-key"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "owner-keys.md"
CASES = sorted(VECTORS.glob("*/case.json"))


def read(path: Path) -> Chain:
    case = json.loads(path.read_bytes())
    last = case["root_not_after"]
    root = KeyPeriod(
        VerifyingKey.from_spki(unb64(case["root"])),
        not_after=None if last is None else parse_time(last, "not-after"),
    )
    statements = [(path.parent / name).read_bytes() for name in case["statements"]]
    return follow(root, statements, now=parse_time(case["now"], "now"))


@pytest.mark.parametrize("path", CASES, ids=[path.parent.name for path in CASES])
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    if case["expect"] == "accepted":
        found = [
            [
                one.key.key_id,
                None if one.not_before is None else format_time(one.not_before),
                None if one.not_after is None else format_time(one.not_after),
            ]
            for one in read(path).periods
        ]
        assert found == case["keys"]
        return
    with pytest.raises(SealError) as caught:
        read(path)
    assert caught.value.code == case["expect"]


def test_vectors_are_mostly_refusals_and_cite_their_step(tmp_path: Path) -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) >= 40
    assert refused >= 0.7 * len(CASES)
    spec = SPEC.read_text(encoding="utf-8")
    for path in CASES:
        step = json.loads(path.read_bytes())["why"].split(":", 1)[0]
        assert f"**{step}**" in spec, (path.parent.name, step)


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_owner_key.generate(tmp_path)
    made = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*") if path.is_file()}
    kept = [path for path in VECTORS.rglob("*") if path.is_file()]
    assert set(made) == {path.relative_to(VECTORS.parent) for path in kept}
    for file, path in made.items():
        assert path.read_bytes() == (VECTORS.parent / file).read_bytes(), file


def test_a_written_chain_is_read_back() -> None:
    chain = Chain((KeyPeriod(OWNER.public),), None)
    one = sign_key_statement(chain, OWNER, OWNER_ED25519.public, now=NOW, old_not_after=NOW)
    chain = follow(chain.periods[0], [one], now=NOW)
    later = NOW + timedelta(days=1)
    two = sign_key_statement(
        chain, OWNER_ED25519, STRANGER.public, now=later, not_before=later + timedelta(days=7)
    )
    found = follow(KeyPeriod(OWNER.public), [two, one], now=later)
    assert [period.key for period in found.periods] == [
        OWNER.public, OWNER_ED25519.public, STRANGER.public
    ]  # fmt: skip
    assert found.periods[0].not_after == NOW
    assert found.periods[2].not_before == later + timedelta(days=7)


def test_only_the_head_writes_the_next_statement() -> None:
    chain = Chain((KeyPeriod(OWNER.public),), None)
    with pytest.raises(SealError) as caught:
        sign_key_statement(chain, STRANGER, OWNER_ED25519.public, now=NOW)
    assert caught.value.code == SealRefusal.SIGNER_UNKNOWN
    with pytest.raises(SealError) as caught:
        sign_key_statement(chain, OWNER, OWNER.public, now=NOW)
    assert caught.value.code == SealRefusal.KEY_CHAIN
