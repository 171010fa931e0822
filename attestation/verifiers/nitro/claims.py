"""A verified document in the flat claim names that policies use."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from attestation.claims import ClaimValue, VerifiedClaims
from attestation.limits import MAX_NITRO_PCRS
from attestation.verifiers.nitro.chain import NitroChain
from attestation.verifiers.nitro.document import DIGEST, NitroDocument

# Longer ones say nothing in a policy, which compares whole values: keys and digests fit.
SHORT_BYTES: Final = 64
_PCR_NAMES: Final = tuple(f"pcr.{number}" for number in range(MAX_NITRO_PCRS))


def claims_of(document: NitroDocument, chain: NitroChain, *, debug: bool) -> VerifiedClaims:
    """Return every member of the document under its name; call only once all checks passed."""
    nonce = document.nonce or b""
    values: dict[str, ClaimValue] = {
        "tee": "nitro",
        "simulated": chain.anchor.simulated,
        "measurement": document.pcrs[0].hex(),
        "report-data": nonce.hex(),
        "debug": debug,
        "module-id": document.module_id,
        "timestamp": document.timestamp,
        "digest": DIGEST,
    }
    for number, pcr in document.pcrs.items():
        values[_PCR_NAMES[number]] = pcr.hex()
    for name, data in (("user-data", document.user_data), ("public-key", document.public_key)):
        if data and len(data) <= SHORT_BYTES:
            values[name] = data.hex()
    return VerifiedClaims(
        tee="nitro",
        simulated=chain.anchor.simulated,
        measurement=document.pcrs[0],
        report_data=nonce,
        values=MappingProxyType(values),
    )
