"""One simulated Intel platform: its certified key, its quoting enclave, its vendor's collateral."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated.authority import derive_key
from attestation.simulated.intel import levels
from attestation.simulated.intel.collateral import (
    EVALUATION,
    Collateral,
    Publication,
    chain_pem,
    current,
    publish,
)
from attestation.simulated.intel.faults import STATUS_FAULTS, IntelFault
from attestation.simulated.intel.hierarchy import CertifiedKey, Hierarchy, Identity
from attestation.simulated.intel.pck_extension import PckExtension
from attestation.simulated.intel.quote_writer import EnclaveReport
from attestation.simulated.intel.quoting import Quoting
from attestation.simulated.intel.quoting_enclaves import QE, TD_QE, QuotingEnclave
from attestation.x509.certificate import parse_certificate

Faults = AbstractSet[str]
Key = ec.EllipticCurvePrivateKey

_FMSPC: Final = {True: bytes.fromhex("5ea1806f0000"), False: bytes.fromhex("5ea100a06711")}


class IntelSilicon:
    """A platform that makes TDX quotes (`tdx`) or SGX quotes, and who certifies it."""

    def __init__(self, identity: Identity, *, tdx: bool) -> None:
        self.identity = identity
        self.tdx = tdx
        self.vendor = Hierarchy(identity)

    @cached_property
    def stranger(self) -> Hierarchy:
        """Another vendor, of whom nobody has heard."""
        return Hierarchy(replace(self.identity, is_stranger=True))

    @property
    def enclave(self) -> QuotingEnclave:
        """The quoting enclave of this TEE."""
        return TD_QE if self.tdx else QE

    @property
    def fmspc(self) -> bytes:
        """The platform family."""
        return _FMSPC[self.tdx]

    def extension(self, first: int = levels.NEWEST) -> PckExtension:
        """Return what the vendor certifies when the first component has this SVN."""
        of_several = self.identity.pck_ca == "platform"
        return PckExtension(
            ppid=self.identity.derive("ppid", 16),
            components=levels.components_at(first),
            pce_svn=levels.PCE_SVN,
            fmspc=self.fmspc,
            sgx_type=1 if of_several else 0,
            instance_id=self.identity.derive("instance", 16) if of_several else None,
            configuration=(True, True, True) if of_several else None,
        )

    def pck(self, faults: Faults = frozenset()) -> CertifiedKey:
        """Return the platform's key and certificate."""
        hierarchy = self.stranger if IntelFault.SIGNED_BY_STRANGER in faults else self.vendor
        period = None
        if IntelFault.EXPIRED_PCK in faults:
            period = hierarchy.past()
        elif IntelFault.FUTURE_CLOCK in faults:
            period = hierarchy.future()
        return hierarchy.pck(self.extension(_first_svn(faults)), period)

    def quoting(self, faults: Faults = frozenset()) -> Quoting:
        """Return the quoting enclave with its key, certified by the platform."""
        hierarchy = self.stranger if IntelFault.SIGNED_BY_STRANGER in faults else self.vendor
        pck, key = self.pck(faults), derive_key(self.identity.secret, "attestation key")
        chain = chain_pem(pck.certificate, hierarchy.pck_ca.certificate, hierarchy.root.certificate)
        honest = Quoting(
            attestation_key=key,
            vouched_key=key,
            pck_key=pck.key,
            report=self._qe_report(),
            # Real ones end in a NUL.
            certificates=chain.encode("ascii") + b"\0",
        )
        other = derive_key(self.identity.secret, "another key")
        for fault in sorted(_QUOTING.keys() & faults):
            honest = _QUOTING[fault](honest, other)
        return honest

    def _qe_report(self) -> EnclaveReport:
        return EnclaveReport(
            cpu_svn=self.extension().cpu_svn,
            mr_enclave=self.enclave.mr_enclave,
            mr_signer=self.enclave.mr_signer,
            report_data=bytes(64),
            isv_prod_id=self.enclave.isv_prod_id,
            isv_svn=levels.QE_SVN,
            attributes=0x15,
        )

    def publication(self) -> Publication:
        """Return what the vendor publishes about this platform, honestly and on time."""
        period = current(self.identity.created)
        return Publication(self.tdx, self.fmspc, self.enclave, documents=period, lists=period)

    def collateral(self, faults: Faults = frozenset()) -> Collateral:
        """Return the published collateral."""
        made = publish(self.vendor, self._publication_with(faults))
        if IntelFault.TAMPERED_COLLATERAL in faults:
            named = f'"tcbEvaluationDataNumber":{EVALUATION}'
            return replace(made, tcb_info=made.tcb_info.replace(named, f"{named}0"))
        if IntelFault.NO_CRL in faults:
            return replace(made, pck_crl="")
        if IntelFault.CRL_OF_OTHER_CA in faults:
            other = self.vendor.pck_ca_of(
                "processor" if self.identity.pck_ca == "platform" else "platform"
            )
            return replace(made, pck_crl=other.crl(current(self.identity.created)).hex())
        return made

    def _publication_with(self, faults: Faults) -> Publication:
        what = self.publication()
        for fault in sorted(_PUBLICATION.keys() & faults):
            what = _PUBLICATION[fault](self, what)
        return what


