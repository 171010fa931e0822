"""A simulated TDX machine in a folder: create it, load it, launch guests on it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from attestation.endorsements import Endorsements
from attestation.simulated.intel.folder import create_folder, load_folder
from attestation.simulated.intel.publish import bundle_of, endorsements_of, roots_of
from attestation.simulated.intel.silicon import IntelSilicon
from attestation.simulated.machine import Entropy
from attestation.simulated.store import FolderStore
from attestation.simulated.tdx.faults import Fault
from attestation.simulated.tdx.guest import QuoteForm, SimulatedTdxGuest


@dataclass(frozen=True, slots=True)
class SimulatedTdxPlatform:
    """A processor with TDX, the vendor that certifies it, and what the vendor publishes."""

    silicon: IntelSilicon = field(repr=False)
    faults: frozenset[Fault] = frozenset()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        now: datetime,
        faults: Iterable[str] = (),
        entropy: Entropy = secrets.token_bytes,
        pck_ca: str = "platform",
    ) -> SimulatedTdxPlatform:
        """Make a platform in a new or empty folder.

        `pck_ca` is "platform" or "processor": whose CA certifies it. Raises `FileExistsError` if
        something is there already, `ValueError` for an unknown fault or CA.
        """
        known = sorted(map(Fault, faults))
        create_folder(folder, tee="tdx", now=now, pck_ca=pck_ca, faults=known, entropy=entropy)
        platform = cls.load(folder)
        store = FolderStore(folder)
        store.save("root.pem", platform.roots_pem())
        store.save("endorsements.json", bundle_of(platform.silicon, platform.faults))
        return platform

    @classmethod
    def load(cls, folder: Path) -> SimulatedTdxPlatform:
        """Return the platform in `folder`; raise `EvidenceError` if it does not hold one."""
        identity, faults = load_folder(folder, tee="tdx", known=Fault)
        return cls(IntelSilicon(identity, tdx=True), faults)

    def roots_pem(self) -> bytes:
        """Return the root: what `TrustAnchors.with_simulated` takes."""
        return roots_of(self.silicon)

    def endorsements(self) -> Endorsements:
        """Return the collateral, ready for `attestation.verify`."""
        return endorsements_of(self.silicon, self.faults)

    def launch(
        self,
        measurement: bytes,
        *,
        form: QuoteForm = QuoteForm.V5_TD15,
        event_log: bytes | None = None,
        padding: int = 0,
    ) -> SimulatedTdxGuest:
        """Return a guest with this MRTD (48 bytes) and the platform's faults.

        `event_log` is that of its boot; raises `EvidenceError` if it cannot be read.
        """
        return SimulatedTdxGuest(self.silicon, measurement, form, event_log, padding, self.faults)

    @staticmethod
    def launch_value(measurement: bytes) -> bytes:
        """Return the measurement: MRTD has room for all 48 bytes."""
        return measurement

    def with_fault(self, fault: Fault) -> SimulatedTdxPlatform:
        """Return this platform with one more fault; its folder stays as it is."""
        return replace(self, faults=self.faults | {fault})
