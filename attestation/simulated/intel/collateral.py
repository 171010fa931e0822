"""What the simulated vendor publishes: TCB info, QE identity, lists, as QuoteCollateralV3.

Formats: Intel PCS API version 4. A signature is over the exact text of its document.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from attestation.encoding import canonical_json
from attestation.simulated.authority import Period
from attestation.simulated.intel import levels
from attestation.simulated.intel.hierarchy import DAY, YEAR, CertifiedKey, Hierarchy
from attestation.simulated.intel.quote_writer import raw_signature
from attestation.simulated.intel.quoting_enclaves import QE_ATTRIBUTES, QE_MASK, QuotingEnclave
from attestation.x509.pem import encode_pem

EVALUATION: Final = 18


@dataclass(frozen=True, slots=True)
class Collateral:
    """One QuoteCollateralV3: lists as hex of DER, chains as PEM, documents as the signed text."""

    pck_crl_issuer_chain: str = field(repr=False)
    root_ca_crl: str = field(repr=False)
    pck_crl: str = field(repr=False)
    tcb_info_issuer_chain: str = field(repr=False)
    tcb_info: str = field(repr=False)
    tcb_info_signature: str = field(repr=False)
    qe_identity_issuer_chain: str = field(repr=False)
    qe_identity: str = field(repr=False)
    qe_identity_signature: str = field(repr=False)
    # For quotes that do not bring it themselves.
    pck_certificate_chain: str | None = field(default=None, repr=False)

    def to_json(self) -> bytes:
        """Return it as one JSON object."""
        members = asdict(self).items()
        return canonical_json({name: value for name, value in members if value is not None})

    def with_tcb_info(self, text: str, signer: CertifiedKey) -> Collateral:
        """Return it with another TCB info, signed."""
        return replace(self, tcb_info=text, tcb_info_signature=signature_of(text, signer))

    def with_qe_identity(self, text: str, signer: CertifiedKey) -> Collateral:
        """Return it with another QE identity, signed."""
        return replace(self, qe_identity=text, qe_identity_signature=signature_of(text, signer))


@dataclass(frozen=True, slots=True)
class Publication:
    """Which collateral: for which TEE and family, of when, and which certificates are revoked."""

    tdx: bool
    fmspc: bytes
    enclave: QuotingEnclave
    documents: Period
    lists: Period
    pce_id: bytes = bytes(2)
    evaluation: int = EVALUATION
    revoked: tuple[int, ...] = ()
    revoked_by_root: tuple[int, ...] = ()
    on_hold: bool = False


def current(created: datetime) -> Period:
    """Return when collateral counts: a year from the platform's creation.

    Intel's own counts 30 days, after which one fetches the next; nobody would renew a folder.
    """
    return Period(created - DAY, created + YEAR)


def publish(hierarchy: Hierarchy, what: Publication) -> Collateral:
    """Return the signed collateral."""
    signer = hierarchy.tcb_signer
    tcb_info, identity = text_of(tcb_info_of(what)), text_of(qe_identity_of(what))
    signing_chain = chain_pem(signer.certificate, hierarchy.root.certificate)
    pck_crl = hierarchy.pck_crl(what.lists, revoked=what.revoked, on_hold=what.on_hold)
    return Collateral(
        pck_crl_issuer_chain=chain_pem(hierarchy.pck_ca.certificate, hierarchy.root.certificate),
        root_ca_crl=hierarchy.root_crl(what.lists, revoked=what.revoked_by_root).hex(),
        pck_crl=pck_crl.hex(),
        tcb_info_issuer_chain=signing_chain,
        tcb_info=tcb_info,
        tcb_info_signature=signature_of(tcb_info, signer),
        qe_identity_issuer_chain=signing_chain,
        qe_identity=identity,
        qe_identity_signature=signature_of(identity, signer),
    )


def tcb_info_of(what: Publication) -> dict[str, Any]:
    """Return TCB info, version 3."""
    head: dict[str, Any] = {
        "id": "TDX" if what.tdx else "SGX",
        "version": 3,
        **_dates(what.documents),
        "fmspc": what.fmspc.hex().upper(),
        "pceId": what.pce_id.hex(),
        "tcbType": 0,
        "tcbEvaluationDataNumber": what.evaluation,
    }
    if what.tdx:
        head["tdxModule"] = levels.module()
        head["tdxModuleIdentities"] = levels.module_identities()
    return head | {"tcbLevels": levels.tcb_levels(tdx=what.tdx)}


def qe_identity_of(what: Publication) -> dict[str, Any]:
    """Return QE identity, version 2."""
    return {
        "id": "TD_QE" if what.tdx else "QE",
        "version": 2,
        **_dates(what.documents),
        "tcbEvaluationDataNumber": what.evaluation,
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": QE_ATTRIBUTES.hex().upper(),
        "attributesMask": QE_MASK.hex().upper(),
        "mrsigner": what.enclave.mr_signer.hex().upper(),
        "isvprodid": what.enclave.isv_prod_id,
        "tcbLevels": levels.qe_levels(),
    }


def text_of(document: dict[str, Any]) -> str:
    """Return a document as the vendor writes it: members in their order, no spaces."""
    return json.dumps(document, separators=(",", ":"))


def signature_of(text: str, signer: CertifiedKey) -> str:
    """Return the signature over the text's bytes: r and s in hex."""
    return raw_signature(signer.key, text.encode()).hex()


def chain_pem(*certificates: bytes) -> str:
    """Return certificates as PEM, one behind the other."""
    return b"".join(encode_pem("CERTIFICATE", one) for one in certificates).decode("ascii")


def _dates(period: Period) -> dict[str, str]:
    return {
        "issueDate": f"{period.start:%Y-%m-%dT%H:%M:%SZ}",
        "nextUpdate": f"{period.end:%Y-%m-%dT%H:%M:%SZ}",
    }
