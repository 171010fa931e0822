"""From the certificate of a device's attestation key to NVIDIA's pinned root."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.cache import BoundedCache
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CACHED_CHAINS, MAX_PATH_CERTIFICATES
from attestation.trust import SIMULATED_PREFIX, TrustAnchor, TrustAnchors
from attestation.verifiers.nvidia.fwid import Firmware, firmware_of
from attestation.x509 import der
from attestation.x509.certificate import Certificate, is_ca, parse_certificate
from attestation.x509.der import malformed
from attestation.x509.path import PathProfile, verify_path
from attestation.x509.pem import looks_like_pem, parse_pem
from attestation.x509.signatures import ECDSA_SHA384, load_p384

PROFILE: Final = PathProfile(tee="nvidia", algorithms=(ECDSA_SHA384,))
# How a chip's name starts, what its architecture is called, and whether it is a switch.
_ARCHITECTURES: Final = (
    ("GH", "hopper", False),
    ("GB", "blackwell", False),
    ("LS", "ls10", True),
)
_LEAF: Final = re.compile(r"(([A-Z0-9]+(?:_[0-9]+)?) [A-Z][0-9]+ [A-Z]+) FMC LF")


@dataclass(frozen=True, slots=True)
class DeviceChain:
    """Names, constraints and signatures hold up to a pinned root. Dates were not looked at.

    `path` is leaf, device, provisioner, family, root; the device's own certificate (`device`) is
    what tells one from another.
    """

    path: tuple[Certificate, ...] = field(repr=False)
    key: ec.EllipticCurvePublicKey = field(repr=False)
    anchor: TrustAnchor
    chip: str
    architecture: str
    is_switch: bool
    firmware: Firmware | None = field(repr=False)

    @property
    def leaf(self) -> Certificate:
        """The certificate of the key that signs reports."""
        return self.path[0]

    @property
    def device(self) -> Certificate:
        """The certificate that NVIDIA issued to this one device."""
        return self.path[1]


_chains: Final = BoundedCache[DeviceChain](MAX_CACHED_CHAINS)


def verify_chain(chain: bytes, *, endorsements: Endorsements, anchors: TrustAnchors) -> DeviceChain:
    """Return the verified chain; the root may be left out where the endorsements have it.

    Not checked: dates, revocation. Raises `EvidenceError`.
    """
    key = hashlib.sha256(
        hashlib.sha256(chain).digest() + endorsements.digest + anchors.digest
    ).digest()
    found = _chains.get(key)
    if found is None:
        found = _verify(parse_chain(chain), endorsements, anchors)
        _chains.put(key, found)
    return found


def parse_chain(chain: bytes) -> tuple[Certificate, ...]:
    """Return the certificates of PEM, or of DER one behind the other, in their order."""
    if looks_like_pem(chain):
        ders = parse_pem(chain, label="CERTIFICATE", limit=MAX_PATH_CERTIFICATES)
    else:
        ders = _split(chain)
    return tuple(parse_certificate(one) for one in ders)


def _split(data: bytes) -> list[bytes]:
    reader = der.DerReader(data, what="chain")
    found: list[bytes] = []
    while not reader.at_end:
        if len(found) == MAX_PATH_CERTIFICATES:
            raise malformed(f"chain has more than {MAX_PATH_CERTIFICATES} certificates")
        found.append(reader.take_raw(der.SEQUENCE)[0])
    if not found:
        raise malformed("chain holds no certificate")
    return found


def _verify(
    given: tuple[Certificate, ...], endorsements: Endorsements, anchors: TrustAnchors
) -> DeviceChain:
    verified = verify_path(_with_root(given, endorsements), profile=PROFILE, anchors=anchors)
    path = verified.certificates
    leaf = path[0]
    if is_ca(leaf):
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "leaf is a CA, not an attestation key")
    key = load_p384(leaf.spki)
    chip, architecture, is_switch = _names(leaf, path[1], verified.anchor)
    return DeviceChain(
        path=path,
        key=key,
        anchor=verified.anchor,
        chip=chip,
        architecture=architecture,
        is_switch=is_switch,
        firmware=firmware_of(leaf),
    )


def _with_root(
    given: tuple[Certificate, ...], endorsements: Endorsements
) -> tuple[Certificate, ...]:
    top = given[-1]
    if top.subject == top.issuer:
        return given
    roots = (one for one in endorsements.certificates if one.subject == one.issuer == top.issuer)
    root = next(roots, None)
    return given if root is None else (*given, root)


def _names(leaf: Certificate, device: Certificate, anchor: TrustAnchor) -> tuple[str, str, bool]:
    """Return chip, architecture and kind; a key for another purpose must not pass for this one."""
    prefix = SIMULATED_PREFIX if anchor.simulated else ""
    name = leaf.subject_cn
    match = _LEAF.fullmatch(name.removeprefix(prefix)) if name.startswith(prefix) else None
    if match is None or device.subject_cn != f"{prefix}{match[1]} BROM":
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "names are not those of a device's firmware")
    for start, architecture, is_switch in _ARCHITECTURES:
        if match[2].startswith(start):
            return match[2], architecture, is_switch
    raise EvidenceError(Refusal.UNSUPPORTED, f"no verifier for devices with the chip {match[2]}")
