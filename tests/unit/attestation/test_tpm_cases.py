"""Cases of TPM quotes in the encodings of other tools, made from simulated evidence."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.tpm.pcr import parse_pcrs
from attestation.vectors import run_manifest
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import MEASUREMENT, REPORT_DATA
from tests.fakes.tpm import VENDOR, make_azure_platform, make_tpm_platform

PEM = VENDOR.ak().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def run(folder: Path, tee: str = "tpm", **inputs: bytes) -> tuple[str, str]:
    names = []
    for name, data in inputs.items():
        (folder / name).write_bytes(data)
        names.append(f'{name} = "{name}"')
    (folder / "MANIFEST.toml").write_text(
        f'[[case]]\nid = "x"\ntee = "{tee}"\nat = "2026-11-22T12:00:00Z"\n'
        f"inputs = {{ {', '.join(names)} }}\n"
    )
    (result,) = run_manifest(folder)
    return result["verdict"], result["reason"]


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("tpm") / "platform"
    machine = make_tpm_platform(folder).launch(MEASUREMENT)
    return dict(machine.attest(REPORT_DATA).parts)


@pytest.fixture
def ak(parts) -> bytes:
    # The platform's key, which is not the one of the fakes.
    from attestation.tpm.public import parse_public

    key = parse_public(parts["ak_public"]).key
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def listed(parts) -> list[bytes]:
    values = parse_pcrs(parts["pcrs"])["sha256"]
    return [values[index] for index in range(24)]


def bincode(parts, values=None) -> bytes:
    values = listed(parts) if values is None else values
    out = b"".join(
        len(one).to_bytes(8, "little") + one for one in (parts["signature"], parts["quote"])
    )
    return out + len(values).to_bytes(8, "little") + b"".join(values)


def test_bincode_with_the_key_as_anchor(tmp_path, parts, ak) -> None:
    assert run(tmp_path, quote=bincode(parts), ak=ak) == ("accept", "")
    assert run(tmp_path, quote=bincode(parts), ak=PEM) == ("reject", "signature-invalid")
    assert run(tmp_path, quote=bincode(parts)) == ("reject", "no-endorsement")


def test_event_log_beside_a_quote(tmp_path, parts, ak) -> None:
    log = parts["event_log"]
    assert run(tmp_path, quote=bincode(parts), ak=ak, event_log=log) == ("accept", "")
    assert run(tmp_path, quote=bincode(parts), ak=ak, event_log=log[:-1]) == (
        "reject",
        "malformed",
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data + b"\0", "trailing-data"),
        (lambda data: data[:-1], "malformed"),
        (lambda data: data[:5], "malformed"),
        (lambda data: b"\xff" * 8 + data[8:], "malformed"),
        (lambda data: b"", "malformed"),
    ],
)
def test_broken_bincode(tmp_path, parts, ak, change, reason) -> None:
    assert run(tmp_path, quote=change(bincode(parts)), ak=ak) == ("reject", reason)


def test_too_few_pcr_values(tmp_path, parts, ak) -> None:
    few = bincode(parts, listed(parts)[:3])
    assert run(tmp_path, quote=few, ak=ak) == ("reject", "pcr-digest-mismatch")


ENCODINGS = {
    "bytes": list,
    "hex": bytes.hex,
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64url": lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode(),
}


def document(parts, encode) -> dict:
    return {
        "ak_public": encode(parts["ak_public"]),
        "tpm_quote": {
            "message": encode(parts["quote"]),
            "signature": encode(parts["signature"]),
            "pcrs": [encode(one) for one in listed(parts)],
        },
    }


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_in_every_encoding(tmp_path, parts, ak, encoding) -> None:
    evidence = json.dumps(document(parts, ENCODINGS[encoding])).encode()
    assert run(tmp_path, evidence=evidence, ak=ak) == ("accept", "")
    assert run(tmp_path, evidence=evidence) == ("reject", "no-endorsement")


@pytest.mark.parametrize(
    "change",
    [
        lambda given: [],
        lambda given: given | {"quote": given["tpm_quote"]},
        lambda given: given | {"tpm_quote": []},
        lambda given: given | {"tpm_quote": given["tpm_quote"] | {"pcrs": "x"}},
        lambda given: given | {"ak_public": 7},
        lambda given: given | {"ak_public": [256]},
        lambda given: given | {"ak_public": "!"},
        lambda given: {"tpm_quote": given["tpm_quote"]},
    ],
)
def test_json_of_another_shape(tmp_path, parts, ak, change) -> None:
    evidence = json.dumps(change(document(parts, bytes.hex))).encode()
    assert run(tmp_path, evidence=evidence, ak=ak) == ("reject", "malformed")


@pytest.mark.parametrize("tee", ["azure-snp", "azure-tdx"])
def test_azure_evidence_of_simulated_silicon(tmp_path, tee) -> None:
    guest = make_azure_platform(tmp_path / "platform", tee).launch(MEASUREMENT)
    given = dict(guest.attest(REPORT_DATA).parts)
    evidence = {
        "version": 2,
        "tpm_quote": document(given | {"ak_public": b""}, bytes.hex)["tpm_quote"],
        "hcl_report": base64.urlsafe_b64encode(given["hcl_report"]).decode(),
    }
    if tee == "azure-tdx":
        evidence["td_quote"] = base64.urlsafe_b64encode(given["td_quote"]).decode()
    else:
        evidence["vcek"] = encode_pem("CERTIFICATE", given["vek"]).decode()
    folder = tmp_path / "case"
    folder.mkdir()
    found = run(folder, evidence=json.dumps(evidence).encode())
    assert found == ("reject", "simulated-not-trusted")


def test_a_case_needs_a_quote(tmp_path) -> None:
    assert run(tmp_path, ak=PEM) == ("reject", "malformed")


def test_root_of_a_vendor(tmp_path, parts) -> None:
    root = encode_pem("CERTIFICATE", VENDOR.stranger().root.certificate)
    assert run(tmp_path, quote=bincode(parts), root=root) == ("reject", "no-endorsement")
