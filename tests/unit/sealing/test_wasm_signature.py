"""Every vector of docs/specs/wasm-signature.md, and what writes such signatures."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import wasmtime

from sealing import module_source
from sealing.bom import bill_of_materials
from sealing.envelope import open_envelope
from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.module_source import ModuleBytes, ModuleFile
from sealing.secret import SecretBuffer
from sealing.signed_module import SignedModule
from sealing.unseal import unseal, verify_artifact
from sealing.wasm.signature import behind_header, is_signed, sign_module, verify_module
from tests.fakes.sealing import bytes_of, seal_for
from tests.unit.sealing.makers import (
    BROKER,
    CAPABILITIES,
    IDENTITY,
    NOW,
    OWNER,
    OWNER_ED25519,
    digest,
    flipped,
    unb64,
)
from tests.unit.sealing.wasm_maker import SMALL
from tests.vectors import generate_wasm_signature

VECTORS = Path(__file__).parents[2] / "vectors" / "wasm-signature"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "wasm-signature.md"
CASES = sorted(VECTORS.glob("*/case.json"))
DELIMITER = bytes(range(16))


def read(path: Path) -> tuple[VerifyingKey, ...]:
    case = json.loads(path.read_bytes())
    keys = [VerifyingKey.from_spki(unb64(spki)) for spki in case["keys"]]
    return verify_module((path.parent / "module.wasm").read_bytes(), keys=keys)


@pytest.mark.parametrize("path", CASES, ids=[path.parent.name for path in CASES])
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    if case["expect"] == "accepted":
        assert read(path) == (OWNER_ED25519.public,)
        return
    with pytest.raises(SealError) as caught:
        read(path)
    assert caught.value.code == case["expect"]


def test_vectors_are_mostly_refusals_and_cite_their_step() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) >= 40
    assert refused >= 0.7 * len(CASES)
    spec = SPEC.read_text(encoding="utf-8")
    for path in CASES:
        step = json.loads(path.read_bytes())["why"].split(":", 1)[0]
        assert f"**{step}**" in spec, (path.parent.name, step)


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_wasm_signature.generate(tmp_path)
    made = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*") if path.is_file()}
    kept = [path for path in VECTORS.rglob("*") if path.is_file()]
    assert set(made) == {path.relative_to(VECTORS.parent) for path in kept}
    for file, path in made.items():
        assert path.read_bytes() == (VECTORS.parent / file).read_bytes(), file


def test_a_signed_module_is_the_same_module() -> None:
    signed = sign_module(SMALL, OWNER_ED25519, delimiter=DELIMITER)
    # The signature section of one signer by a key id, and the delimiter.
    assert len(signed) - len(SMALL) == 188
    assert (is_signed(SMALL), is_signed(signed)) == (False, True)
    assert verify_module(signed, keys=[OWNER.public, OWNER_ED25519.public]) == (
        OWNER_ED25519.public,
    )
    assert bill_of_materials(signed) == bill_of_materials(SMALL)
    wasmtime.Module(wasmtime.Engine(), signed)
    assert signed == (VECTORS / "whole" / "module.wasm").read_bytes()


def test_no_bit_can_change() -> None:
    signed = sign_module(SMALL, OWNER_ED25519, delimiter=DELIMITER)
    # Magic and version are what they are; every bit behind them counts.
    for bit in range(64, 8 * len(signed), 5):
        with pytest.raises(SealError):
            verify_module(flipped(signed, bit), keys=[OWNER_ED25519.public])


def test_only_ed25519_signs_and_only_once() -> None:
    with pytest.raises(SealError) as caught:
        sign_module(SMALL, OWNER, delimiter=DELIMITER)
    assert caught.value.code == SealRefusal.KEY_INVALID
    signed = sign_module(SMALL, OWNER_ED25519, delimiter=DELIMITER)
    with pytest.raises(SealError) as caught:
        sign_module(signed, OWNER_ED25519, delimiter=DELIMITER)
    assert caught.value.code == SealRefusal.MODULE_UNSUPPORTED
    with pytest.raises(ValueError, match="16"):
        sign_module(SMALL, OWNER_ED25519, delimiter=b"")


@pytest.mark.parametrize("size", [1, 3, 8, 1000])
def test_the_header_is_left_out_however_the_pieces_fall(size: int) -> None:
    pieces = [SMALL[at : at + size] for at in range(0, len(SMALL), size)]
    assert b"".join(behind_header(pieces)) == SMALL[8:]


@pytest.mark.parametrize("block", [16, 64, 1 << 20])
def test_a_large_module_is_signed_piece_by_piece(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module_source, "_BLOCK", block)
    (tmp_path / "app.wasm").write_bytes(SMALL)
    file = ModuleFile(os.open(tmp_path / "app.wasm", os.O_RDONLY))
    source = SignedModule(file, OWNER_ED25519, delimiter=DELIMITER)
    signed = sign_module(SMALL, OWNER_ED25519, delimiter=DELIMITER)
    assert b"".join(source.chunks()) == signed
    assert (source.size, source.digest) == (len(signed), digest(signed))
    view = source.view()
    assert len(view) == len(signed)
    assert bytes(view[index] for index in range(len(signed))) == signed
    for start in range(0, len(signed) + 2, 7):
        for stop in range(0, len(signed) + 2, 5):
            assert view[start:stop] == signed[start:stop]
    assert bill_of_materials(source) == bill_of_materials(SMALL)


def test_the_signature_survives_unsealing() -> None:
    source = SignedModule(ModuleBytes(SMALL), OWNER_ED25519, delimiter=DELIMITER)
    sealed = seal_for(
        source,
        name="acme/scoring",
        version=7,
        policy_name="acme/prod",
        capabilities=CAPABILITIES,
        broker_identity=IDENTITY.key_id,
        broker_key=BROKER.public,
        owner=OWNER,
        now=NOW,
    )
    bundles = [sealed.bundle]
    artifact = verify_artifact(sealed.manifest, sealed.config, bundles, owners=[OWNER.public])
    options = open_envelope(artifact.manifest.envelopes[0], BROKER)
    with SecretBuffer(source.size) as out:
        module = unseal(artifact, bytes_of(sealed.layer), options, out)
        assert verify_module(module, keys=[OWNER_ED25519.public]) == (OWNER_ED25519.public,)
        module.release()
