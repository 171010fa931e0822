"""Simulated TPMs and Azure guests on the repository's own test keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from attestation.simulated.azure.guest import Keys
from attestation.simulated.azure.platform import (
    SimulatedAzureSnpPlatform,
    SimulatedAzureTdxPlatform,
)
from attestation.simulated.tpm.platform import SimulatedTpmPlatform
from attestation.simulated.tpm.vendor import Vendor
from tests.fakes.silicon import NOW, signer_of

KEYS = Path(__file__).resolve().parent.parent / "vectors" / "azure-test-keys"
VENDOR = Vendor(hashlib.sha384(b"tpm vendor").digest(), "7e57c0de", NOW)


@cache
def rsa_key(role: str) -> rsa.RSAPrivateKey:
    """Return the test key "ak" or "other"."""
    pem = (KEYS / f"{role}.pem").read_bytes()
    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def azure_keys() -> Keys:
    """Return the keys of the simulated virtual TPM."""
    return Keys(rsa_key("ak"), rsa_key("other"))


def entropy(size: int) -> bytes:
    """Return the same bytes every time."""
    return hashlib.shake_256(b"platform").digest(size)


def make_tpm_platform(folder: Path, *, faults: Iterable[str] = ()) -> SimulatedTpmPlatform:
    """Return a platform in `folder`."""
    return SimulatedTpmPlatform.create(folder, now=NOW, faults=faults, entropy=entropy)


def make_azure_platform(
    folder: Path, tee: str = "azure-snp", *, faults: Iterable[str] = ()
) -> SimulatedAzureSnpPlatform | SimulatedAzureTdxPlatform:
    """Return a platform in `folder` that took milliseconds to make."""
    keys = azure_keys()
    if tee == "azure-tdx":
        return SimulatedAzureTdxPlatform.create(
            folder, now=NOW, faults=faults, entropy=entropy, keys=keys
        )
    return SimulatedAzureSnpPlatform.create(
        folder, now=NOW, faults=faults, entropy=entropy, signer_of=signer_of, keys=keys
    )
