"""From a quote to the key that signed it: PCK chain, QE report, attestation key.

What holds regardless of time is remembered by digests: one platform's quotes share all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.cache import BoundedCache
from attestation.errors import EvidenceError, Refusal
from attestation.intel import chains
from attestation.intel.ecdsa import load_point, verify_raw
from attestation.intel.pck import PCK_EXTENSION, PckExtension, parse_pck_extension
from attestation.intel.quote import PCK_CHAIN, EndorsedKey, Quote, parse_endorsed_key
from attestation.intel.reports import SgxReport
from attestation.limits import MAX_CACHED_CHAINS
from attestation.trace import NO_TRACE, Trace
from attestation.trust import SIMULATED_PREFIX, TrustAnchors
from attestation.x509.path import VerifiedPath
from attestation.x509.signatures import load_p256

_NAMES: Final = (frozenset({chains.PCK}), frozenset(chains.PCK_CAS), frozenset({chains.ROOT}))


@dataclass(frozen=True, slots=True)
class Pck:
    """A platform's certificate: names, constraints and signatures hold up to a pinned root."""

    path: VerifiedPath
    platform: PckExtension
    ca: str
    key: ec.EllipticCurvePublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class AttestationKey:
    """A key that a quoting enclave made on the PCK's platform. Which enclave is not checked.

    `digest` names everything that vouches for it.
    """

    digest: bytes = field(repr=False)
    pck: Pck
    qe_report: SgxReport
    key: ec.EllipticCurvePublicKey = field(repr=False)


_keys: Final = BoundedCache[AttestationKey](MAX_CACHED_CHAINS)
_pcks: Final = BoundedCache[Pck](MAX_CACHED_CHAINS)
_ZERO_HALF: Final = bytes(32)


def verify_attestation_key(
    quote: Quote,
    given_chains: Iterable[bytes],
    *,
    anchors: TrustAnchors,
    trace: Trace = NO_TRACE,
) -> AttestationKey:
    """Return the key with what vouches for it (steps Q6 to Q9, C1 to C7, G2 and G3).

    `given_chains` are PCK chains as PEM, for quotes that bring none. Not checked: dates,
    revocation, which quoting enclave it was, the quote's own signature. Raises `EvidenceError`.
    """
    name = quote.version.to_bytes(2, "little") + quote.endorsed
    name = hashlib.sha256(name).digest() + anchors.digest
    found = _keys.get(name)
    if found is None:
        trace.check("Q6", "signature data", "exactly its parts", lambda: len(quote.endorsed))
        endorsed = parse_endorsed_key(quote)
        if endorsed.certification_type != PCK_CHAIN:
            return _with_given_chain(name, endorsed, given_chains, anchors, trace)
        found = _verify(name, endorsed, endorsed.certification, anchors, trace)
        _keys.put(name, found)
    return found


def _with_given_chain(
    name: bytes,
    endorsed: EndorsedKey,
    given_chains: Iterable[bytes],
    anchors: TrustAnchors,
    trace: Trace,
) -> AttestationKey:
    kind = endorsed.certification_type
    trace.check("Q9", "certification data with a PCK chain", PCK_CHAIN, kind)
    failure = EvidenceError(
        Refusal.NO_ENDORSEMENT, f"quote brings certification data of type {kind} and no PCK chain"
    )
    for chain in given_chains:
        try:
            given = name + hashlib.sha256(chain).digest()
            return _verify(given, endorsed, chain, anchors, trace)
        except EvidenceError as error:
            failure = error
    raise failure


def _verify(
    name: bytes, endorsed: EndorsedKey, chain: bytes, anchors: TrustAnchors, trace: Trace
) -> AttestationKey:
    trace.check("C", "PCK chain", "three certificates to a pinned root", lambda: len(chain))
    pck = verify_pck(chain, anchors=anchors)
    trace.check("G1", "attestation key", "a point on P-256", endorsed.key)
    key = load_point(endorsed.key)
    # G2: the platform's certificate speaks for the quoting enclave.
    signature = endorsed.qe_report_signature
    trace.check("G2", "signature of the QE report", "by the PCK", signature)
    verify_raw(
        pck.key, signature, endorsed.qe_report_signed, Refusal.SIGNATURE_INVALID, "the QE report"
    )
    # G3: the quoting enclave speaks for this attestation key.
    expected = hashlib.sha256(endorsed.key + endorsed.authentication).digest() + _ZERO_HALF
    actual = endorsed.qe_report.report_data
    trace.check("G3", "report data of the QE report", expected, actual)
    if actual != expected:
        raise EvidenceError(Refusal.BINDING, "QE report is not about this attestation key")
    return AttestationKey(name, pck, endorsed.qe_report, key)


def verify_pck(chain: bytes, *, anchors: TrustAnchors) -> Pck:
    """Return the platform's certificate at the head of a PEM chain (steps C1 to C7).

    Not checked: dates, revocation. Raises `EvidenceError`.
    """
    name = hashlib.sha256(chain).digest() + anchors.digest
    found = _pcks.get(name)
    if found is None:
        found = _verify_pck(chain, anchors)
        _pcks.put(name, found)
    return found


def _verify_pck(chain: bytes, anchors: TrustAnchors) -> Pck:
    certificates = chains.parse_chain(chain)
    if len(certificates) != len(_NAMES):
        raise EvidenceError(
            Refusal.MALFORMED, f"PCK chain has {len(certificates)} certificates, expected 3"
        )
    path = chains.verify_chain(certificates, _NAMES, profile=chains.QUOTE_CHAIN, anchors=anchors)
    leaf = path.leaf
    chains.require_leaf(leaf)
    extension = leaf.extensions.get(PCK_EXTENSION)
    if extension is None:
        raise EvidenceError(Refusal.MALFORMED, "PCK certificate lacks Intel's extension")
    return Pck(
        path=path,
        platform=parse_pck_extension(extension.value),
        ca=chains.PCK_CAS[leaf.issuer_cn.removeprefix(SIMULATED_PREFIX)],
        key=load_p256(leaf.spki),
    )
