"""Vectors of docs/specs/evidence-tokens.md: what each issuer's token says of the machine."""

from __future__ import annotations

import json
from typing import Any

from tests.vectors.tokens_cases import (
    DEVICE,
    ENCLAVE,
    MEMBERS,
    TDX_GUEST,
    Case,
    azure,
    case,
    detached,
    digest_of,
    good,
    intel,
    saying,
    token,
)

ENABLED = "enabled"
TOP: dict[str, Any] = {"x-ms-isolation-tee": None}
ITA_FIRST = MEMBERS["ita"]["tdx"]


def bad(kind: str, name: str, why: str, code: str, data: bytes, **options: Any) -> Case:
    return case(kind, name, why, code, "appraisal", data, **options)


def structured(name: str, document: Any) -> Case:
    return case("nras", name, "N1: form", "malformed", "form", json.dumps(document).encode())


DEBUGGING = (
    bad("gcs", "debug", "A1: dbgstat", "debug-enabled", saying("gcs", dbgstat=ENABLED)),
    bad("gcs", "debug-later", "A1: since boot", "debug-enabled", saying("gcs", dbgstat="disabled")),
    bad("gcs", "no-dbgstat", "A1: there", "missing-claims", saying("gcs", dbgstat=None)),
    bad("ita", "dbgstat", "A1: dbgstat", "debug-enabled", intel(dbgstat=ENABLED)),
    bad(
        "ita",
        "says-nothing",
        "A1: there",
        "missing-claims",
        intel(dbgstat=None, tdx_is_debuggable=None, tdx_td_attributes_debug=None),
    ),
    bad("nras", "debug", "A1: every device", "debug-enabled", detached(dbgstat=ENABLED)),
    bad("nras", "no-dbgstat", "A1: there", "missing-claims", detached(dbgstat=None)),
    good(
        "gcs",
        "debug-allowed",
        "A1: by policy",
        saying("gcs", dbgstat=ENABLED),
        policy={"allow_debug": True},
    ),
    good(
        "nras",
        "debug-allowed",
        "A1: by policy",
        detached(dbgstat=ENABLED),
        policy={"allow_debug": True},
    ),
)

AZURE = (
    good("maa", "good", "M1: a guest on SNP"),
    good("maa", "tdx", "M1: a guest on TDX", saying("maa", **{"x-ms-isolation-tee": TDX_GUEST})),
    good("maa", "bare-tdx", "M1: at the top", saying("maa", **TOP, **TDX_GUEST)),
    good("maa", "enclave", "M1: an enclave", saying("maa", **TOP, **ENCLAVE)),
    bad("maa", "no-tee", "M1: a TEE", "missing-claims", saying("maa", **TOP)),
    bad("maa", "no-type", "M1: there", "missing-claims", azure(**{"x-ms-attestation-type": None})),
    bad(
        "maa",
        "tee-a-text",
        "M1: there",
        "missing-claims",
        saying("maa", **{"x-ms-isolation-tee": "sevsnpvm"}),
    ),
    bad(
        "maa", "debug", "M2: false", "debug-enabled", azure(**{"x-ms-sevsnpvm-is-debuggable": True})
    ),
    bad(
        "maa",
        "no-debug",
        "M2: there",
        "missing-claims",
        azure(**{"x-ms-sevsnpvm-is-debuggable": None}),
    ),
    bad(
        "maa",
        "debug-a-text",
        "M2: a boolean",
        "malformed",
        azure(**{"x-ms-sevsnpvm-is-debuggable": "false"}),
    ),
    bad(
        "maa",
        "debug-tdx",
        "M2: false",
        "debug-enabled",
        saying("maa", **{"x-ms-isolation-tee": TDX_GUEST | {"tdx_td_attributes_debug": True}}),
    ),
    bad(
        "maa",
        "debug-sgx",
        "M2: false",
        "debug-enabled",
        saying("maa", **TOP, **ENCLAVE | {"x-ms-sgx-is-debuggable": True}),
    ),
    bad(
        "maa",
        "debug-kernel",
        "M2: of the system",
        "debug-enabled",
        saying("maa", **{"x-ms-azurevm-kerneldebug-enabled": True}),
    ),
    good(
        "maa",
        "debug-allowed",
        "M2: by policy",
        azure(**{"x-ms-sevsnpvm-is-debuggable": True}),
        policy={"allow_debug": True},
    ),
    bad(
        "maa",
        "migration",
        "M3: false",
        "migratable",
        azure(**{"x-ms-sevsnpvm-migration-allowed": True}),
    ),
    bad(
        "maa",
        "no-migration",
        "M3: there",
        "missing-claims",
        azure(**{"x-ms-sevsnpvm-migration-allowed": None}),
    ),
    good(
        "maa",
        "migration-allowed",
        "M3: by policy",
        azure(**{"x-ms-sevsnpvm-migration-allowed": True}),
        policy={"allow_migration": True},
    ),
    bad(
        "maa",
        "not-compliant",
        "M4: compliant",
        "platform-not-allowed",
        azure(**{"x-ms-compliance-status": "azure-signed-cvm"}),
    ),
    bad(
        "maa",
        "no-compliance",
        "M4: there",
        "missing-claims",
        azure(**{"x-ms-compliance-status": None}),
    ),
    good(
        "maa",
        "not-compliant-allowed",
        "M4: by policy",
        azure(**{"x-ms-compliance-status": None}),
        policy={"require_compliant": False},
    ),
)

