"""Which service is asked for what."""

from __future__ import annotations

from dataclasses import dataclass, field

from attestation.endorsement_store import amd, intel, nvidia
from attestation.endorsement_store.fetched import Errand, Fetched
from attestation.endorsement_store.http import HttpClient
from attestation.endorsement_store.services import VendorUrls
from attestation.endorsement_store.wanted import (
    IntelCollateral,
    NvidiaManifest,
    NvidiaStatus,
    SnpCertificates,
    SnpChipKey,
    SnpRevocations,
    Wanted,
)


@dataclass(frozen=True, slots=True)
class VendorFetcher:
    """Asks the vendors' services, or those a site has in their place."""

    http: HttpClient = field(default_factory=HttpClient)
    urls: VendorUrls = field(default_factory=VendorUrls)

    def fetch(self, wanted: Wanted) -> list[Fetched]:
        """Return what the service sent, read but not verified. Raises `EvidenceError`."""
        errand = Errand(self.http, self.urls, self.http.deadline())
        match wanted:
            case SnpCertificates():
                return amd.fetch_certificates(wanted, errand)
            case SnpRevocations():
                return amd.fetch_revocations(wanted, errand)
            case SnpChipKey():
                return amd.fetch_chip_key(wanted, errand)
            case IntelCollateral():
                return intel.fetch_collateral(wanted, errand)
            case NvidiaStatus():
                return nvidia.fetch_status(wanted, errand)
            case NvidiaManifest():
                return nvidia.fetch_manifest(wanted, errand)
