"""What vectors of Arm's tokens share: a case, a device, claims with one thing changed."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated.arm.device import Device
from attestation.verifiers.arm.signer import DeviceId
from attestation.x509.pem import encode_pem
from tests.vectors.folder import fresh_folder, write_case

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
REPORT_DATA = bytes(range(64, 128))
MEASUREMENT = bytes(range(48))
# A change to this value takes the claim out.
REMOVED = object()
# Ids of a device that does not call itself simulated, as makers list them beside its key.
REAL_IDS = DeviceId(bytes(range(32)), b"\x01" + bytes(range(32, 64)))


@dataclass(frozen=True)
class Case:
    """One folder: a token, the keys that the caller trusts, and what must come out."""

    name: str
    why: str
    expect: str
    stage: str
    token: bytes
    root: bytes | None = None
    keys: bytes | None = None
    policy: dict[str, Any] = field(default_factory=dict)
    report_data: bytes = REPORT_DATA
    claims: dict[str, Any] = field(default_factory=dict)


def changed(claims: dict[int, Any], changes: dict[int, Any] | None) -> dict[int, Any]:
    """Return the claims with these replaced, added or taken out."""
    merged = claims | (changes or {})
    return {key: value for key, value in merged.items() if value is not REMOVED}


def root_of(device: Device) -> bytes:
    """Return the key of simulated silicon, as PEM of its certificate."""
    return encode_pem("CERTIFICATE", device.certificate(NOW))


def jwk(key: ec.EllipticCurvePrivateKey, **changes: Any) -> dict[str, Any]:
    """Return the public key as a JWK."""
    numbers, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
    x, y = (urlsafe_b64encode(one.to_bytes(size, "big")) for one in (numbers.x, numbers.y))
    name = {256: "P-256", 384: "P-384", 521: "P-521"}[key.curve.key_size]
    found = {"kty": "EC", "crv": name, "x": _unpadded(x), "y": _unpadded(y)}
    return {name: value for name, value in (found | changes).items() if value is not REMOVED}


def anchor_list(*entries: dict[str, Any]) -> bytes:
    """Return a trust anchor list."""
    return json.dumps(entries, indent=1, sort_keys=True).encode() + b"\n"


def anchor(
    key: ec.EllipticCurvePrivateKey, ids: DeviceId = REAL_IDS, **more: Any
) -> dict[str, Any]:
    """Return an entry of a trust anchor list."""
    return {
        "implementation-id": ids.implementation.hex(),
        "instance-id": ids.instance.hex(),
        "pkey": jwk(key),
    } | more


def write(root: Path, folder_name: str, cases: tuple[Case, ...]) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, folder_name)
    for one in cases:
        files = {"token.cbor": one.token}
        named: dict[str, Any] = {}
        if one.root is not None:
            files["root.pem"] = one.root
            named["root"] = "root.pem"
        if one.keys is not None:
            name = "keys.pem" if one.keys.startswith(b"-----") else "keys.json"
            files[name] = one.keys
            named["keys"] = name
        document = named | {
            "why": one.why,
            "expect": one.expect,
            "stage": one.stage,
            "now": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
            "policy": one.policy,
            "report_data": one.report_data.hex(),
            "token": "token.cbor",
        }
        if one.claims:
            document["claims"] = one.claims
        write_case(folder, one.name, document, files)


def _unpadded(text: bytes) -> str:
    return text.decode().rstrip("=")
