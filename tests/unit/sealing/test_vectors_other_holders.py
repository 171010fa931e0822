"""Every vector of docs/specs/other-holders.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealing.envelope import open_envelope
from sealing.errors import SealError
from sealing.foreign import unseal_foreign
from sealing.holders.coco import CocoKey, CocoPacket
from sealing.holders.recovery_key import RecoveryKeyFile, RecoveryPublicKey
from sealing.jose.jwe import Jwe
from sealing.jose.keys import JwePublicKey
from sealing.keys import VerifyingKey
from sealing.ocicrypt import PrivateOptions
from sealing.unseal import unseal_to_memory, verify_artifact
from tests.unit.sealing.makers import unb64
from tests.unit.sealing.wasm_maker import SMALL
from tests.vectors import (
    generate_coco,
    generate_foreign,
    generate_jwe,
    generate_outside,
    generate_recovery_key,
)
from tests.vectors.generate_sealed_module import opening_key
from tests.vectors.jwe_world import HOLDERS

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "other-holders.md"


def read_jwe(folder: Path, case: dict[str, Any]) -> None:
    data = (folder / "data.bin").read_bytes()
    if case["stage"] == "key":
        JwePublicKey.parse(data)
        return
    PrivateOptions.parse(Jwe.parse(data).open(HOLDERS[case["holder"]]))


def read_coco(folder: Path, case: dict[str, Any]) -> None:
    data = (folder / "packet.json").read_bytes()
    if case["stage"] == "exact":
        assert CocoPacket.parse_exact(data).to_json() == data
        return
    key = CocoKey.of(case["kid"], unb64(case["key"]))
    if case["stage"] == "open":
        PrivateOptions.parse(key.open(CocoPacket.parse(data)))


def read_recovery(folder: Path, case: dict[str, Any]) -> None:
    data = (folder / "key.json").read_bytes()
    if case["stage"] == "public":
        assert RecoveryPublicKey.parse(data).to_bytes() == data
        return
    found = RecoveryKeyFile.parse(data)
    assert found.to_bytes() == data
    if case["stage"] == "open":
        key = found.open(case["passphrase"].encode())
        assert key.public.key_id == found.public.key.key_id


def read_foreign(folder: Path, case: dict[str, Any]) -> None:
    manifest, config, layer, bundle = (
        (folder / name).read_bytes()
        for name in ("manifest.json", "config.json", "layer.bin", "bundle.json")
    )
    owners = [VerifyingKey.from_spki(unb64(spki)) for spki in case["owners"]]
    key = HOLDERS[case["holder"]]
    opened = unseal_foreign(manifest, config, layer, key, bundle=bundle, owners=owners)
    with opened.memory:
        assert bytes(opened.module).startswith(b"\0asm")


def read_outside(folder: Path, case: dict[str, Any]) -> None:
    manifest, config, layer, bundle = (
        (folder / name).read_bytes()
        for name in ("manifest.json", "config.json", "layer.bin", "bundle.json")
    )
    owners = [VerifyingKey.from_spki(unb64(spki)) for spki in case["owners"]]
    artifact = verify_artifact(manifest, config, [bundle], owners=owners)
    assert case["stage"] == "unseal", case["why"]
    options = open_envelope(artifact.manifest.envelopes[0], opening_key(case))
    opened = unseal_to_memory(artifact, layer, options)
    with opened.memory:
        assert bytes(opened.module) == SMALL


FORMATS: dict[str, tuple[Any, Callable[[Path, dict[str, Any]], None]]] = {
    "jwe": (generate_jwe, read_jwe),
    "coco": (generate_coco, read_coco),
    "recovery-key": (generate_recovery_key, read_recovery),
    "foreign": (generate_foreign, read_foreign),
    "outside": (generate_outside, read_outside),
}
CASES = [
    pytest.param(path, id=f"{name}-{path.parent.name}")
    for name in FORMATS
    for path in sorted((VECTORS / name).glob("*/case.json"))
]


@pytest.mark.parametrize("path", CASES)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    read = FORMATS[path.parent.parent.name][1]
    if case["expect"] == "accepted":
        read(path.parent, case)
        return
    with pytest.raises(SealError) as caught:
        read(path.parent, case)
    assert caught.value.code == case["expect"], caught.value


@pytest.mark.parametrize("name", FORMATS)
def test_generating_again_changes_nothing(tmp_path: Path, name: str) -> None:
    FORMATS[name][0].generate(tmp_path)
    made = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*") if path.is_file()}
    kept = [path for path in (VECTORS / name).rglob("*") if path.is_file()]
    assert set(made) == {path.relative_to(VECTORS) for path in kept}
    for relative, path in made.items():
        assert path.read_bytes() == (VECTORS / relative).read_bytes(), relative


def test_every_vector_cites_a_step_and_every_step_has_a_refusal() -> None:
    spec = SPEC.read_text(encoding="utf-8")
    steps = set(re.findall(r"\*\*([JPOSFV]\d)\*\*", spec))
    refused = set()
    for name in FORMATS:
        for path in (VECTORS / name).glob("*/case.json"):
            step = json.loads(path.read_bytes())["why"].split(":")[0]
            assert step in steps, path
            if path.parent.name.endswith("_refused"):
                refused.add(step)
    # Indexes are tried in oci/test_shape_index.py and oci/test_every_shape.py, a key for another
    # plaintext in test_rewrap.py.
    assert steps - refused == {"S6", "S7", "S8", "S9", "O5"}
