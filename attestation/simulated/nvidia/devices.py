"""The simulated devices of one machine in a folder: create them, load them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from attestation.bundle import Bundle, BundleDocument
from attestation.encoding import canonical_json, parse_json
from attestation.endorsements import DocumentKind, Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_DEVICES, MAX_STATE_BYTES
from attestation.simulated.machine import Entropy
from attestation.simulated.nvidia import ocsp_writer
from attestation.simulated.nvidia.faults import Fault
from attestation.simulated.nvidia.gpu import SimulatedGpu
from attestation.simulated.nvidia.models import MODELS
from attestation.simulated.nvidia.vendor import Vendor
from attestation.simulated.store import FolderStore
from attestation.x509.pem import encode_pem

_STATE: Final = "state.json"
_SECRET: Final = "vendor.secret"  # noqa: S105 - a file name
_SECRET_BYTES: Final = 48
_NOTICE: Final = b"""SIMULATED

This folder holds simulated NVIDIA devices. Their keys are files, so evidence made with them proves
nothing about any hardware. Never add their roots to the trust store of anything that matters.
"""
_OCSP_LIFE: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class SimulatedDevices:
    """A vendor, some devices of one model, and what the vendor publishes about them."""

    vendor: Vendor = field(repr=False)
    count: int
    faults: frozenset[Fault] = frozenset()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        now: datetime,
        model: str = "hopper",
        count: int = 1,
        faults: Iterable[str] = (),
        entropy: Entropy = secrets.token_bytes,
    ) -> SimulatedDevices:
        """Make devices in a new or empty folder, with their roots and endorsements.

        Raises `FileExistsError` if something is there already, `ValueError` for an unknown model
        or fault, or another number of devices than 1 to 16.
        """
        if model not in MODELS or not 1 <= count <= MAX_DEVICES:
            raise ValueError(f"cannot simulate {count} devices of {model}")
        known_faults = sorted(map(Fault, faults))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty")
        store = FolderStore(folder)
        store.save("SIMULATED.txt", _NOTICE)
        secret = entropy(_SECRET_BYTES)
        store.save(_SECRET, secret)
        state = {
            "count": count,
            "created": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "faults": known_faults,
            "format": 1,
            "model": model,
            "simulated": True,
            "tee": "nvidia",
        }
        store.save(_STATE, canonical_json(state))
        devices = cls._of(state, secret)
        store.save("root.pem", devices.roots_pem())
        store.save("endorsements.json", devices.bundle().to_bytes())
        return devices

    @classmethod
    def load(cls, folder: Path) -> SimulatedDevices:
        """Return the devices in `folder`; raise `EvidenceError` if it does not hold any."""
        store = FolderStore(folder)
        state = store.load(_STATE)
        if state is None:
            raise EvidenceError(Refusal.MALFORMED, "folder holds no simulated devices")
        document = parse_json(state, limit_bytes=MAX_STATE_BYTES, what=_STATE)
        return cls._of(document, store.load(_SECRET) or b"")

    @classmethod
    def _of(cls, state: Any, secret: bytes) -> SimulatedDevices:
        try:
            created = datetime.fromisoformat(state["created"])
            vendor = Vendor(secret, created, MODELS[state["model"]])
            count, faults = int(state["count"]), frozenset(map(Fault, state["faults"]))
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(Refusal.MALFORMED, "state of simulated devices") from error
        if len(secret) != _SECRET_BYTES or not 1 <= count <= MAX_DEVICES:
            raise EvidenceError(Refusal.MALFORMED, "simulated devices have lost secret or number")
        return cls(vendor, count, faults)

    @property
    def gpus(self) -> tuple[SimulatedGpu, ...]:
        """The devices, each with the faults."""
        return tuple(SimulatedGpu(self.vendor, n, self.faults) for n in range(self.count))

    def roots_pem(self) -> bytes:
        """Return both roots: what `TrustAnchors.with_simulated` takes."""
        roots = (self.vendor.root, self.vendor.rim_root)
        return b"".join(encode_pem("CERTIFICATE", one.certificate) for one in roots)

    def bundle(self) -> Bundle:
        """Return what the vendor publishes: manifests, and OCSP answers for a year."""
        said: str | int = ocsp_writer.GOOD
        if Fault.DEVICE_ON_HOLD in self.faults:
            said = ocsp_writer.CERTIFICATE_HOLD
        elif Fault.DEVICE_REVOKED in self.faults:
            said = ocsp_writer.KEY_COMPROMISE
        answers = self.vendor.ocsp_responses(range(self.count), device=said)
        listed = [(DocumentKind.NVIDIA_RIM, one) for one in self.vendor.rims()]
        listed += [(DocumentKind.OCSP, one) for one in answers]
        created = self.vendor.created
        return Bundle.of(
            BundleDocument(
                kind=kind.value,
                data=data,
                source="simulated",
                fetched=created,
                expires=created + _OCSP_LIFE,
            )
            for kind, data in listed
        )

    def endorsements(self) -> Endorsements:
        """Return what the vendor publishes, ready for `attestation.verify`."""
        return self.bundle().to_endorsements()
