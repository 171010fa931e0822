"""Simulated Intel silicon in memory: the same platform every time, at the tests' own time."""

from __future__ import annotations

import hashlib

from attestation.simulated.intel.hierarchy import Identity, PckCa
from attestation.simulated.intel.silicon import IntelSilicon
from attestation.simulated.sgx.platform import SimulatedSgxPlatform
from attestation.simulated.tdx.platform import SimulatedTdxPlatform
from tests.fakes.silicon import NOW


def make_silicon(
    *, tdx: bool, pck_ca: PckCa = "platform", platform: str = "7e57c0de"
) -> IntelSilicon:
    """Return a platform; another name is another platform with other keys."""
    secret = hashlib.sha384(f"intel {platform}".encode()).digest()
    return IntelSilicon(Identity(platform, NOW, secret, pck_ca), tdx=tdx)


def make_tdx(*, pck_ca: PckCa = "platform") -> SimulatedTdxPlatform:
    """Return a TDX platform without a folder."""
    return SimulatedTdxPlatform(make_silicon(tdx=True, pck_ca=pck_ca))


def make_sgx(*, pck_ca: PckCa = "processor") -> SimulatedSgxPlatform:
    """Return an SGX platform without a folder."""
    return SimulatedSgxPlatform(make_silicon(tdx=False, pck_ca=pck_ca))


def entropy(size: int) -> bytes:
    """Return the same bytes every time, for a platform in a folder."""
    return hashlib.shake_256(b"platform").digest(size)
