"""What profiles demand of the reference values and keys in a CoRIM.

A profile that is not known here demands nothing further: its measurements are read as they stand,
and `from_corim` takes only those that it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attestation.corim.model import (
    BYTES,
    SHA384,
    UEID,
    Corim,
    Environment,
    KeyTriple,
    Measurement,
    ReferenceTriple,
)
from attestation.corim.reader import malformed

SNP: Final = "tag:amd.com,2024:snp-corim-profile"
CCA_PLATFORM: Final = "tag:arm.com,2025:cca_platform#1.0.0"
CCA_REALM: Final = "tag:arm.com,2025:cca_realm#1.0.0"
PSA: Final = "tag:arm.com,2025:psa#1.0.0"
SNP_MEASUREMENT: Final = 641
RIM: Final = "cca.rim"
_PEM_KEY: Final = 554
_HASH_BYTES: Final = frozenset({32, 48, 64})
_COMPONENTS: Final = frozenset({"cca.software-component", "psa.software-component"})
_PLATFORM_CONFIG: Final = "cca.platform-config"
_PLATFORM_KEYS: Final = (*_COMPONENTS, "cca.platform-", "cca.rotpk.", "psa.cert")
_RPV: Final = "cca.rpv"
_REALM_KEYS: Final = frozenset({RIM, _RPV, *(f"cca.rem{number}" for number in range(4))})


def check_profile(corim: Corim) -> None:
    """Return if the CoRIM keeps to its profile; raise `malformed` if not."""
    check_reference, check_keys = _PROFILES.get(corim.profile or "", (_anything, _any_keys))
    for comid in corim.comids:
        for reference in comid.references:
            check_reference(reference)
        for keys in comid.keys:
            check_keys(keys)


def _anything(reference: ReferenceTriple) -> None:
    """Accept any reference value."""


def _any_keys(keys: KeyTriple) -> None:
    """Accept any key."""


def _snp_reference(reference: ReferenceTriple) -> None:
    for one in reference.measurements:
        # Numbers are fields of the report, in the profile's own count.
        if not isinstance(one.key, int):
            raise malformed("SNP measurement", "has no number")
        if one.key == SNP_MEASUREMENT and [kind for kind, _ in one.digests] != [SHA384]:
            raise malformed("SNP launch measurement", "is not one SHA-384 digest")


def _snp_keys(keys: KeyTriple) -> None:
    if keys.environment.vendor is None or keys.environment.model is None:
        raise malformed("SNP key", "is of no vendor and model")


def _platform_reference(reference: ReferenceTriple) -> None:
    _check_implementation(reference.environment)
    if reference.environment.instance is not None:
        raise malformed("Arm reference value", "is of one device only")
    for one in reference.measurements:
        _check_platform_value(one)


def _check_platform_value(one: Measurement) -> None:
    if not isinstance(one.key, str) or not one.key.startswith(_PLATFORM_KEYS):
        raise malformed("Arm measurement", "has no name of the profile")
    if one.key in _COMPONENTS and not one.digests:
        raise malformed("Arm software component", "has no digest")
    if one.key in _COMPONENTS and any(key.tag != BYTES for key in one.keys):
        raise malformed("Arm software component", "names its signer by more than a digest")
    if one.key == _PLATFORM_CONFIG and one.raw is None:
        raise malformed("CCA platform configuration", "has no value")


def _platform_keys(keys: KeyTriple) -> None:
    _check_implementation(keys.environment)
    instance = keys.environment.instance
    if instance is None or instance.tag != UEID:
        raise malformed("Arm device key", "is of no one device")
    if len(keys.keys) != 1 or keys.keys[0].tag != _PEM_KEY:
        raise malformed("Arm device key", "is not one public key")


def _check_implementation(environment: Environment) -> None:
    class_id = environment.class_id
    if class_id is None or class_id.tag != BYTES or len(class_id.value) != 32:
        raise malformed("Arm device", "has no implementation id of 32 bytes")


def _realm_reference(reference: ReferenceTriple) -> None:
    class_id = reference.environment.class_id
    if class_id is None or class_id.tag != BYTES or len(class_id.value) not in _HASH_BYTES:
        raise malformed("CCA realm", "is not named by its initial measurement")
    rims = [one for one in reference.measurements if one.key == RIM]
    if len(rims) != 1:
        raise malformed("CCA realm", "has not one initial measurement")
    for one in reference.measurements:
        _check_realm_value(one)
    if [digest for _, digest in rims[0].digests] != [class_id.value]:
        raise malformed("CCA realm", "has an initial measurement that is not its name")


def _check_realm_value(one: Measurement) -> None:
    if one.key not in _REALM_KEYS:
        raise malformed("CCA realm measurement", "has no name of the profile")
    if one.key == _RPV and one.raw is None:
        raise malformed("CCA personalization value", "has no value")
    if one.key != _RPV and not one.digests:
        raise malformed("CCA realm measurement", "has no digest")


def _no_keys(keys: KeyTriple) -> None:
    raise malformed("CCA realm", f"has {len(keys.keys)} keys, which come in the token")


_Rules = tuple[Callable[[ReferenceTriple], None], Callable[[KeyTriple], None]]
_PROFILES: Final[Mapping[str, _Rules]] = {
    SNP: (_snp_reference, _snp_keys),
    CCA_PLATFORM: (_platform_reference, _platform_keys),
    CCA_REALM: (_realm_reference, _no_keys),
    PSA: (_platform_reference, _platform_keys),
}
