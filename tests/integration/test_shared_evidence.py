"""Real evidence of real hardware, where the project's shared folder is there."""

from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path

import pytest

from attestation.errors import EvidenceError
from attestation.tsm import parse_tsm
from attestation.vectors import run_manifest
from attestation.verifiers.snp.products import TURIN
from attestation.verifiers.snp.vek import parse_vek
from attestation.x509.certificate import parse_certificate

EVIDENCE = Path(__file__).resolve().parents[2].parent / "shared" / "evidence"

pytestmark = pytest.mark.skipif(
    not (EVIDENCE / "MANIFEST.toml").is_file(),
    reason="real evidence is not beside this checkout (../shared/evidence)",
)


@pytest.fixture(scope="module")
def manifest() -> dict[str, dict]:
    with (EVIDENCE / "MANIFEST.toml").open("rb") as file:
        return {case["id"]: case for case in tomllib.load(file)["case"]}


@pytest.fixture(scope="module")
def results() -> dict[str, dict]:
    return {result["id"]: result for result in run_manifest(EVIDENCE)}


def test_every_case_agrees(manifest: dict, results: dict) -> None:
    assert len(manifest) >= 68
    for name, case in manifest.items():
        assert results[name]["verdict"] == case["verdict"], (name, results[name])
        if case["verdict"] == "reject":
            assert results[name]["reason"] in case["reasons"], (name, results[name])


def test_claims_are_those_of_the_manifest(manifest: dict, results: dict) -> None:
    accepted = [
        name
        for name, case in manifest.items()
        if case["tee"] == "snp" and case["verdict"] == "accept"
    ]
    assert len(accepted) >= 4
    for name in accepted:
        ours, theirs = results[name]["claims"], manifest[name]["claims"]
        for member in ("product", "vmpl", "debug", "signing_key", "measurement", "host_data"):
            assert ours[member.replace("_", "-")] == theirs[member], (name, member)
        for member in ("report_data", "chip_id", "report_id", "guest_svn", "report_version"):
            assert ours[member.replace("_", "-")] == theirs[member], (name, member)
        assert ours["firmware.current"] == theirs["firmware"]
        assert ours["migratable"] == theirs["migrate_ma"]
        assert ours["tcb.reported.microcode"] == theirs["reported_tcb_parts"]["ucode"]
        assert ours["tcb.reported.snp"] == theirs["reported_tcb_parts"]["snp"]


def test_turin_vcek_is_readable() -> None:
    vcek = parse_certificate((EVIDENCE / "snp" / "virtee-turin-vcek.der").read_bytes())
    parsed = parse_vek(vcek, signing_key="vcek")
    assert parsed.product is TURIN
    assert len(parsed.chip_id or b"") == 8


def with_case(folder: Path, tee: str, at: str = "", **inputs: str) -> dict:
    """Run one case whose inputs are files of the shared folder, copied beside its manifest."""
    lines = [f'id = "x"\ntee = "{tee}"', f"at = {at}" if at else "", "[case.inputs]"]
    for name, file in inputs.items():
        (folder / name).write_bytes((EVIDENCE / file).read_bytes())
        lines.append(f'{name} = "{name}"')
    (folder / "MANIFEST.toml").write_text("[[case]]\n" + "\n".join(lines) + "\n")
    (result,) = run_manifest(folder)
    return result


@pytest.mark.parametrize(
    "inputs",
    [
        {"report": "snp/ratsd-genoa-v3.report.bin", "auxblob": "snp/ratsd-genoa-v3.auxblob.bin"},
        {"evidence": "snp/ratsd-genoa-v3.tsm.json"},
        {"tsm": "snp/ratsd-genoa-v3.tsm.cbor"},
        {"evidence": "snp/ratsd-genoa-v3.tsm.json", "vcek": "snp/ratsd-genoa-v3.vcek.der"},
    ],
    ids="-".join,
)
def test_certificate_table_of_a_cloud_is_enough(tmp_path: Path, inputs: dict) -> None:
    result = with_case(tmp_path, "snp", "2025-04-21T18:31:36Z", **inputs)
    assert (result["verdict"], result["claims"]["product"]) == ("accept", "genoa")


def test_vek_as_text_with_its_chain(tmp_path: Path) -> None:
    table = (EVIDENCE / "snp" / "ratsd-genoa-v3.auxblob.bin").read_bytes()
    text = table[table.index(b"-----BEGIN") :]
    chain = (EVIDENCE / "snp" / "roots" / "genoa.ask_ark.pem").read_bytes()
    vek = text[text.rindex(b"-----BEGIN") :]
    (tmp_path / "vek").write_bytes(vek + chain)
    (tmp_path / "report").write_bytes((EVIDENCE / "snp/ratsd-genoa-v3.report.bin").read_bytes())
    (tmp_path / "MANIFEST.toml").write_text(
        '[[case]]\nid = "x"\ntee = "snp"\nat = "2025-04-21T18:31:36Z"\n'
        'inputs = { report = "report", vek = "vek" }\n'
    )
    assert run_manifest(tmp_path)[0]["verdict"] == "accept"


@pytest.mark.parametrize("name", ["tsm.json", "tsm.cbor"])
def test_flipped_tsm_containers_never_surprise(name: str) -> None:
    data = bytearray((EVIDENCE / "snp" / f"ratsd-genoa-v3.{name}").read_bytes())
    for at in range(0, len(data), 37):
        data[at] ^= 0x10
        with contextlib.suppress(EvidenceError):
            parse_tsm(bytes(data))
        data[at] ^= 0x10
