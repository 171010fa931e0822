"""Every vector of docs/specs/documents.md, and the envelopes of docs/specs/sealed-module.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealing.envelope import Envelope, open_envelope
from sealing.errors import SealError
from sealing.keys import SigningKey, VerifyingKey
from sealing.signatures import dsse
from sealing.signers.cosign_key import read_cosign_key
from sealing.signers.pkcs11_uri import Pkcs11Uri, parse_pkcs11_uri
from tests.unit.sealing.makers import unb64
from tests.vectors import generate_dsse, generate_envelope, generate_key_file
from tests.vectors.generate_sealed_module import opening_key

VECTORS = Path(__file__).parents[2] / "vectors"
SPECS = Path(__file__).parents[3] / "docs" / "specs"
FORMATS = {
    "dsse": (generate_dsse, "documents.md"),
    "envelope": (generate_envelope, "sealed-module.md"),
    "key-file": (generate_key_file, "documents.md"),
}


def cases_of(name: str) -> list[Path]:
    return sorted((VECTORS / name).glob("*/case.json"))


def read_dsse(folder: Path, case: dict, stages: list[str]) -> bytes:
    stages.append("verify")
    return dsse.verify(
        (folder / "envelope.json").read_bytes(),
        payload_type=case["payload_type"],
        keys=[VerifyingKey.from_spki(unb64(spki)) for spki in case["keys"]],
        threshold=case["threshold"],
    )


def read_envelope(folder: Path, case: dict, stages: list[str]) -> bytes:
    stages.append("parse")
    data = (folder / "envelope.json").read_bytes()
    envelope = Envelope.parse(data)
    assert envelope.to_bytes() == data
    stages.append("open")
    return open_envelope(envelope, opening_key(case)).to_json()


def read_key(folder: Path, case: dict, stages: list[str]) -> SigningKey | VerifyingKey | Pkcs11Uri:
    stages.append("load")
    data = (folder / "key.bin").read_bytes()
    if case["form"] == "pkcs11-uri":
        return parse_pkcs11_uri(data.decode())
    if case["form"] == "cosign":
        return read_cosign_key(data, case["passphrase"].encode())
    if case["form"] == "private-pem":
        passphrase = case.get("passphrase")
        return SigningKey.from_pem(data, passphrase.encode() if passphrase else None)
    load = VerifyingKey.from_pem if case["form"] == "public-pem" else VerifyingKey.from_spki
    return load(data)


READERS = {"dsse": read_dsse, "envelope": read_envelope, "key-file": read_key}
ALL = [(name, path) for name in FORMATS for path in cases_of(name)]


@pytest.mark.parametrize(("name", "path"), ALL, ids=[f"{n}-{p.parent.name}" for n, p in ALL])
def test_vector(name: str, path: Path) -> None:
    case = json.loads(path.read_bytes())
    stages: list[str] = []
    if case["expect"] == "accepted":
        found = READERS[name](path.parent, case, stages)
        assert "options" not in case or found == case["options"].encode()
        return
    with pytest.raises(SealError) as caught:
        READERS[name](path.parent, case, stages)
    assert (caught.value.code, stages[-1]) == (case["expect"], case["stage"])


@pytest.mark.parametrize(("name", "least"), [("dsse", 20), ("envelope", 40), ("key-file", 60)])
def test_folder_is_not_empty_and_most_cases_are_refusals(name: str, least: int) -> None:
    cases = cases_of(name)
    refused = sum(path.parent.name.endswith("_refused") for path in cases)
    assert len(cases) >= least
    assert 0.7 * len(cases) <= refused < len(cases)


@pytest.mark.parametrize("name", FORMATS)
def test_every_vector_cites_a_step_of_its_specification(name: str) -> None:
    spec = (SPECS / FORMATS[name][1]).read_text(encoding="utf-8")
    for path in cases_of(name):
        step = json.loads(path.read_bytes())["why"].split(":", 1)[0]
        assert f"**{step}**" in spec, (path.parent.name, step)


@pytest.mark.parametrize("name", FORMATS)
def test_generating_again_changes_nothing(name: str, tmp_path: Path) -> None:
    FORMATS[name][0].generate(tmp_path)
    made = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / name).rglob("*")
    assert set(made) == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    for file, path in made.items():
        assert path.read_bytes() == (VECTORS / file).read_bytes(), file
