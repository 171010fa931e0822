"""A simulated machine with a TPM in a folder: create it, load it, launch runners on it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from attestation.bundle import Bundle, BundleDocument
from attestation.encoding import canonical_json, parse_json
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_STATE_BYTES
from attestation.simulated.machine import Entropy
from attestation.simulated.store import FolderStore
from attestation.simulated.tpm.faults import Fault
from attestation.simulated.tpm.machine import SimulatedTpmMachine, runner_pcr
from attestation.simulated.tpm.vendor import Vendor
from attestation.x509.pem import encode_pem

_STATE: Final = "state.json"
_SECRET: Final = "vendor.secret"  # noqa: S105 - a file name
_SECRET_BYTES: Final = 48
_NOTICE: Final = b"""SIMULATED

This folder is a simulated machine with a TPM. Its keys are files, so evidence made with them proves
nothing about any hardware. Never add its root to the trust store of anything that matters.
"""


@dataclass(frozen=True, slots=True)
class SimulatedTpmPlatform:
    """A machine, the vendor of its TPM, and what the vendor publishes."""

    vendor: Vendor = field(repr=False)
    faults: frozenset[Fault] = frozenset()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        now: datetime,
        faults: Iterable[str] = (),
        entropy: Entropy = secrets.token_bytes,
    ) -> SimulatedTpmPlatform:
        """Make a platform in a new or empty folder, with its keys, certificates and lists.

        Raises `FileExistsError` if something is there already, `ValueError` for an unknown fault.
        """
        known_faults = sorted(map(Fault, faults))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty")
        store = FolderStore(folder)
        store.save("SIMULATED.txt", _NOTICE)
        store.save(_SECRET, entropy(_SECRET_BYTES))
        state = {
            "created": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "faults": known_faults,
            "format": 1,
            "platform": entropy(4).hex(),
            "simulated": True,
            "tee": "tpm",
        }
        store.save(_STATE, canonical_json(state))
        platform = cls.load(folder)
        store.save("root.pem", platform.roots_pem())
        store.save("endorsements.json", platform.bundle().to_bytes())
        return platform

    @classmethod
    def load(cls, folder: Path) -> SimulatedTpmPlatform:
        """Return the platform in `folder`; raise `EvidenceError` if it does not hold one."""
        store = FolderStore(folder)
        data = store.load(_STATE)
        if data is None:
            raise EvidenceError(Refusal.MALFORMED, "folder holds no simulated platform")
        state: Any = parse_json(data, limit_bytes=MAX_STATE_BYTES, what=_STATE)
        secret = store.load(_SECRET) or b""
        try:
            created = datetime.fromisoformat(state["created"])
            vendor = Vendor(secret, str(state["platform"]), created)
            faults = frozenset(map(Fault, state["faults"]))
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(Refusal.MALFORMED, "state of simulated platform") from error
        if len(secret) != _SECRET_BYTES:
            raise EvidenceError(Refusal.MALFORMED, "simulated platform has lost its secret")
        return cls(vendor, faults)

    def roots_pem(self) -> bytes:
        """Return the root: what `TrustAnchors.with_simulated` takes."""
        return encode_pem("CERTIFICATE", self.vendor.root.certificate)

    def bundle(self) -> Bundle:
        """Return certificates of the CAs and their revocation lists."""
        lists = self.vendor.lists(
            ak_revoked=Fault.REVOKED_CERTIFICATE in self.faults,
            ca_revoked=Fault.REVOKED_CA in self.faults,
        )
        certificates = (self.vendor.root.certificate, self.vendor.ca.certificate)
        documents = [("certificate", one) for one in certificates]
        documents += [("crl", one) for one in lists]
        return Bundle.of(
            BundleDocument(
                kind=kind, data=data, source="simulated", fetched=self.vendor.created, expires=None
            )
            for kind, data in documents
        )

    def endorsements(self) -> Endorsements:
        """Return what the vendor publishes, ready for `attestation.verify`."""
        return self.bundle().to_endorsements()

    @staticmethod
    def launch_value(measurement: bytes) -> bytes:
        """Return PCR 12 once a runner with this measurement was measured into it."""
        return runner_pcr(measurement)

    def launch(
        self,
        measurement: bytes,
        *,
        selected: Iterable[int] = range(24),
        secure_boot: bool = True,
    ) -> SimulatedTpmMachine:
        """Return a machine that measured a runner (48 bytes), with the platform's faults."""
        return SimulatedTpmMachine(
            self.vendor, measurement, tuple(selected), secure_boot, self.faults
        )

    def with_fault(self, fault: Fault) -> SimulatedTpmPlatform:
        """Return this platform with one more fault; its folder stays as it is."""
        return replace(self, faults=self.faults | {fault})
