"""What a simulated Intel platform shows to a relying party."""

from __future__ import annotations

from attestation.bundle import Bundle, BundleDocument
from attestation.endorsements import DocumentKind, Endorsements
from attestation.simulated.intel.collateral import current
from attestation.simulated.intel.faults import IntelFault
from attestation.simulated.intel.silicon import Faults, IntelSilicon
from attestation.x509.pem import encode_pem


def roots_of(silicon: IntelSilicon) -> bytes:
    """Return the vendor's root, PEM."""
    return encode_pem("CERTIFICATE", silicon.vendor.root.certificate)


def endorsements_of(silicon: IntelSilicon, faults: Faults) -> Endorsements:
    """Return the collateral, ready for `attestation.verify`."""
    return _bundle(silicon, faults).to_endorsements()


def bundle_of(silicon: IntelSilicon, faults: Faults) -> bytes:
    """Return the collateral as a bundle of endorsements."""
    return _bundle(silicon, faults).to_bytes()


def _bundle(silicon: IntelSilicon, faults: Faults) -> Bundle:
    if IntelFault.NO_COLLATERAL in faults:
        return Bundle.of([])
    created = silicon.identity.created
    document = BundleDocument(
        kind=DocumentKind.INTEL_COLLATERAL.value,
        data=silicon.collateral(faults).to_json(),
        source="simulated",
        fetched=created,
        expires=current(created).end,
    )
    return Bundle.of([document])
