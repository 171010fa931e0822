"""Cases about the HCL report, the hardware report in it, and what binds the two."""

from __future__ import annotations

import hashlib

from attestation.encoding import b64url_encode
from attestation.simulated.azure.hcl_writer import jwk_of
from tests.fakes.silicon import MEASUREMENT, fixed_salt_signer_of, make_silicon, private_key
from tests.vectors.azure_cases import (
    AK,
    EK,
    RUNTIME,
    SNP,
    TDX,
    both,
    bound,
    bytes_at,
    case,
    flipped,
    part,
    runtime,
    tdreport,
)

VM = {"console-enabled": True, "secure-boot": False, "vmUniqueId": "x", "current-time": 1}
NAMED = jwk_of(AK, "HCLAkPub", "sign")
EC_KEY = {"kid": "HCLAkPub", "kty": "EC", "crv": "P-256"}
MODULUS = b64url_encode(private_key("ark").public_key().public_numbers().n.to_bytes(512, "big"))
OTHER = make_silicon(platform="07e57e57", signers=fixed_salt_signer_of)
OTHER_VEK = OTHER.vek("vcek", OTHER.identity.model.tcb).certificate
GOOD = {
    "simulated": True,
    "measurement": MEASUREMENT.hex(),
    "secure-boot": True,
    "tpm-enabled": True,
    "console-enabled": False,
    "event-log": True,
    "debug": False,
    "signature-scheme": "rsassa",
}
# Offsets in a TDREPORT, which begins at 32.
TD = 32

