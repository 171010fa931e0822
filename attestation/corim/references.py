"""From a verified CoRIM to reference values and device keys of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from attestation.corim.model import BYTES, UEID, KeyTriple, Measurement, ReferenceTriple
from attestation.corim.profiles import CCA_PLATFORM, PSA, RIM, SNP, SNP_MEASUREMENT
from attestation.corim.signed import VerifiedCorim
from attestation.errors import EvidenceError, Refusal
from attestation.keys import TrustedKey, load_public_key
from attestation.reference import MEASUREMENT_SIZES, ReferenceValue

_PEM_KEY: Final = 554
# How a profile names what was launched. Intel and AWS have published no profile that names it, so
# for TDX, SGX and Nitro these are names of ours, in the manner of Arm's.
_NAMES: Final[Mapping[str, str]] = {
    RIM: "cca",
    "tdx.mrtd": "tdx",
    "sgx.mrenclave": "sgx",
    "nitro.pcr0": "nitro",
}


def from_corim(verified: VerifiedCorim) -> list[ReferenceValue]:
    """Return a reference value for every launch measurement that the CoRIM names.

    What it says beside (firmware versions, TCBs, host data) is for policies and is left out.
    Raises `EvidenceError` `malformed` for a digest that no report of the TEE could have.
    """
    corim = verified.corim
    found: dict[tuple[str, bytes], ReferenceValue] = {}
    for comid in corim.comids:
        for triple in comid.references:
            for one in triple.measurements:
                tee = _tee_of(one, corim.profile)
                for value in _values(tee, one, _name(triple, one, comid.tag_id)) if tee else ():
                    found.setdefault((value.tee, value.measurement), value)
    return list(found.values())


def device_keys(verified: VerifiedCorim) -> list[TrustedKey]:
    """Return the attestation keys of Arm CCA platforms or PSA devices, each tied to its device.

    Empty for other profiles. Raises `EvidenceError` `bad-trust-anchor` for a key that is none.
    """
    if verified.corim.profile not in {CCA_PLATFORM, PSA}:
        return []
    return [_device_key(triple) for comid in verified.corim.comids for triple in comid.keys]


def _device_key(triple: KeyTriple) -> TrustedKey:
    class_id, instance = triple.environment.class_id, triple.environment.instance
    (key,) = triple.keys
    if not isinstance(key.value, str) or class_id is None or instance is None:
        raise EvidenceError(Refusal.BAD_TRUST_ANCHOR, "device key is no text")
    public = load_public_key(key.value.encode())
    ids = {one.tag: one.value for one in (class_id, instance)}
    return replace(TrustedKey(public), implementation_id=ids.get(BYTES), instance_id=ids.get(UEID))


def _tee_of(one: Measurement, profile: str | None) -> str | None:
    if profile == SNP and one.key == SNP_MEASUREMENT:
        return "snp"
    return _NAMES.get(one.key) if isinstance(one.key, str) else None


def _values(tee: str, one: Measurement, name: str) -> list[ReferenceValue]:
    for _, digest in one.digests:
        if len(digest) not in MEASUREMENT_SIZES[tee]:
            raise EvidenceError(
                Refusal.MALFORMED, f"CoRIM: a measurement of {tee} has {len(digest)} bytes"
            )
    return [ReferenceValue(tee, digest, name) for _, digest in one.digests]


def _name(triple: ReferenceTriple, one: Measurement, tag_id: str) -> str:
    parts = (triple.environment.label, one.name or "", one.version or "", f"CoMID {tag_id}")
    name = " ".join(part for part in parts if part)[:200]
    return "".join(letter if letter.isprintable() else "?" for letter in name)
