"""Roots of trust: pinned by the SHA-256 of the whole certificate, in code, per TEE and product.

The certificates themselves come as input (`attestation.endorsements`) and count only if their
digest is here. ADR 0004 says where the digests come from. Where a vendor has no one root (TPMs,
Arm, token issuers) the caller names certificates or keys, and only the caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.keys import TrustedKey, load_public_key
from attestation.limits import MAX_CERTIFICATES
from attestation.x509.certificate import Certificate, parse_certificate
from attestation.x509.pem import der_blobs, parse_pem

# What every name of simulated silicon starts with, and no vendor's does.
SIMULATED_PREFIX: Final = "SIMULATED-"

# (TEE, product) -> SHA-256 of the root certificate. "intel" serves SGX and TDX alike.
_VENDOR_ROOTS: Final = {
    ("snp", "milan"): "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
    ("snp", "genoa"): "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
    ("snp", "turin"): "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
    ("intel", "sgx-root"): "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3",
    ("nitro", "g1"): "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b",
    ("nvidia", "device"): "102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48",
    ("nvidia-rim", "rim"): "12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1",
}
# Common name of a simulated root, without the prefix -> (TEE, product).
_SIMULATED_ROOTS: Final = {
    "ARK-Milan": ("snp", "milan"),
    "ARK-Genoa": ("snp", "genoa"),
    "ARK-Turin": ("snp", "turin"),
    "Intel SGX Root CA": ("intel", "sgx-root"),
    "aws.nitro-enclaves": ("nitro", "g1"),
    "NVIDIA Device Identity CA": ("nvidia", "device"),
    "NVIDIA RIM Root CA": ("nvidia-rim", "rim"),
    "TPM Manufacturer CA": ("tpm", "manufacturer"),
    # What a broker certifies that learnt of a TPM in software (keybroker.tpm.attestation_ca).
    "TPM AK CA": ("tpm", "ak-ca"),
    # Arm's endorsement is a bare key; a simulated one comes in a certificate to have a name.
    "CPAK": ("cca", "cpak"),
    "IAK": ("psa", "iak"),
}
# TEEs whose makers are many: the caller says which of them count.
_OPEN_TEES: Final = frozenset({"tpm"})
_KEYED_TEES: Final = frozenset({"cca", "psa", "tpm", "corim"})


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """One root: for which TEE and product it speaks, and whether its silicon is simulated."""

    tee: str
    product: str
    fingerprint: bytes
    simulated: bool


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """The roots a verification may end in. Build with `vendor()`; there is no other start."""

    _by_fingerprint: Mapping[bytes, TrustAnchor]
    _keys: Mapping[str, tuple[TrustedKey, ...]] = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def vendor(cls) -> TrustAnchors:
        """Return the pinned vendor roots, all of real silicon."""
        anchors = (
            TrustAnchor(tee, product, bytes.fromhex(digest), simulated=False)
            for (tee, product), digest in _VENDOR_ROOTS.items()
        )
        return cls._of({anchor.fingerprint: anchor for anchor in anchors}, {})

    @classmethod
    def _of(
        cls, anchors: dict[bytes, TrustAnchor], keys: Mapping[str, tuple[TrustedKey, ...]]
    ) -> TrustAnchors:
        # TEE, product and kind of a root follow from who trusted it how, so both are in the digest.
        parts = [
            one.fingerprint + f"{one.tee} {one.simulated}".encode() for one in anchors.values()
        ]
        parts += [
            one.fingerprint + f"{tee} {one.simulated}".encode()
            for tee, listed in keys.items()
            for one in listed
        ]
        digest = hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in sorted(parts)))
        return cls(MappingProxyType(anchors), MappingProxyType(dict(keys)), digest.digest())

    def with_simulated(self, root_pem: bytes) -> TrustAnchors:
        """Return these roots and the simulated ones in `root_pem`.

        Every result that rests on one of them says `simulated`. Raises `EvidenceError`
        `bad-trust-anchor` for a certificate that does not say in its name that it is simulated:
        this is no way to trust a further vendor.
        """
        anchors, keys = dict(self._by_fingerprint), dict(self._keys)
        for der in parse_pem(root_pem, label="CERTIFICATE", limit=MAX_CERTIFICATES):
            certificate = parse_certificate(der)
            tee, product = _simulated_product(certificate.subject_cn)
            if tee in _KEYED_TEES - _OPEN_TEES:
                key = TrustedKey(load_public_key(certificate.spki), simulated=True)
                keys[tee] = (*keys.get(tee, ()), key)
            else:
                anchors[certificate.fingerprint] = TrustAnchor(
                    tee, product, certificate.fingerprint, simulated=True
                )
        return TrustAnchors._of(anchors, keys)

    def with_roots(self, tee: str, roots: bytes) -> TrustAnchors:
        """Return these roots and the caller's own for a TEE that many vendors make ("tpm").

        Raises `ValueError` for a TEE whose vendor is pinned, `EvidenceError` `bad-trust-anchor` for
        a certificate that calls itself simulated.
        """
        if tee not in _OPEN_TEES:
            raise ValueError(f"the roots of {tee} are pinned")
        anchors = dict(self._by_fingerprint)
        for der in der_blobs(roots, label="CERTIFICATE", limit=MAX_CERTIFICATES):
            certificate = parse_certificate(der)
            _refuse_simulated(certificate)
            anchors[certificate.fingerprint] = TrustAnchor(
                tee, certificate.subject_cn, certificate.fingerprint, simulated=False
            )
        return TrustAnchors._of(anchors, self._keys)

    def with_keys(self, tee: str, keys: Iterable[TrustedKey]) -> TrustAnchors:
        """Return these roots and the caller's own keys for a TEE that has keys in place of roots.

        For "cca" and "psa" attestation keys, for "tpm" attestation keys, for "corim" signers.
        Raises `ValueError` for another TEE.
        """
        if tee not in _KEYED_TEES:
            raise ValueError(f"{tee} is not verified by keys of the caller")
        merged = {**self._keys, tee: (*self._keys.get(tee, ()), *keys)}
        return TrustAnchors._of(dict(self._by_fingerprint), merged)

    def find(self, fingerprint: bytes) -> TrustAnchor | None:
        """Return the root with this certificate digest, if it is trusted."""
        return self._by_fingerprint.get(fingerprint)

    def keys_for(self, tee: str) -> tuple[TrustedKey, ...]:
        """Return the keys that are trusted for a TEE, in the order in which they were named."""
        return self._keys.get(tee, ())

    @property
    def simulated(self) -> bool:
        """Whether any of it is simulated silicon."""
        keys = (key for listed in self._keys.values() for key in listed)
        roots = self._by_fingerprint.values()
        return any(one.simulated for one in roots) or any(one.simulated for one in keys)


def simulated_key(key: TrustedKey) -> TrustedKey:
    """Return the key marked as one of simulated silicon."""
    return replace(key, simulated=True)


def _simulated_product(common_name: str) -> tuple[str, str]:
    found = _SIMULATED_ROOTS.get(common_name.removeprefix(SIMULATED_PREFIX))
    if found is None or not common_name.startswith(SIMULATED_PREFIX):
        raise EvidenceError(Refusal.BAD_TRUST_ANCHOR, "root does not call itself simulated silicon")
    return found


def _refuse_simulated(certificate: Certificate) -> None:
    if certificate.subject_cn.startswith(SIMULATED_PREFIX):
        raise EvidenceError(Refusal.BAD_TRUST_ANCHOR, "root calls itself simulated silicon")
