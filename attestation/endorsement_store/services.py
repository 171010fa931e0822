"""Where each vendor publishes. The one table of hosts that this package may talk to."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final
from urllib.parse import urlsplit

# Plain HTTP never leaves the machine: a site's own cache beside the broker, and tests.
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class VendorUrls:
    """Base addresses of the services; a site may name mirrors, such as its own Intel PCCS.

    `intel_root_crl` is one whole address, the others are what paths are appended to. Raises
    `ValueError` for anything but https, or http on this machine, and for queries and user names.
    """

    # AMD Key Distribution Service (document 57230).
    amd_kds: str = "https://kdsintf.amd.com"
    # Intel Provisioning Certification Service, version 4.
    intel_pcs: str = "https://api.trustedservices.intel.com"
    intel_root_crl: str = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
    nvidia_ocsp: str = "https://ocsp.ndis.nvidia.com"
    nvidia_rim: str = "https://rim.attestation.nvidia.com"

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, _checked(one.name, getattr(self, one.name)))


def _checked(name: str, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"{name} is not an https address: {url}")
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{name} is not a plain address: {url}")
    return url.rstrip("/")


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: what a redirect must not change."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port