GOOGLE = (
    good("gcs", "tdx", "G3: Intel's", saying("gcs", hwmodel="GCP_INTEL_TDX")),
    bad("gcs", "other-software", "G1: it", "platform-not-allowed", saying("gcs", swname="GCE")),
    bad("gcs", "no-software", "G1: there", "missing-claims", saying("gcs", swname=None)),
    bad("gcs", "no-secboot", "G2: true", "platform-not-allowed", saying("gcs", secboot=False)),
    bad("gcs", "secboot-a-text", "G2: a boolean", "malformed", saying("gcs", secboot="true")),
    bad(
        "gcs",
        "shielded",
        "G3: confidential",
        "product-not-allowed",
        saying("gcs", hwmodel="GCP_SHIELDED_VM"),
    ),
    bad(
        "gcs",
        "sev-not-listed",
        "G3: by policy",
        "product-not-allowed",
        saying("gcs", hwmodel="GCP_AMD_SEV"),
        policy={"hwmodels": ["GCP_AMD_SEV_SNP"]},
    ),
    bad("gcs", "no-support", "G4: STABLE", "platform-not-allowed", saying("gcs", submods={})),
    bad(
        "gcs",
        "support-usable",
        "G4: STABLE",
        "platform-not-allowed",
        saying("gcs", submods={"confidential_space": {"support_attributes": ["USABLE", 1]}}),
    ),
    good(
        "gcs",
        "support-by-policy",
        "G4: by policy",
        saying("gcs", submods={"confidential_space": {"support_attributes": ["USABLE"]}}),
        policy={"support_attributes": ["USABLE"]},
    ),
)

INTEL = (
    good("ita", "good", "I1: second version"),
    good("ita", "first-version", "I1: at the top", saying("ita", tdx=None, **ITA_FIRST)),
    good("ita", "rs256", "I1: by RS256", token("ita", MEMBERS["ita"], algorithm="RS256").encode()),
    good(
        "ita",
        "sgx",
        "I1: an enclave",
        saying(
            "ita",
            tdx=None,
            sgx={
                "attester_runtime_data": {"nonce": ITA_FIRST["attester_held_data"]},
                "attester_tcb_status": "UpToDate",
                "sgx_is_debuggable": False,
            },
        ),
    ),
    good(
        "ita",
        "verifier-nonce",
        "I1: dbgstat alone",
        intel(
            attester_held_data=None,
            verifier_nonce={"val": ITA_FIRST["attester_held_data"]},
            tdx_is_debuggable=None,
            tdx_td_attributes_debug=None,
        ),
    ),
    case(
        "ita",
        "two-processors",
        "I1: one",
        "malformed",
        "attester",
        saying("ita", sgx={"sgx_is_debuggable": False}),
    ),
    bad("ita", "debug", "I2: false", "debug-enabled", intel(tdx_td_attributes_debug=True)),
    bad("ita", "debuggable", "I2: false", "debug-enabled", intel(tdx_is_debuggable=True)),
    bad("ita", "debug-a-number", "I2: a boolean", "malformed", intel(tdx_is_debuggable=0)),
    good(
        "ita",
        "debug-allowed",
        "I2: by policy",
        intel(tdx_is_debuggable=True),
        policy={"allow_debug": True},
    ),
    bad(
        "ita", "out-of-date", "I3: status", "tcb-OutOfDate", intel(attester_tcb_status="OutOfDate")
    ),
    bad("ita", "status-word", "I3: Intel's", "tcb-NotSupported", intel(attester_tcb_status="OK")),
    bad("ita", "no-status", "I3: there", "missing-claims", intel(attester_tcb_status=None)),
    good(
        "ita",
        "out-of-date-allowed",
        "I3: by policy",
        intel(attester_tcb_status="OutOfDate"),
        policy={"tcb_statuses": ["UpToDate", "OutOfDate"]},
    ),
    good("ita", "policy-matched", "I4: by policy", policy={"policies": ["d970fa2b"]}),
    bad(
        "ita",
        "policy-not-matched",
        "I4: by policy",
        "platform-not-allowed",
        saying("ita", policy_ids_matched=[{"id": ["d970fa2b"]}, "d970fa2b"]),
        policy={"policies": ["d970fa2b"]},
    ),
)