def _first_svn(faults: Faults) -> int:
    found = [status for fault, status in STATUS_FAULTS.items() if fault in faults]
    return levels.RUNG_OF[found[0]] if found else levels.NEWEST


def _qe(**changes: Any) -> Callable[[Quoting, Key], Quoting]:
    return lambda quoting, _: replace(quoting, report=replace(quoting.report, **changes))


# What each fault does to the quoting enclave; the key is one that nobody certified.
_QUOTING: Final[Mapping[str, Callable[[Quoting, Key], Quoting]]] = MappingProxyType(
    {
        IntelFault.UNSIGNED: lambda quoting, _: replace(quoting, signature=bytes(64)),
        IntelFault.WRONG_ATTESTATION_KEY: lambda quoting, other: replace(
            quoting, attestation_key=other
        ),
        IntelFault.FORGED_QE_REPORT: lambda quoting, other: replace(quoting, pck_key=other),
        IntelFault.OTHER_QE_SIGNER: _qe(mr_signer=b"\x5e" * 32),
        IntelFault.OTHER_QE_PRODUCT: _qe(isv_prod_id=9),
        IntelFault.DEBUG_QE: _qe(attributes=0x17),
        IntelFault.QE_OUT_OF_DATE: _qe(isv_svn=6),
        IntelFault.QE_REVOKED: _qe(isv_svn=4),
        IntelFault.QE_NOT_SUPPORTED: _qe(isv_svn=3),
    }
)

# What each fault does to what the vendor publishes.
_PUBLICATION: Final[Mapping[str, Callable[[IntelSilicon, Publication], Publication]]] = (
    MappingProxyType(
        {
            IntelFault.WRONG_FMSPC: lambda _, what: replace(what, fmspc=b"\x0f" * 6),
            IntelFault.COLLATERAL_OF_OTHER_TEE: lambda silicon, what: replace(
                what, tdx=not silicon.tdx
            ),
            IntelFault.EXPIRED_COLLATERAL: lambda silicon, what: replace(
                what, documents=silicon.vendor.past()
            ),
            IntelFault.FUTURE_COLLATERAL: lambda silicon, what: replace(
                what, documents=silicon.vendor.future()
            ),
            IntelFault.OLD_COLLATERAL: lambda _, what: replace(what, evaluation=EVALUATION - 1),
            IntelFault.EXPIRED_CRL: lambda silicon, what: replace(
                what, lists=silicon.vendor.past()
            ),
            IntelFault.REVOKED_PCK: lambda silicon, what: replace(
                what, revoked=(silicon.pck().serial,)
            ),
            IntelFault.PCK_ON_HOLD: lambda silicon, what: replace(
                what, revoked=(silicon.pck().serial,), on_hold=True
            ),
            IntelFault.REVOKED_PCK_CA: lambda silicon, what: replace(
                what,
                revoked_by_root=(parse_certificate(silicon.vendor.pck_ca.certificate).serial,),
            ),
        }
    )
)
