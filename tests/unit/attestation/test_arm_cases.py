"""Keys of Arm devices as files, and manifests that name tokens and keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attestation.arm_keys import load_arm_keys
from attestation.errors import EvidenceError, Refusal
from attestation.vectors import run_manifest
from tests.vectors.arm_cases import REAL_IDS, anchor, anchor_list, jwk
from tests.vectors.cca_world import P256, build
from tests.vectors.psa_cases import IDS, KEY
from tests.vectors.psa_cases import build as build_psa
from tests.vectors.psa_cases import message as psa_message

ENTRY = anchor(P256)


def one(folder: Path, token: bytes, **keys: bytes) -> tuple[str, str]:
    """Run one case and return its verdict and reason."""
    (folder / "token").write_bytes(token)
    lines = ['[[case]]\nid = "x"\ntee = "cca"\n[case.inputs]\ntoken = "token"']
    for name, data in keys.items():
        (folder / name).write_bytes(data)
        lines.append(f'{name} = "{name}"')
    (folder / "MANIFEST.toml").write_text("\n".join(lines))
    (result,) = run_manifest(folder)
    return result["verdict"], result["reason"]


def test_tokens_and_keys_of_a_manifest(tmp_path: Path) -> None:
    token = build(real=True, key=P256)
    bare = json.dumps(jwk(P256)).encode()
    assert one(tmp_path, token, cpak=bare) == ("accept", "")
    assert one(tmp_path, token, trust_anchor=anchor_list(ENTRY)) == ("accept", "")
    assert one(tmp_path, token) == ("reject", "no-endorsement")
    assert one(tmp_path, token, cpak=b"[]") == ("reject", "bad-trust-anchor")
    assert one(tmp_path, build_psa(IDS, key=KEY), key=json.dumps(jwk(KEY)).encode()) == (
        "accept",
        "",
    )
    assert one(tmp_path, psa_message({}, tag=17), key=bare) == ("reject", "alg-mismatch")


def test_case_without_token(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(anchor_list(ENTRY))
    (tmp_path / "MANIFEST.toml").write_text(
        '[[case]]\nid = "x"\ntee = "cca"\ninputs = { cpak = "k" }\n'
    )
    assert run_manifest(tmp_path)[0]["reason"] == "malformed"


def test_list_ties_keys_to_devices() -> None:
    first, second = load_arm_keys(anchor_list(ENTRY, anchor(KEY)))
    assert (first.implementation_id, first.instance_id) == (
        REAL_IDS.implementation,
        REAL_IDS.instance,
    )
    assert first.public != second.public
    assert not first.simulated


@pytest.mark.parametrize(
    "entry",
    [
        "text",
        {},
        ENTRY | {"pkey": "x"},
        ENTRY | {"instance-id": "00 " * 22},
        ENTRY | {"instance-id": 5},
        ENTRY | {"implementation-id": "00"},
        ENTRY | {"implementation-id": "zz" * 32},
        ENTRY | {"pkey": jwk(P256, y=jwk(P256)["x"])},
        ENTRY | {"pkey": jwk(P256, crv="P-192")},
    ],
)
def test_entries_that_are_none(entry: object) -> None:
    with pytest.raises(EvidenceError) as caught:
        load_arm_keys(json.dumps([entry]).encode())
    assert caught.value.code is Refusal.BAD_TRUST_ANCHOR


def test_too_many_entries() -> None:
    with pytest.raises(EvidenceError, match="entries"):
        load_arm_keys(anchor_list(*[ENTRY] * 17))
