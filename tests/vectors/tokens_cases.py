"""What the token vectors are made of: issuers with keys that everybody has, and good tokens."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from attestation.encoding import b64url_encode
from attestation.simulated.authority import name_of
from tests.fakes.silicon import NOW, fixed_salt_signer_of, private_key
from tests.vectors.folder import ACCEPTED

SECOND = timedelta(seconds=1)
START = int(NOW.timestamp())
HOUR = 3600
ES384_KEY = ec.derive_private_key(0x5EA1, ec.SECP384R1())
OTHER_EC_KEY = ec.derive_private_key(0x5EA2, ec.SECP384R1())
NONCE = "c2ltdWxhdGVkIG5vbmNlIG9mIHRoZXNlIHZlY3RvcnM"
KID = "key-of-these-vectors"


@dataclass(frozen=True)
class Case:
    """One folder: a token, the keys and policy of who reads it, and what must come out."""

    name: str
    why: str
    expect: str
    stage: str
    kind: str
    token: bytes
    keys: bytes
    policy: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW


def compact(part: Mapping[str, Any]) -> str:
    return b64url_encode(json.dumps(part, sort_keys=True, separators=(",", ":")).encode())


@cache
def rs256(signed: bytes, role: str = "ask") -> bytes:
    return private_key(role).sign(signed, padding.PKCS1v15(), hashes.SHA256())


@cache
def ps384(signed: bytes) -> bytes:
    return fixed_salt_signer_of("ask").sign(signed)


def es384(signed: bytes, key: ec.EllipticCurvePrivateKey = ES384_KEY) -> bytes:
    scheme = ec.ECDSA(hashes.SHA384(), deterministic_signing=True)
    r, s = decode_dss_signature(key.sign(signed, scheme))
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


SIGNERS: dict[str, Callable[[bytes], bytes]] = {"RS256": rs256, "PS384": ps384, "ES384": es384}
ALGORITHM = {"maa": "RS256", "gcs": "RS256", "ita": "PS384", "nras": "ES384"}


def signed_token(header: Mapping[str, Any], payload: str, signer: Callable[[bytes], bytes]) -> str:
    """Return a token with this header and this payload part."""
    text = f"{compact(header)}.{payload}"
    return f"{text}.{b64url_encode(signer(text.encode()))}"


def token(
    kind: str,
    members: Mapping[str, Any],
    *,
    algorithm: str | None = None,
    signer: Callable[[bytes], bytes] | None = None,
    **headers: Any,
) -> str:
    """Return a token as this issuer signs it; a header that is None is left out."""
    name = algorithm or ALGORITHM[kind]
    header = {"alg": name, "kid": KID, "typ": "JWT"} | headers
    kept = {key: value for key, value in header.items() if value is not None}
    return signed_token(kept, compact(members), signer or SIGNERS[name])


def _number(value: int) -> str:
    return b64url_encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def rsa_jwk(role: str = "ask", **members: Any) -> dict[str, Any]:
    numbers = private_key(role).public_key().public_numbers()
    key = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), "kid": KID}
    return {name: value for name, value in (key | members).items() if value is not None}


def ec_jwk(key: ec.EllipticCurvePrivateKey = ES384_KEY, **members: Any) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    x, y = (b64url_encode(one.to_bytes(48, "big")) for one in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-384", "x": x, "y": y, "kid": KID} | members


def certified_jwk(**members: Any) -> dict[str, Any]:
    """Return the key as Azure publishes it: in a certificate, without numbers."""
    name = name_of("token signing")
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=private_key("ask").public_key(),
        serial_number=1,
        not_valid_before=NOW,
        not_valid_after=NOW + timedelta(days=365),
    )
    der = builder.sign(private_key("ask"), hashes.SHA256()).public_bytes(Encoding.DER)
    listed = [base64.b64encode(der).decode()]
    return {"kty": "RSA", "use": "sig", "kid": KID, "x5c": listed} | members


def jwks(*keys: Mapping[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys)}, sort_keys=True).encode()


KEYS = {
    "maa": jwks(certified_jwk()),
    "gcs": jwks(rsa_jwk(alg="RS256", use="sig")),
    "ita": jwks(rsa_jwk(use="sig")),
    "nras": jwks(ec_jwk(alg="ES384", use="sig")),
}
ISSUER = {
    "maa": "https://sealwasm.weu.attest.azure.net",
    "gcs": "https://confidentialcomputing.googleapis.com",
    "ita": "https://portal.trustauthority.intel.com",
    "nras": "https://nras.attestation.nvidia.com",
}
AUDIENCE = "https://broker.example"
POLICY: dict[str, dict[str, Any]] = {
    "maa": {"issuer": ISSUER["maa"], "nonce": NONCE},
    "gcs": {"audience": AUDIENCE, "nonce": NONCE},
    "ita": {"issuer": ISSUER["ita"], "nonce": NONCE},
    "nras": {"nonce": NONCE, "hwmodels": ["GH100"]},
}
TIMES = {"iat": START, "nbf": START, "exp": START + HOUR}
SNP = {
    "x-ms-attestation-type": "sevsnpvm",
    "x-ms-compliance-status": "azure-compliant-cvm",
    "x-ms-sevsnpvm-is-debuggable": False,
    "x-ms-sevsnpvm-launchmeasurement": bytes(range(48)).hex(),
    "x-ms-sevsnpvm-migration-allowed": False,
}
TDX_GUEST = {
    "x-ms-attestation-type": "tdxvm",
    "x-ms-compliance-status": "azure-compliant-cvm",
    "tdx_td_attributes_debug": False,
}
ENCLAVE = {"x-ms-attestation-type": "sgx", "x-ms-sgx-is-debuggable": False, "nonce": NONCE}
MEMBERS: dict[str, dict[str, Any]] = {
    "maa": TIMES
    | {
        "iss": ISSUER["maa"],
        "x-ms-attestation-type": "azurevm",
        "x-ms-azurevm-bootdebug-enabled": False,
        "x-ms-isolation-tee": SNP,
        "x-ms-runtime": {"client-payload": {"nonce": NONCE}},
    },
    "gcs": TIMES
    | {
        "iss": ISSUER["gcs"],
        "aud": AUDIENCE,
        "eat_nonce": NONCE,
        "dbgstat": "disabled-since-boot",
        "hwmodel": "GCP_AMD_SEV_SNP",
        "secboot": True,
        "swname": "CONFIDENTIAL_SPACE",
        "submods": {
            "confidential_space": {"support_attributes": ["LATEST", "STABLE", "USABLE"]},
            "container": {"image_digest": "sha256:" + "5e" * 32},
        },
    },
    "ita": TIMES
    | {
        "iss": ISSUER["ita"],
        "tdx": {
            "attester_held_data": NONCE,
            "attester_tcb_status": "UpToDate",
            "dbgstat": "disabled",
            "tdx_is_debuggable": False,
            "tdx_td_attributes_debug": False,
        },
        "policy_ids_matched": [{"id": "d970fa2b", "version": "v1"}],
    },
}
DEVICE = TIMES | {
    "iss": ISSUER["nras"],
    "eat_nonce": NONCE,
    "dbgstat": "disabled",
    "hwmodel": "GH100 A01 GSP BROM",
    "measres": "success",
    "secboot": True,
}
OVERALL = TIMES | {
    "iss": ISSUER["nras"],
    "eat_nonce": NONCE,
    "sub": "NVIDIA-PLATFORM-ATTESTATION",
    "x-nvidia-overall-att-result": True,
}


def changed(members: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members with some replaced, or left out (None)."""
    return {name: value for name, value in (members | changes).items() if value is not None}