GPU = token("nras", DEVICE)

NVIDIA = (
    good("nras", "good", "N2: two devices"),
    good("nras", "one-device", "N1: one device", detached(inner={"GPU-0": GPU})),
    good("nras", "whole-model", "N5: the whole name", policy={"hwmodels": ["GH100 A01 GSP BROM"]}),
    structured("one-member", [["JWT", GPU]]),
    structured("an-object", {"JWT": GPU}),
    structured("no-overall", [["JWS", GPU], {"GPU-0": GPU}]),
    structured("no-devices", [["JWT", GPU], {}]),
    structured("many-devices", [["JWT", GPU], {f"GPU-{n}": GPU for n in range(17)}]),
    structured("device-a-list", [["JWT", GPU], {"GPU-0": [GPU]}]),
    structured("overall-a-number", [["JWT", 1], {"GPU-0": GPU}]),
    case("nras", "not-json", "N1: strict JSON", "malformed", "form", b"[[]"),
    case(
        "nras",
        "device-missing",
        "N2: the same devices",
        "binding",
        "devices",
        detached(inner={"GPU-0": GPU}, submods={"GPU-0": digest_of(GPU), "GPU-1": digest_of(GPU)}),
    ),
    case(
        "nras",
        "device-swapped",
        "N2: its digest",
        "binding",
        "devices",
        detached(inner={"GPU-0": GPU}, submods={"GPU-0": digest_of(GPU + "A")}),
    ),
    case(
        "nras",
        "digest-sha384",
        "N2: SHA-256",
        "binding",
        "devices",
        detached(inner={"GPU-0": GPU}, submods={"GPU-0": ["DIGEST", ["SHA-384", "00" * 48]]}),
    ),
    case(
        "nras",
        "no-digests",
        "N2: there",
        "missing-claims",
        "devices",
        detached(overall={"submods": None}),
    ),
    case("nras", "device-nonce", "N3: nonce", "binding", "device", detached(eat_nonce="ff")),
    case(
        "nras", "device-issuer", "N3: iss", "binding", "device", detached(iss="https://a.example")
    ),
    case(
        "nras", "device-no-nonce", "N3: nonce", "missing-claims", "device", detached(eat_nonce=None)
    ),
    bad("nras", "no-secboot", "N4: every device", "platform-not-allowed", detached(secboot=False)),
    bad("nras", "other-model", "N5: listed", "product-not-allowed", detached(hwmodel="TU102 A01")),
    bad("nras", "measres", "N6: success", "measurement-mismatch", detached(measres="fail")),
    case(
        "nras",
        "overall-no",
        "N7: true",
        "measurement-mismatch",
        "overall",
        detached(overall={"x-nvidia-overall-att-result": False}),
    ),
    case(
        "nras",
        "no-overall-result",
        "N7: there",
        "missing-claims",
        "overall",
        detached(overall={"x-nvidia-overall-att-result": None}),
    ),
)
CASES = (*DEBUGGING, *AZURE, *GOOGLE, *INTEL, *NVIDIA)
