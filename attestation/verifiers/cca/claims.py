"""A verified CCA token in the flat claim names that policies use."""

from __future__ import annotations

from types import MappingProxyType

from attestation.claims import ClaimValue, VerifiedClaims
from attestation.verifiers.arm.lifecycle import DEBUG_STATES
from attestation.verifiers.arm.software import component_claims
from attestation.verifiers.cca.platform import PlatformClaims
from attestation.verifiers.cca.realm import RealmClaims, RealmKey


def claims_of(
    platform: PlatformClaims, realm: RealmClaims, key: RealmKey, *, simulated: bool
) -> VerifiedClaims:
    """Return every claim under its name; call only once all checks have passed."""
    values: dict[str, ClaimValue] = {
        "tee": "cca",
        "simulated": simulated,
        "measurement": realm.initial.hex(),
        "report-data": realm.challenge.hex(),
        "debug": platform.state in DEBUG_STATES,
        "hash-algorithm": realm.hash_algorithm,
        "personalization-value": realm.personalization.hex(),
        "realm-key-digest": key.digest.hex(),
        "realm-key-hash-algorithm": key.algorithm,
        "implementation-id": platform.device.implementation.hex(),
        "instance-id": platform.device.instance.hex(),
        "platform-profile": platform.profile,
        "platform-config": platform.config.hex(),
        "platform-hash-algorithm": platform.hash_algorithm,
        "lifecycle": platform.state.value,
        "security-lifecycle": platform.lifecycle,
        "unknown-claims": platform.unknown + realm.unknown,
    }
    for number, register in enumerate(realm.extensible):
        values[f"rem{number}"] = register.hex()
    texts = {"realm-profile": realm.profile, "verification-service": platform.service}
    values.update({name: text for name, text in texts.items() if text is not None})
    values.update(component_claims(platform.components))
    return VerifiedClaims(
        tee="cca",
        simulated=simulated,
        measurement=realm.initial,
        report_data=realm.challenge,
        values=MappingProxyType(values),
    )
