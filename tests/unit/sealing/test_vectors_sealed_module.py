"""Every vector of docs/specs/sealed-module.md."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sealing.envelope import open_envelope
from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.secret import SecretBuffer
from sealing.unseal import unseal, verify_artifact
from tests.unit.sealing.makers import unb64
from tests.vectors.generate_sealed_module import generate, opening_key

VECTORS = Path(__file__).parents[2] / "vectors"
CASES = sorted((VECTORS / "sealed-module").glob("*/case.json"))
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "sealed-module.md"

# The codes after these are those of registries and layout folders; `oci/` has their tests.
CODES = list(SealRefusal)[: list(SealRefusal).index(SealRefusal.REFERENCE_INVALID)]
# About a token, a service, an installation or a file that changes, which no bytes can show:
# `signers/` and test_module_source.py have their tests.
NO_BYTES = {
    SealRefusal.KEY_NOT_FOUND,
    SealRefusal.KEY_UNAVAILABLE,
    SealRefusal.EXTRA_MISSING,
    SealRefusal.MODULE_CHANGED,
}


def open_case(folder: Path, case: dict, stages: list[str]) -> bytes:
    owners = [VerifyingKey.from_spki(unb64(spki)) for spki in case["owners"]]
    bundles = [path.read_bytes() for path in sorted(folder.glob("bundle-*.json"))]
    manifest, config = ((folder / f"{name}.json").read_bytes() for name in ("manifest", "config"))
    layer = (folder / "layer.bin").read_bytes()
    stages.append("artifact")
    artifact = verify_artifact(
        manifest, config, bundles, owners=owners, threshold=case["threshold"]
    )
    stages.append("envelope")
    options = open_envelope(artifact.manifest.envelopes[0], opening_key(case))
    stages.append("unseal")
    with SecretBuffer(artifact.manifest.layer_size) as out:
        return bytes(unseal(artifact, layer, options, out))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    stages: list[str] = []
    if case["expect"] == "accepted":
        assert open_case(path.parent, case, stages).startswith(b"\0asm")
        return
    with pytest.raises(SealError) as caught:
        open_case(path.parent, case, stages)
    assert (caught.value.code, stages[-1]) == (case["expect"], case["stage"])


def test_folder_is_not_empty_and_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) >= 90
    assert 0.7 * len(CASES) <= refused < len(CASES)


def test_every_code_has_a_vector() -> None:
    seen = {json.loads(path.read_bytes())["expect"] for path in VECTORS.glob("*/*/case.json")}
    assert {code.value for code in CODES} - seen <= {code.value for code in NO_BYTES}


def test_every_vector_cites_a_step_of_the_specification() -> None:
    spec = SPEC.read_text(encoding="utf-8")
    for path in CASES:
        step = json.loads(path.read_bytes())["why"].split(" ", 1)[0].rstrip(":")
        assert f"**{step}**" in spec, (path.parent.name, step)


def test_every_step_of_the_reader_has_a_refusal() -> None:
    steps = set(re.findall(r"\*\*(R\d\.\d)\*\*", SPEC.read_text(encoding="utf-8")))
    refusals = [
        *VECTORS.glob("sealed-module/*_refused/case.json"),
        *VECTORS.glob("envelope/*_refused/case.json"),
    ]
    cited = {json.loads(path.read_bytes())["why"].split(":")[0] for path in refusals}
    # R9.7 is what is left in memory; test_seal_unseal.py looks there.
    assert steps - cited == {"R9.7"}


def test_every_code_is_named_in_a_specification() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SPEC.parent.glob("*.md"))
    for code in CODES:
        assert f"`{code}`" in text or code in NO_BYTES, code


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate(tmp_path)
    made = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / "sealed-module").rglob("*")
    assert set(made) == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    for name, path in made.items():
        assert path.read_bytes() == (VECTORS / name).read_bytes(), name
