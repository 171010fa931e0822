"""A verified PSA token in the flat claim names that policies use."""

from __future__ import annotations

import hashlib
from types import MappingProxyType

from attestation import cbor
from attestation.claims import ClaimValue, VerifiedClaims
from attestation.verifiers.arm.lifecycle import DEBUG_STATES
from attestation.verifiers.arm.software import Component, component_claims
from attestation.verifiers.psa.token import PsaClaims


def claims_of(claims: PsaClaims, *, simulated: bool) -> VerifiedClaims:
    """Return every claim under its name; call only once all checks have passed."""
    measurement = software_measurement(claims.components)
    values: dict[str, ClaimValue] = {
        "tee": "psa",
        "simulated": simulated,
        "measurement": measurement.hex(),
        "report-data": claims.nonce.hex(),
        "debug": claims.state in DEBUG_STATES,
        "platform-profile": claims.profile,
        "implementation-id": claims.device.implementation.hex(),
        "instance-id": claims.device.instance.hex(),
        "client-id": claims.client,
        "lifecycle": claims.state.value,
        "security-lifecycle": claims.lifecycle,
        "unknown-claims": claims.unknown,
    }
    if claims.boot_seed is not None:
        values["boot-seed"] = claims.boot_seed.hex()
    texts = {
        "certification-reference": claims.certification,
        "verification-service": claims.service,
    }
    values.update({name: text for name, text in texts.items() if text is not None})
    values.update(component_claims(claims.components))
    return VerifiedClaims(
        tee="psa",
        simulated=simulated,
        measurement=measurement,
        report_data=claims.nonce,
        values=MappingProxyType(values),
    )


def software_measurement(components: tuple[Component, ...]) -> bytes:
    """Return one digest for all that was started: SHA-256 over CBOR `[[signer, digest], ...]`.

    A PSA token has no single measurement; this one changes with any component, signer or order.
    """
    listed = [[one.signer, one.measurement] for one in components]
    return hashlib.sha256(cbor.encode(listed)).digest()
