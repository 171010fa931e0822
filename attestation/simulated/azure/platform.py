"""A simulated Azure host in a folder: simulated silicon, and a virtual TPM under a paravisor."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from attestation.encoding import canonical_json, parse_json
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_STATE_BYTES
from attestation.simulated.azure.faults import Fault
from attestation.simulated.azure.guest import Keys, SimulatedAzureGuest
from attestation.simulated.machine import Entropy, SimulatedMachine
from attestation.simulated.snp.platform import SignerOf, SimulatedPlatform
from attestation.simulated.store import FolderStore, Store
from attestation.simulated.tdx.platform import SimulatedTdxPlatform

_STATE: Final = "state.json"
_HARDWARE: Final = "hardware"
_PUBLISHED: Final = ("root.pem", "endorsements.pem", "crl.der", "endorsements.json")
# Faults that are the hardware's, under the name it has for them.
_OF_HARDWARE: Final = {Fault.DEBUG: "debug", Fault.TAMPERED_HARDWARE: "tampered"}
_NOTICE: Final = b"""SIMULATED

This folder is a simulated Azure host with a virtual TPM. Its keys are files, so evidence made with
them proves nothing about any hardware. Never trust its root, nor that of the hardware below.
"""


@dataclass(frozen=True, slots=True)
class _AzurePlatform:
    """What the platforms of both kinds of hardware share."""

    hardware: SimulatedMachine = field(repr=False)
    keys: Keys = field(repr=False)
    faults: frozenset[Fault] = frozenset()

    def roots_pem(self) -> bytes:
        """Return the roots of the hardware: what `TrustAnchors.with_simulated` takes."""
        return self.hardware.roots_pem()

    def endorsements(self) -> Endorsements:
        """Return what the vendor of the hardware publishes, ready for `attestation.verify`."""
        return self.hardware.endorsements()

    @staticmethod
    def launch_value(measurement: bytes) -> bytes:
        """Return the measurement: the hardware's has room for all 48 bytes."""
        return measurement

    def launch(self, measurement: bytes) -> SimulatedAzureGuest:
        """Return a guest with this measurement (48 bytes), by hardware and in PCR 12."""
        return SimulatedAzureGuest(
            self.hardware.launch(measurement), self.keys, measurement, self.faults
        )

    def with_fault(self, fault: Fault) -> Self:
        """Return it with one more fault of paravisor or virtual TPM; its folder stays as it is."""
        return replace(self, faults=self.faults | {fault})


@dataclass(frozen=True, slots=True)
class SimulatedAzureSnpPlatform(_AzurePlatform):
    """An Azure host on simulated SEV-SNP."""

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        now: datetime,
        faults: Iterable[str] = (),
        entropy: Entropy = secrets.token_bytes,
        signer_of: SignerOf | None = None,
        keys: Keys | None = None,
    ) -> SimulatedAzureSnpPlatform:
        """Make a platform in a new or empty folder; RSA keys take a second or two.

        `signer_of` and `keys` give other ones (tests). Raises `FileExistsError` if something is
        there already, `ValueError` for an unknown fault.
        """
        known = _create(folder, "azure-snp", now=now, faults=faults, keys=keys)
        SimulatedPlatform.create(
            folder / _HARDWARE,
            now=now,
            faults=_of_hardware(known),
            entropy=entropy,
            signer_of=signer_of,
        )
        _publish(folder)
        return cls.load(folder, signer_of=signer_of)

    @classmethod
    def load(cls, folder: Path, *, signer_of: SignerOf | None = None) -> SimulatedAzureSnpPlatform:
        """Return the platform in `folder`; raise `EvidenceError` if it does not hold one."""
        keys, faults = _load(folder, "azure-snp")
        return cls(SimulatedPlatform.load(folder / _HARDWARE, signer_of=signer_of), keys, faults)


@dataclass(frozen=True, slots=True)
class SimulatedAzureTdxPlatform(_AzurePlatform):
    """An Azure host on simulated TDX."""

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        now: datetime,
        faults: Iterable[str] = (),
        entropy: Entropy = secrets.token_bytes,
        keys: Keys | None = None,
    ) -> SimulatedAzureTdxPlatform:
        """Make a platform in a new or empty folder; `keys` gives other ones (tests).

        Raises `FileExistsError` if something is there already, `ValueError` for an unknown fault.
        """
        known = _create(folder, "azure-tdx", now=now, faults=faults, keys=keys)
        hardware = folder / _HARDWARE
        SimulatedTdxPlatform.create(hardware, now=now, faults=_of_hardware(known), entropy=entropy)
        _publish(folder)
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> SimulatedAzureTdxPlatform:
        """Return the platform in `folder`; raise `EvidenceError` if it does not hold one."""
        keys, faults = _load(folder, "azure-tdx")
        return cls(SimulatedTdxPlatform.load(folder / _HARDWARE), keys, faults)


def _of_hardware(faults: Iterable[Fault]) -> list[str]:
    return [_OF_HARDWARE[one] for one in faults if one in _OF_HARDWARE]


def _create(
    folder: Path, tee: str, *, now: datetime, faults: Iterable[str], keys: Keys | None
) -> list[Fault]:
    known = sorted(map(Fault, faults))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    store = FolderStore(folder)
    store.save("SIMULATED.txt", _NOTICE)
    for role in ("ak", "other"):
        _save_key(store, role, _generate() if keys is None else getattr(keys, role))
    state = {
        "created": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "faults": known,
        "format": 1,
        "simulated": True,
        "tee": tee,
    }
    store.save(_STATE, canonical_json(state))
    return known


def _publish(folder: Path) -> None:
    """Show what the hardware's vendor publishes as the platform's own."""
    source, store = FolderStore(folder / _HARDWARE), FolderStore(folder)
    for name in _PUBLISHED:
        data = source.load(name)
        if data is not None:
            store.save(name, data)


def _load(folder: Path, tee: str) -> tuple[Keys, frozenset[Fault]]:
    store = FolderStore(folder)
    data = store.load(_STATE)
    if data is None:
        raise EvidenceError(Refusal.MALFORMED, "folder holds no simulated platform")
    state: Any = parse_json(data, limit_bytes=MAX_STATE_BYTES, what=_STATE)
    try:
        of_tee, faults = state["tee"] == tee, frozenset(map(Fault, state["faults"]))
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(Refusal.MALFORMED, "state of simulated platform") from error
    if not of_tee:
        raise EvidenceError(Refusal.MALFORMED, f"simulated platform is not one of {tee}")
    return Keys(_key(store, "ak"), _key(store, "other")), faults


def _generate() -> rsa.RSAPrivateKey:
    """Return a new key; the library's own generator cannot be given entropy."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _save_key(store: Store, role: str, key: rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    store.save(f"keys/{role}.pem", pem)


def _key(store: Store, role: str) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(store.load(f"keys/{role}.pem") or b"", None)
    except ValueError as error:
        raise EvidenceError(Refusal.MALFORMED, "key of a simulated TPM is unreadable") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise EvidenceError(Refusal.MALFORMED, "key of a simulated TPM is not RSA")
    return key