def saying(kind: str, **changes: Any) -> bytes:
    """Return a rightly signed token that says something else."""
    return token(kind, changed(MEMBERS[kind], changes)).encode()


def azure(**changes: Any) -> bytes:
    """Return an Azure token whose processor says something else."""
    return saying("maa", **{"x-ms-isolation-tee": changed(SNP, changes)})


def intel(**changes: Any) -> bytes:
    """Return an Intel token whose processor says something else."""
    return saying("ita", tdx=changed(MEMBERS["ita"]["tdx"], changes))


def digest_of(text: str) -> list[Any]:
    return ["DIGEST", ["SHA-256", hashlib.sha256(text.encode()).hexdigest()]]


def detached(
    *,
    overall: Mapping[str, Any] | None = None,
    inner: Mapping[str, str] | None = None,
    submods: Mapping[str, Any] | None = None,
    **device: Any,
) -> bytes:
    """Return a detached result of two devices, the second of which says something else."""
    tokens = inner or {
        "GPU-0": token("nras", DEVICE),
        "GPU-1": token("nras", changed(DEVICE, device)),
    }
    named = submods or {name: digest_of(text) for name, text in tokens.items()}
    members = changed(OVERALL | {"submods": named}, overall or {})
    return json.dumps([["JWT", token("nras", members)], tokens]).encode()


def good(kind: str, name: str, why: str, data: bytes | None = None, **options: Any) -> Case:
    """Return an accepted case."""
    return case(kind, name, why, ACCEPTED, "claims", data, **options)


def case(
    kind: str,
    name: str,
    why: str,
    expect: str,
    stage: str,
    data: bytes | None = None,
    **options: Any,
) -> Case:
    """Return a case whose keys and policy are the usual ones of its issuer."""
    made = detached() if kind == "nras" else saying(kind)
    policy = POLICY[kind] | options.pop("policy", {})
    base = Case(f"{kind}-{name}", why, expect, stage, kind, data or made, KEYS[kind], policy)
    return replace(base, **options)
