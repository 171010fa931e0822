"""Which describer a kind of evidence has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from attestation.composite import DEVICES, parse_devices
from attestation.describe.arm import describe_cca, describe_psa
from attestation.describe.field import Described, text_of
from attestation.describe.intel import describe_quote
from attestation.describe.nitro import describe_nitro
from attestation.describe.nvidia import describe_nvidia
from attestation.describe.snp import describe_snp
from attestation.describe.tpm import describe_azure, describe_tpm
from attestation.evidence import UnverifiedEvidence

Describer = Callable[[Mapping[str, bytes]], list[Described]]

DESCRIBERS: Final[Mapping[str, Describer]] = MappingProxyType(
    {
        "snp": describe_snp,
        "tdx": describe_quote,
        "sgx": describe_quote,
        "nitro": describe_nitro,
        "cca": describe_cca,
        "psa": describe_psa,
        "tpm": describe_tpm,
        "azure-snp": describe_azure,
        "azure-tdx": describe_azure,
        "nvidia": describe_nvidia,
    }
)


def describe(evidence: UnverifiedEvidence) -> list[Described]:
    """Return every field of unverified evidence, and those of the devices that come with it.

    Nothing is checked but the form. Raises `EvidenceError` for what cannot be parsed. A part that
    has no describer is shown as bytes.
    """
    describer = DESCRIBERS.get(evidence.tee)
    if describer is None:
        return [
            Described(name, name, text_of(data), "bytes of this part")
            for name, data in sorted(evidence.parts.items())
        ]
    found = describer(evidence.parts)
    if DEVICES in evidence.parts:
        for index, device in enumerate(parse_devices(evidence.parts[DEVICES])):
            found += [replace(one, part=f"device {index} {one.part}") for one in describe(device)]
    return found
