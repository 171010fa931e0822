"""Every vector of docs/specs/corim.md."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from attestation.corim.document import parse_corim
from attestation.corim.references import device_keys, from_corim
from attestation.corim.signed import UnsafeAnyTime, VerifiedCorim, verify_corim
from attestation.errors import EvidenceError, Refusal
from attestation.keys import load_keys
from attestation.trace import RecordedTrace
from tests.unit.attestation.arm_vectors import stage_of
from tests.vectors import generate_corim
from tests.vectors.arm_cases import REAL_IDS
from tests.vectors.corim_world import KEY, NOW, PLATFORM, Tagged, manifest, of_profile, sealed

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "corim.md"
CASES = sorted((VECTORS / "corim").glob("*/case.json"))
STAGES = {
    "verify_corim": "verify",
    "_envelope": "envelope",
    "_signer": "signer",
    "_verify": "key",
    "_check_validity": "dates",
    "parse_manifest": "manifest",
    "from_corim": "references",
}
TRUSTED = load_keys((VECTORS / "corim" / "good" / "key.json").read_bytes())


def run(path: Path, case: dict[str, Any], trace: RecordedTrace) -> list[list[str]]:
    keys = load_keys((path.parent / case["key"]).read_bytes()) if "key" in case else ()
    data = (path.parent / case["corim"]).read_bytes()
    found = verify_corim(data, keys=keys, now=datetime.fromisoformat(case["now"]), trace=trace)
    return [[one.tee, one.measurement.hex()] for one in from_corim(found)]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case, trace = json.loads(path.read_bytes()), RecordedTrace()
    if case["expect"] == "accepted":
        assert run(path, case, trace) == case["references"]
        return
    with pytest.raises(EvidenceError) as caught:
        run(path, case, trace)
    assert (caught.value.code, stage_of(caught.value, STAGES)) == (case["expect"], case["stage"])


def test_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) > 100
    assert 0.7 * len(CASES) <= refused < len(CASES)


def test_every_vector_cites_a_step_and_every_step_has_a_refusal() -> None:
    steps = set(re.findall(r"\*\*([A-Z]\d+)\*\*", SPEC.read_text(encoding="utf-8")))
    cited = {path: json.loads(path.read_bytes())["why"].split(":", 1)[0] for path in CASES}
    assert set(cited.values()) <= steps
    refused = {step for path, step in cited.items() if path.parent.name.endswith("_refused")}
    assert refused == steps


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_corim.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / "corim").rglob("*")
    assert made == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)


def verified(data: bytes) -> VerifiedCorim:
    return verify_corim(data, keys=TRUSTED, now=NOW)


def test_any_flipped_bit_is_refused() -> None:
    data = bytearray(sealed())
    for at in range(len(data)):
        data[at] ^= 1 << at % 8
        with pytest.raises(EvidenceError):
            verified(bytes(data))
        data[at] ^= 1 << at % 8


def test_time_is_given_or_its_absence_said() -> None:
    with pytest.raises(ValueError, match="time zone"):
        verify_corim(sealed(), keys=TRUSTED, now=NOW.replace(tzinfo=None))
    late = datetime(2100, 1, 1, tzinfo=NOW.tzinfo)
    with pytest.raises(EvidenceError, match="not count any more"):
        verify_corim(sealed(), keys=TRUSTED, now=late)
    assert verify_corim(sealed(), keys=TRUSTED, now=UnsafeAnyTime()).signer.name == "Maker"


def test_unsigned_documents_can_be_read_where_nobody_has_to_believe_them() -> None:
    read = parse_corim(manifest())
    assert read == verified(sealed()).corim
    assert [comid.tag_version for comid in read.comids] == [2]
    with pytest.raises(EvidenceError, match="longer"):
        parse_corim(bytes(512 * 1024 + 1))
    keys = of_profile(Tagged(32, "x:unknown"), [{2: Tagged(560, b"g")}, [Tagged(557, 1)]], kind=3)
    assert parse_corim(keys).comids[0].keys[0].keys == (Tagged(557, 1),)


def key_triple(pem: object) -> list[object]:
    environment = {0: {0: Tagged(560, REAL_IDS.implementation)}, 1: Tagged(550, REAL_IDS.instance)}
    return [environment, [Tagged(554, pem)]]


def test_device_keys_are_tied_to_their_devices() -> None:
    pem = TRUSTED[0].public.public_bytes(*_pem_format()).decode()
    (key,) = device_keys(verified(sealed(of_profile(PLATFORM, key_triple(pem), kind=3))))
    assert (key.implementation_id, key.instance_id) == (
        REAL_IDS.implementation,
        REAL_IDS.instance,
    )
    assert key.public.public_numbers() == KEY.public_key().public_numbers()
    assert device_keys(verified(sealed())) == []


@pytest.mark.parametrize("pem", ["no key", 5])
def test_device_keys_that_are_none(pem: object) -> None:
    found = verified(sealed(of_profile(PLATFORM, key_triple(pem), kind=3)))
    with pytest.raises(EvidenceError) as caught:
        device_keys(found)
    assert caught.value.code is Refusal.BAD_TRUST_ANCHOR


def test_trace_says_every_step() -> None:
    trace = RecordedTrace()
    verify_corim(sealed(), keys=TRUSTED, now=NOW, trace=trace)
    assert [check.step for check in trace.checks] == ["E1", "E3", "K1", "K3", "D1", "M"]


def _pem_format():
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
