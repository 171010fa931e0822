"""NVIDIA's reference integrity manifests: what a driver or VBIOS version ought to measure.

SWID tags (ISO/IEC 19770-2:2015) in TCG's RIM profile, signed as XML. Two apply to a GPU, one of
its driver and one of its VBIOS; one to a switch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from attestation.cache import BoundedCache
from attestation.endorsements import GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CACHED_RIMS
from attestation.signed_xml.signature import DSIG, parse_signature, verify_signature
from attestation.signed_xml.tree import Element, parse_xml
from attestation.trust import TrustAnchors
from attestation.x509.certificate import is_ca
from attestation.x509.der import malformed
from attestation.x509.path import PathProfile, VerifiedPath, verify_path
from attestation.x509.signatures import ECDSA_SHA384

PROFILE: Final = PathProfile(
    tee="nvidia-rim",
    algorithms=(ECDSA_SHA384,),
    refusal=Refusal.COLLATERAL_SIGNATURE_INVALID,
)
SWID: Final = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
HASHES: Final = "http://www.w3.org/2001/04/xmlenc#sha384"
_DIGEST: Final = re.compile(r"[0-9A-Fa-f]{96}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,2}")
_ACTIVE: Final = {"True": True, "False": False}
_MAX_INDEX: Final = 254
_PLAIN: Final = frozenset({"type", "index", "active", "alternatives", "name", "size"})


@dataclass(frozen=True, slots=True)
class Rim:
    """One verified manifest. `golden` has the digests that are right, by block index of a report.

    Dates of its `path` were not looked at.
    """

    version: str
    product: str
    is_switch: bool
    golden: Mapping[int, frozenset[bytes]] = field(repr=False)
    path: VerifiedPath = field(repr=False)


_rims: Final = BoundedCache[Rim](MAX_CACHED_RIMS)


def verify_rim(document: GivenDocument, *, anchors: TrustAnchors) -> Rim:
    """Return the manifest if NVIDIA signed it; remembered by digests.

    Not checked: dates, revocation. Raises `EvidenceError`: `malformed`, `alg-mismatch`,
    `untrusted-chain`, `simulated-not-trusted` or `collateral-signature-invalid`.
    """
    key = document.digest + anchors.digest
    found = _rims.get(key)
    if found is None:
        found = parse_rim(document.data, anchors=anchors)
        _rims.put(key, found)
    return found


def parse_rim(data: bytes, *, anchors: TrustAnchors) -> Rim:
    """Return the manifest in `data` as `verify_rim` does."""
    root = parse_xml(data)
    signature = parse_signature(root)
    path = verify_path(signature.certificates, profile=PROFILE, anchors=anchors)
    if is_ca(path.leaf):
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "RIM is signed by a CA")
    verify_signature(root, signature, path.leaf.spki)
    return _read(root, path)


def _read(root: Element, path: VerifiedPath) -> Rim:
    children = list(root.elements())
    names = [one.name for one in children]
    if root.name != (SWID, "SoftwareIdentity") or names != [
        (SWID, "Entity"),
        (SWID, "Meta"),
        (SWID, "Payload"),
        (DSIG, "Signature"),
    ]:
        raise malformed("RIM is not a SWID tag of entity, meta, payload and signature")
    _, meta, payload, _ = children
    version, product, edition = (
        _attribute(meta, name) for name in ("colloquialVersion", "product", "edition")
    )
    if edition not in {"GPU", "SWITCH"}:
        raise malformed("RIM is neither for a GPU nor for a switch")
    return Rim(version.upper(), product, edition == "SWITCH", _golden(payload), path)


def _golden(payload: Element) -> Mapping[int, frozenset[bytes]]:
    golden: dict[int, frozenset[bytes]] = {}
    seen: set[int] = set()
    for resource in payload.elements():
        if resource.name != (SWID, "Resource") or _attribute(resource, "type") != "Measurement":
            raise malformed("RIM lists something that is no measurement")
        index = _number(resource, "index")
        if index in seen or index > _MAX_INDEX:
            raise malformed(f"RIM lists measurement {index} twice, or no report can have it")
        seen.add(index)
        active = _ACTIVE.get(_attribute(resource, "active"))
        if active is None or _number(resource, "size") != 48:
            raise malformed(f"RIM measurement {index} has another size or is neither on nor off")
        digests = _digests(resource, index)
        if active:
            # A RIM counts from 0, blocks of a report from 1.
            golden[index + 1] = digests
    if not golden:
        raise malformed("RIM has no active measurement")
    return MappingProxyType(golden)


def _digests(resource: Element, index: int) -> frozenset[bytes]:
    wanted = [(HASHES, f"Hash{number}") for number in range(_number(resource, "alternatives"))]
    given = {name for name in resource.attributes if name not in {("", one) for one in _PLAIN}}
    if not wanted or given != set(wanted):
        raise malformed(f"RIM measurement {index} does not have as many digests as it says")
    values = [resource.attributes[name] for name in wanted]
    if not all(map(_DIGEST.fullmatch, values)):
        raise malformed(f"RIM measurement {index} is not a SHA-384 digest in hex")
    return frozenset(map(bytes.fromhex, values))


def _attribute(element: Element, name: str) -> str:
    value = element.attributes.get(("", name))
    if value is None:
        raise malformed(f"{element.written} has no {name}")
    return value


def _number(element: Element, name: str) -> int:
    value = _attribute(element, name)
    if _NUMBER.fullmatch(value) is None:
        raise malformed(f"{name} of {element.written} is not a small number")
    return int(value)
