"""What a document is, when it ends, and whether its vendor signed it: what filing it depends on.

A document that verifies to a pinned root gets the name of what it is and may replace an older one
of that name. One that does not, or whose kind is judged by a verifier only, is filed under its
digest beside all others and replaces nothing. Dates are not judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from attestation.bundle import CERTIFICATE, CRL, BundleDocument
from attestation.endorsement_store.wanted import SIGNING_KEYS, intel_name, snp_name, vcek_name
from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.intel.chains import PCK_CAS
from attestation.intel.collateral import verify_collateral
from attestation.trust import SIMULATED_PREFIX, TrustAnchor, TrustAnchors
from attestation.verifiers.snp.chain import verify_chain
from attestation.verifiers.snp.products import (
    PRODUCTS,
    intermediate_name,
    name_prefix,
    vek_name,
)
from attestation.x509.certificate import Certificate, is_ca, may_sign_crls, parse_certificate
from attestation.x509.crl import RevocationList, parse_crl
from attestation.x509.ocsp import parse_ocsp
from attestation.x509.signatures import verify_pss_sha384

# Simulated silicon never takes the place of the vendor's, wherever both are trusted.
SIMULATED: Final = "simulated-"
# Whose identity belongs to TCB info of a TEE.
_QUOTING_ENCLAVES: Final = {"sgx": "QE", "tdx": "TD_QE"}


@dataclass(frozen=True, slots=True)
class Filing:
    """The name of a document, its end, and numbers that must not go back (`marks`)."""

    name: str
    what: str
    verified: bool
    expires: datetime | None
    marks: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Registrar:
    """Files documents. `authorities` are CA certificates that links are looked up among."""

    anchors: TrustAnchors = field(repr=False)
    authorities: tuple[Certificate, ...] = field(repr=False)

    @classmethod
    def of(cls, anchors: TrustAnchors, documents: Sequence[BundleDocument]) -> Registrar:
        """Return the registrar that knows the CA certificates among `documents`."""
        parsed = (parse_certificate(one.data) for one in documents if one.kind == CERTIFICATE)
        return cls.of_certificates(anchors, parsed)

    @classmethod
    def of_certificates(
        cls, anchors: TrustAnchors, certificates: Iterable[Certificate]
    ) -> Registrar:
        """Return the registrar that knows the CA certificates among these."""
        return cls(anchors, tuple(one for one in certificates if is_ca(one)))

    def file(self, kind: str, data: bytes) -> Filing:
        """Return where a document belongs. Raises `EvidenceError` for what cannot be read."""
        if kind == CERTIFICATE:
            return self._certificate(data)
        if kind == CRL:
            return self._revocations(data)
        if kind == DocumentKind.INTEL_COLLATERAL:
            return self._collateral(data)
        if kind == DocumentKind.OCSP:
            ends = [one.next_update for one in parse_ocsp(data).answers]
            return _by_digest(kind, data, "OCSP response", min(ends))
        return _by_digest(kind, data, kind.replace("-", " "), None)

    def _certificate(self, data: bytes) -> Filing:
        certificate = parse_certificate(data)
        what = f"certificate {certificate.subject_cn}"
        try:
            name = self._snp_certificate(certificate)
        except EvidenceError:
            name = None
        if name is None:
            return _by_digest(CERTIFICATE, data, what, certificate.not_after)
        return Filing(name, what, verified=True, expires=certificate.not_after)

    def _snp_certificate(self, certificate: Certificate) -> str | None:
        """Return the name of a certificate of AMD's hierarchies if it verifies in one."""
        anchor = self.anchors.find(certificate.fingerprint)
        if anchor is not None:
            return _named(anchor, snp_name(anchor.product, "ark")) if anchor.tee == "snp" else None
        for signing_key in SIGNING_KEYS:
            for prefix in (name_prefix(simulated=False), name_prefix(simulated=True)):
                if certificate.subject_cn == vek_name(signing_key, prefix):
                    return self._vek(certificate, signing_key)
        return self._intermediate(certificate)

    def _intermediate(self, certificate: Certificate) -> str | None:
        root, anchor = self._snp_root(certificate.issuer)
        for signing_key, short in zip(SIGNING_KEYS, ("ask", "asvk"), strict=True):
            prefix = name_prefix(simulated=anchor.simulated)
            expected = intermediate_name(PRODUCTS[anchor.product], signing_key, prefix)
            if certificate.subject_cn == expected and is_ca(certificate):
                _verify_pss(certificate, root)
                return _named(anchor, snp_name(anchor.product, short))
        return None

    def _vek(self, certificate: Certificate, signing_key: str) -> str | None:
        known = Endorsements.none().with_certificates(self.authorities)
        chain = verify_chain(
            {"vek": certificate.der}, signing_key, endorsements=known, anchors=self.anchors
        )
        vek = chain.vek
        if vek.chip_id is None:
            # A provider may hold many; evidence comes with the one it was signed by.
            return None
        return _named(chain.anchor, vcek_name(vek.product.name, vek.chip_id, vek.tcb))

    def _snp_root(self, subject: bytes) -> tuple[Certificate, TrustAnchor]:
        for root in self.authorities:
            anchor = self.anchors.find(root.fingerprint)
            if root.subject == subject and anchor is not None and anchor.tee == "snp":
                return root, anchor
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "issuer is no pinned root")

    def _revocations(self, data: bytes) -> Filing:
        crl = parse_crl(data)
        try:
            root, anchor = self._snp_root(crl.issuer)
            _verify_list(crl, root)
        except EvidenceError:
            return _by_digest(CRL, data, "revocation list", crl.next_update)
        name = _named(anchor, snp_name(anchor.product, "crl"))
        what = f"revocation list of {root.subject_cn}"
        marks = ((name, int(crl.this_update.timestamp())),)
        return Filing(name, what, verified=True, expires=crl.next_update, marks=marks)

    def _collateral(self, data: bytes) -> Filing:
        document = GivenDocument.of(DocumentKind.INTEL_COLLATERAL, data)
        found = verify_collateral(document, anchors=self.anchors)
        info = found.tcb_info
        tee, ca = info.id.lower(), PCK_CAS[found.pck_ca.subject_cn.removeprefix(SIMULATED_PREFIX)]
        if found.qe_identity.id != _QUOTING_ENCLAVES[tee]:
            raise EvidenceError(
                Refusal.COLLATERAL_TEE_MISMATCH, f"TCB info of {tee} with another quoting enclave"
            )
        family = _named(found.anchor, f"intel-{tee}-{info.fmspc.hex()}")
        name = _named(found.anchor, intel_name(tee, info.fmspc.hex(), ca))
        marks = (
            (family, info.evaluation_number),
            (f"{family}-issued", int(info.issued.timestamp())),
            (f"{name}-pck-crl", int(found.pck_crl.this_update.timestamp())),
            (f"{name}-root-crl", int(found.root_crl.this_update.timestamp())),
        )
        what = f"Intel {tee.upper()} collateral {info.fmspc.hex()} {ca}"
        return Filing(name, what, verified=True, expires=found.valid_to, marks=marks)


def _verify_list(crl: RevocationList, root: Certificate) -> None:
    if not may_sign_crls(root):
        raise EvidenceError(Refusal.CRL_ISSUER_MISMATCH, "root may not sign lists")
    _verify_pss(crl, root)


def _verify_pss(signed: Certificate | RevocationList, root: Certificate) -> None:
    verify_pss_sha384(
        signed.signature_algorithm,
        signed.signature,
        signed.tbs,
        root.spki,
        refusal=Refusal.COLLATERAL_SIGNATURE_INVALID,
    )


def _named(anchor: TrustAnchor, name: str) -> str:
    return SIMULATED + name if anchor.simulated else name


def _by_digest(kind: str, data: bytes, what: str, expires: datetime | None) -> Filing:
    name = f"other-{BundleDocument(kind, data, 'digest').digest[:40]}"
    return Filing(name, what, verified=False, expires=expires)
