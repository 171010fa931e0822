"""Running a manifest, and the containers agents send reports in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attestation.ear_keys import public_jwk
from attestation.encoding import b64url_encode
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_DOCUMENT_BYTES
from attestation.simulated import SimulatedGuest
from attestation.tsm import parse_tsm
from attestation.vectors import run_manifest
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import MEASUREMENT, REPORT_DATA
from tests.unit.attestation.test_appraise_and_ear import KEY, issue
from tests.vectors.snp_cases import MILAN, STRANGER, chain_of

EVIDENCE = SimulatedGuest(MILAN, lambda: STRANGER, MEASUREMENT).attest(REPORT_DATA)
REPORT, VEK = EVIDENCE.parts["report"], EVIDENCE.parts["vek"]
CHAIN = b"".join(encode_pem("CERTIFICATE", one) for one in chain_of(MILAN))


def cbor_string(kind: int, data: bytes) -> bytes:
    return bytes([kind << 5 | 25]) + len(data).to_bytes(2, "big") + data


def cbor_map(**members: bytes) -> bytes:
    body = b"".join(
        bytes([3 << 5 | len(name)]) + name.encode() + cbor_string(2, value)
        for name, value in members.items()
    )
    return bytes([5 << 5 | len(members)]) + body


PROVIDER = b"\x68provider\x69sev_guest"


def run(folder: Path, tee: str, *, extra: str = "", **inputs: bytes | str) -> dict:
    names = []
    for name, value in inputs.items():
        if isinstance(value, bytes):
            (folder / f"{name}.bin").write_bytes(value)
        file = value if isinstance(value, str) else f"{name}.bin"
        names.append(f"{name} = {json.dumps(file)}")
    text = f'[[case]]\nid = "x"\ntee = "{tee}"\n{extra}\ninputs = {{ {", ".join(names)} }}\n'
    (folder / "MANIFEST.toml").write_text(text)
    (result,) = run_manifest(folder)
    assert result["id"] == "x"
    return result


def reason(*args, **kwargs) -> str:
    result = run(*args, **kwargs)
    assert result["verdict"] == ("unsupported" if result["reason"] == "unsupported" else "reject")
    assert result["claims"] == {}
    return result["reason"]


AT = 'at = "2026-11-22T12:00:00Z"'


def test_simulated_silicon_is_no_vendor(tmp_path: Path) -> None:
    assert reason(tmp_path, "snp", extra=AT, report=REPORT, vek=VEK, chain=CHAIN) == (
        "simulated-not-trusted"
    )


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"report": REPORT}, "no-endorsement"),
        ({"report": REPORT, "vek": VEK}, "no-endorsement"),
        ({"report": REPORT[:-1], "vek": VEK, "chain": CHAIN}, "malformed"),
        ({"report": REPORT + b"\0", "vek": VEK, "chain": CHAIN}, "trailing-data"),
        ({"report": REPORT, "vek": VEK, "chain": b"?"}, "malformed"),
        ({"report": REPORT, "vek": VEK, "chain": CHAIN, "crl": b"?"}, "malformed"),
        ({"report": REPORT, "vek": VEK, "chain": CHAIN, "auxblob": b"?"}, "malformed"),
        ({"vek": VEK, "chain": CHAIN}, "malformed"),
        ({"report": REPORT, "novel": b"?"}, "unsupported"),
        ({"report": bytes(MAX_DOCUMENT_BYTES + 1)}, "malformed"),
        ({"report": "../outside"}, "malformed"),
        ({"evidence": cbor_map(outblob=REPORT)}, "no-endorsement"),
    ],
)
def test_snp_inputs(tmp_path: Path, inputs: dict, expected: str) -> None:
    assert reason(tmp_path, "snp", extra=AT, **inputs) == expected


@pytest.mark.parametrize("at", ["at = 1", 'at = "yesterday"', "at = 2026-11-22"])
def test_times_must_be_readable(tmp_path: Path, at: str) -> None:
    assert reason(tmp_path, "snp", extra=at, report=REPORT, vek=VEK, chain=CHAIN) == "malformed"


@pytest.mark.parametrize("at", ["at = 2026-11-22T12:00:00Z", "at = 2026-11-22T12:00:00", ""])
def test_ear_cases(tmp_path: Path, at: str) -> None:
    key = json.dumps(public_jwk(KEY.public_key())).encode()
    token = issue(audience="runner").encode()
    if at:
        result = run(tmp_path, "ear", extra=at, token=token + b"\n", key=key)
        assert result["verdict"] == "accept"
        assert result["claims"]["submods"] == {"snp": "warning"}
        other = f'{at}\naudience = "someone"'
        assert reason(tmp_path, "ear", extra=other, token=token, key=key) == "audience-mismatch"
    assert reason(tmp_path, "ear", extra=at, key=key) == "malformed"
    assert reason(tmp_path, "ear", extra=at, token=token) == "no-endorsement"
    assert reason(tmp_path, "ear", extra=at, token=b"\xff", key=key) == "malformed"


def test_other_tees_are_unsupported(tmp_path: Path) -> None:
    assert reason(tmp_path, "abacus", quote=b"") == "unsupported"


@pytest.mark.parametrize(
    "text",
    [
        "[[case",
        "case = 1",
        "[[case]]\nid = 'x'",
        "case = [1]",
        "[[case]]\nid = 'x'\ntee = 1\ninputs = {}",
        "[[case]]\nid = 'x'\ntee = 'snp'\ninputs = 1",
        "\xff",
    ],
)
def test_a_broken_manifest_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "MANIFEST.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(EvidenceError) as caught:
        run_manifest(tmp_path)
    assert caught.value.code is Refusal.MALFORMED


def test_a_case_of_another_shape_spoils_no_other(tmp_path: Path) -> None:
    """A list of files where one is expected: that case is not for this build, the next one is."""
    (tmp_path / "report.bin").write_bytes(REPORT)
    (tmp_path / "MANIFEST.toml").write_text(
        "[[case]]\nid = 'a'\ntee = 'snp'\ninputs = { report = ['report.bin'] }\n"
        "[[case]]\nid = 'b'\ntee = 'snp'\ninputs = { report = 'report.bin' }\n"
    )
    reasons = {one["id"]: one["reason"] for one in run_manifest(tmp_path)}
    assert reasons == {"a": "unsupported", "b": "no-endorsement"}


def test_missing_files_are_the_callers_to_explain(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_manifest(tmp_path)
    with pytest.raises(FileNotFoundError):
        run(tmp_path, "snp", report="absent.bin")
    (tmp_path / "MANIFEST.toml").write_text("")
    assert run_manifest(tmp_path) == []


def tsm_json(**members: bytes | str) -> bytes:
    return json.dumps(
        {n: v if isinstance(v, str) else b64url_encode(v) for n, v in members.items()}
    ).encode()


@pytest.mark.parametrize(
    ("container", "parts"),
    [
        (tsm_json(outblob=b"r"), {"report": b"r"}),
        (tsm_json(outblob=b"r", auxblob=b""), {"report": b"r"}),
        (
            tsm_json(outblob=b"r", auxblob=b"t", provider="sev_guest\n"),
            {"report": b"r", "cert_table": b"t"},
        ),
        (cbor_map(outblob=b"r" * 300), {"report": b"r" * 300}),
        (
            b"\xa2\x67outblob\x58\x20" + b"r" * 32 + PROVIDER,
            {"report": b"r" * 32},
        ),
        (b"\xa1\x67outblob\x5a\x00\x01\x00\x00" + bytes(65536), {"report": bytes(65536)}),
    ],
    ids=["json", "json-empty-table", "json-all", "cbor", "cbor-short", "cbor-long"],
)
def test_tsm_containers(container: bytes, parts: dict) -> None:
    assert dict(parse_tsm(container).parts) == parts


@pytest.mark.parametrize(
    ("container", "code"),
    [
        (b"", Refusal.MALFORMED),
        (b"{", Refusal.MALFORMED),
        (b" []", Refusal.MALFORMED),
        (b"{}", Refusal.MALFORMED),
        (tsm_json(outblob=b"r", other=b"x"), Refusal.MALFORMED),
        (b'{"outblob":1}', Refusal.MALFORMED),
        (tsm_json(outblob="AB"), Refusal.MALFORMED),
        (tsm_json(outblob=b"r", provider="abacus_guest"), Refusal.UNSUPPORTED),
        (tsm_json(outblob=b"r", auxblob=b"a", provider="tdx_guest"), Refusal.MALFORMED),
        (b"\x80", Refusal.MALFORMED),
        (b"\xa9", Refusal.MALFORMED),
        (b"\xa1", Refusal.MALFORMED),
        (b"\xbf", Refusal.MALFORMED),
        (b"\xa1\x67outblob", Refusal.MALFORMED),
        (b"\xa1\x67outblob\x41", Refusal.MALFORMED),
        (b"\xa1\x67outblob\x58", Refusal.MALFORMED),
        (b"\xa1\x67outblob\x58\x01r", Refusal.MALFORMED),
        (b"\xa1\x67outblob\x59\x00\x20" + bytes(32), Refusal.MALFORMED),
        (b"\xa1\x67outblob\x5a\x00\x00\x20\x20" + bytes(0x2020), Refusal.MALFORMED),
        (b"\xa1\x67outblob\x5b" + bytes(8), Refusal.MALFORMED),
        (b"\xa1\x67outblob\x01", Refusal.MALFORMED),
        (b"\xa1\x47outblob\x41r", Refusal.MALFORMED),
        (b"\xa2\x67outblob\x41r\x67outblob\x41r", Refusal.MALFORMED),
        (b"\xa1\x67outblob\x41r\x00", Refusal.TRAILING_DATA),
        (bytes(1 << 20), Refusal.MALFORMED),
    ],
)
def test_bad_tsm_containers(container: bytes, code: Refusal) -> None:
    with pytest.raises(EvidenceError) as caught:
        parse_tsm(container)
    assert caught.value.code is code