REPORTS = (
    case("snp-good", "H1: what a guest on SEV-SNP gives", claims=GOOD | {"tee": SNP, "vmpl": 0}),
    case("tdx-good", "H1: what a guest on TDX gives", tee=TDX, claims=GOOD | {"tee": TDX}),
    case("hcl-empty", "H1: no bytes", "malformed", change=part(hcl_report=b"")),
    case(
        "hcl-head",
        "H1: ends with the head",
        "malformed",
        change=lambda parts: parts | {"hcl_report": parts["hcl_report"][:1236]},
    ),
    case(
        "hcl-cut",
        "H1: ends in the runtime data",
        "malformed",
        change=lambda parts: parts | {"hcl_report": parts["hcl_report"][:1300]},
    ),
    case(
        "hcl-exact",
        "H1: nothing behind the runtime data",
        change=lambda parts: parts | {"hcl_report": parts["hcl_report"].rstrip(b"\0")},
    ),
    case(
        "hcl-long",
        "H1: more than 16 KiB",
        "malformed",
        change=lambda parts: parts | {"hcl_report": parts["hcl_report"].ljust(16385, b"\0")},
    ),
    *both("hcl-size", "H1: a size one too large", "malformed", fault="wrong-size"),
    case(
        "hcl-length",
        "H1: another length of the runtime data",
        "malformed",
        change=flipped("hcl_report", 1232),
    ),
    case(
        "hcl-data-size",
        "H1: another size of the data",
        "malformed",
        change=flipped("hcl_report", 1216),
    ),
    *both(
        "hcl-trailing", "H1: a byte behind the runtime data", "trailing-data", fault="trailing-data"
    ),
    case(
        "hcl-signature",
        "H2: another signature",
        "malformed",
        change=bytes_at("hcl_report", 0, b"HCLB"),
    ),
    *both("hcl-version", "H2: an unknown version", "malformed", fault="unknown-version"),
    case(
        "hcl-request",
        "H2: another request type",
        "malformed",
        change=bytes_at("hcl_report", 12, b"\1"),
    ),
    case(
        "hcl-status",
        "H2: a status that is not zero",
        "malformed",
        change=bytes_at("hcl_report", 16, b"\1"),
    ),
    case(
        "hcl-reserved", "H2: a reserved byte", "malformed", change=bytes_at("hcl_report", 31, b"\1")
    ),
    case(
        "hcl-data-version",
        "H3: an unknown version of the data",
        "malformed",
        change=bytes_at("hcl_report", 1220, b"\2"),
    ),
    case(
        "hcl-type",
        "H3: an unknown report type",
        "malformed",
        change=bytes_at("hcl_report", 1224, b"\3"),
    ),
    case(
        "hcl-hash", "H3: an unknown hash", "malformed", change=bytes_at("hcl_report", 1228, b"\4")
    ),
    *both("hcl-other-hardware", "H4: of the other hardware", "malformed", fault="other-hardware"),
)
HARDWARE = (
    case(
        "snp-tampered", "S1: a bit of the measurement", "signature-invalid", hardware=["tampered"]
    ),
    case(
        "snp-hcl-tampered",
        "S1: a bit of the report inside",
        "signature-invalid",
        change=flipped("hcl_report", 32 + 0x90),
    ),
    case("snp-no-vek", "S1: no certificate", "malformed", change=part(vek=b"")),
    case(
        "snp-other-vek",
        "S1: a certificate of another simulated vendor",
        "simulated-not-trusted",
        change=part(vek=OTHER_VEK),
    ),
    case(
        "snp-simulated",
        "S1: silicon that nobody trusted",
        "simulated-not-trusted",
        anchors="vendor",
    ),
    case("snp-no-ca", "S1: no CA certificates", "no-endorsement", certificates=[]),
    case("snp-no-list", "S1: no revocation list", "crl-missing", crls=[]),
    case("snp-expired", "S1: a certificate out of date", "cert-expired", hardware=["expired-vek"]),
    case("tdx-tampered", "T1: a bit of MRTD", "signature-invalid", TDX, hardware=["tampered"]),
    case("tdx-no-quote", "T1: no TD quote", "malformed", TDX, change=part(td_quote=b"")),
    case(
        "tdx-simulated",
        "T1: silicon that nobody trusted",
        "simulated-not-trusted",
        TDX,
        anchors="vendor",
    ),
    case(
        "tdx-quote-trailing",
        "T1: a byte behind the TD quote",
        "trailing-data",
        TDX,
        change=lambda parts: parts | {"td_quote": parts["td_quote"] + b"\1"},
    ),
    case(
        "tdx-quote-padded",
        "T1: a padded quote",
        tee=TDX,
        change=lambda parts: parts | {"td_quote": parts["td_quote"] + bytes(70)},
    ),
    case("tdx-v4", "T1: a quote of version 4", tee=TDX, form="v4"),
    case("td-type", "T2: another type", "malformed", TDX, change=flipped("hcl_report", TD)),
    case(
        "td-reserved", "T2: a reserved byte", "malformed", TDX, change=flipped("hcl_report", TD + 4)
    ),
    case(
        "td-tail",
        "T2: a byte behind the TDREPORT",
        "malformed",
        TDX,
        change=flipped("hcl_report", TD + 1024),
    ),
    case(
        "td-module-digest",
        "T2: a bit of TEE_TCB_INFO",
        "malformed",
        TDX,
        change=flipped("hcl_report", TD + 264),
    ),
    case(
        "td-info-digest",
        "T2: a bit of TDINFO",
        "malformed",
        TDX,
        change=flipped("hcl_report", TD + 528),
    ),
    case(
        "td-mac",
        "T2: the MAC is for that machine only",
        tee=TDX,
        change=flipped("hcl_report", TD + 224),
    ),
    case("td-other", "T3: another MRTD", "binding", TDX, change=tdreport(mrtd=bytes(48))),
    case("td-rtmr", "T3: another RTMR1", "binding", TDX, change=tdreport(rtmr1=b"\1" * 48)),
    case("td-module", "T3: another module", "binding", TDX, change=tdreport(mrseam=bytes(48))),
    case("td-svn2", "T3: another SVN", "binding", TDX, change=tdreport(tee_tcb_svn2=b"\1" * 16)),
    case(
        "td-service",
        "T3: a service TD that the quote does not name",
        "binding",
        TDX,
        change=tdreport(mrservicetd=b"\1" * 48),
    ),
    case(
        "td-report-data",
        "T3: a bit of REPORT_DATA",
        "binding",
        TDX,
        change=flipped("hcl_report", TD + 128),
    ),
)
BINDING = (
    *both(
        "runtime-other", "B1: another virtual machine's data", "binding", fault="other-runtime-data"
    ),
    case(
        "snp-runtime-tail",
        "B1: bytes behind the digest",
        "binding",
        change=bound(hashlib.sha256(RUNTIME).digest() + b"\1" * 32),
    ),
    case(
        "tdx-runtime-tail",
        "B1: bytes behind the digest",
        "binding",
        TDX,
        change=bound(hashlib.sha256(RUNTIME).digest() + b"\1" * 32, TDX),
    ),
    case(
        "runtime-hash",
        "B1: the digest of another hash",
        "binding",
        change=bytes_at("hcl_report", 1228, b"\2"),
    ),
    case("runtime-sha384", "B1: SHA-384", change=runtime(hash_type=2)),
    case("runtime-sha512", "B1: SHA-512", tee=TDX, change=runtime(TDX, hash_type=3)),
    case("runtime-not-json", "B2: no JSON", "malformed", change=runtime(data=b"{")),
    case("runtime-list", "B2: a list", "malformed", change=runtime(data=b"[]")),
    case(
        "runtime-twice",
        "B2: a name twice",
        "malformed",
        change=runtime(data=RUNTIME[:-1] + b',"keys":[]}'),
    ),
    case("runtime-unknown", "B2: a member that is not known", change=runtime(later={"a": 1})),
    *both("no-ak", "B3: no key of that name", "malformed", fault="no-attestation-key"),
    case("keys-missing", "B3: no keys", "malformed", change=runtime(keys=None)),
    case("keys-text", "B3: a key that is a text", "malformed", change=runtime(keys=["HCLAkPub"])),
    case(
        "ak-twice",
        "B3: two keys of that name",
        "malformed",
        change=runtime(keys=[NAMED, jwk_of(EK, "HCLAkPub", "sign")]),
    ),
    case("ak-ec", "B3: an elliptic key", "malformed", change=runtime(keys=[EC_KEY])),
    case(
        "ak-4096",
        "B3: RSA with 4096 bits",
        "malformed",
        change=runtime(keys=[NAMED | {"n": MODULUS}]),
    ),
    case("ak-alone", "B3: no endorsement key", change=runtime(keys=[NAMED])),
    case(
        "vm-missing",
        "B4: no configuration",
        "malformed",
        change=runtime(**{"vm-configuration": None}),
    ),
    case(
        "vm-text",
        "B4: Secure Boot as text",
        "malformed",
        change=runtime(**{"vm-configuration": VM | {"secure-boot": "true"}}),
    ),
    case(
        "vm-number",
        "B4: an id that is a number",
        "malformed",
        change=runtime(**{"vm-configuration": VM | {"vmUniqueId": 7}}),
    ),
    case(
        "vm-long",
        "B4: an id of 129 characters",
        "malformed",
        change=runtime(**{"vm-configuration": VM | {"vmUniqueId": "x" * 129}}),
    ),
    *(
        case(
            f"vm-{name}",
            f"B4: {name} in an id",
            "malformed",
            change=runtime(**{"vm-configuration": VM | {"vmUniqueId": text}}),
        )
        for name, text in (("half-character", "\ud800"), ("escape", "\x1b[2J"))
    ),
    case(
        "vm-few",
        "B4: an older configuration",
        change=runtime(**{"vm-configuration": VM, "user-data": None}),
        claims={"secure-boot": False, "console-enabled": True, "vm-unique-id": "x"},
    ),
    case(
        "user-data",
        "B4: user data in capitals",
        change=runtime(**{"user-data": "AB" * 64}),
        claims={"user-data": "ab" * 64},
    ),
    case(
        "user-data-short",
        "B4: user data of 63 bytes",
        "malformed",
        change=runtime(**{"user-data": "ab" * 63}),
    ),
    case(
        "user-data-number",
        "B4: user data that is a number",
        "malformed",
        change=runtime(**{"user-data": 0}),
    ),
)
