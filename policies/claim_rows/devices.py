"""Claims about the devices beside a processor, which composite evidence proves with it."""

from __future__ import annotations

from typing import Final

from policies.claim import BOOLEAN, CHOICE, INTEGER, TEXT, Claim

# Processors whose evidence has room for devices.
TEES: Final = ("snp", "tdx", "cca", "azure-snp", "azure-tdx")
ARCHITECTURES: Final = ("hopper", "blackwell", "ls10")

ROWS: Final = (
    Claim("devices.count", INTEGER, "devices that the processor vouches for; 0 without"),
    Claim("devices.simulated", BOOLEAN, "any device is simulated"),
    Claim("devices.architecture", CHOICE, "of all devices, where one", choices=ARCHITECTURES),
    Claim("devices.driver-version", TEXT, "of all devices, where one, such as 570.86.10"),
    Claim("devices.vbios-version", TEXT, "of all devices, where one, such as 96.00.AF.00.01"),
    Claim("devices.rim-checked", BOOLEAN, "all measurements are in signed manifests"),
    Claim("devices.ocsp-checked", BOOLEAN, "the vendor said all certificates are good"),
)
