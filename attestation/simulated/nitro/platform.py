"""A simulated parent instance in a folder: create it, load it, launch enclaves on it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from attestation.encoding import canonical_json, parse_json
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_STATE_BYTES
from attestation.simulated.machine import Entropy
from attestation.simulated.nitro.enclave import SimulatedEnclave
from attestation.simulated.nitro.faults import Fault
from attestation.simulated.nitro.module import Clock, SimulatedNsm
from attestation.simulated.nitro.vendor import Vendor
from attestation.simulated.store import FolderStore
from attestation.x509.pem import encode_pem

_STATE: Final = "state.json"
_SECRET: Final = "vendor.secret"  # noqa: S105 - a file name
_SECRET_BYTES: Final = 48
_NOTICE: Final = b"""SIMULATED

This folder is a simulated AWS Nitro platform. Its keys are files, so evidence made with them
proves nothing about any hardware. Never add its root to the trust store of anything that matters.
"""


def system_clock() -> datetime:
    """Return the time of this machine, which a security module's own clock would be near."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SimulatedNitroPlatform:
    """A vendor, a parent instance and its security module.

    Documents bear the time of `clock` and a certificate that lives three hours from then, as in
    reality; the issuers above it live for years, so a folder works that long.
    """

    vendor: Vendor = field(repr=False)
    clock: Clock = field(default=system_clock, repr=False)
    faults: frozenset[Fault] = frozenset()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        now: datetime,
        faults: Iterable[str] = (),
        entropy: Entropy = secrets.token_bytes,
        clock: Clock = system_clock,
    ) -> SimulatedNitroPlatform:
        """Make a platform in a new or empty folder, with its keys and its root.

        Raises `FileExistsError` if something is there already, `ValueError` for an unknown fault.
        """
        known_faults = sorted(map(Fault, faults))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty")
        store = FolderStore(folder)
        store.save("SIMULATED.txt", _NOTICE)
        secret = entropy(_SECRET_BYTES)
        store.save(_SECRET, secret)
        state = {
            "created": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "faults": known_faults,
            "format": 1,
            "platform": entropy(4).hex(),
            "simulated": True,
            "tee": "nitro",
        }
        store.save(_STATE, canonical_json(state))
        platform = cls._of(state, secret, clock)
        store.save("root.pem", platform.roots_pem())
        return platform

    @classmethod
    def load(cls, folder: Path, *, clock: Clock = system_clock) -> SimulatedNitroPlatform:
        """Return the platform in `folder`; raise `EvidenceError` if it does not hold one."""
        store = FolderStore(folder)
        state = store.load(_STATE)
        if state is None:
            raise EvidenceError(Refusal.MALFORMED, "folder holds no simulated platform")
        document = parse_json(state, limit_bytes=MAX_STATE_BYTES, what=_STATE)
        return cls._of(document, store.load(_SECRET) or b"", clock)

    @classmethod
    def _of(cls, state: Any, secret: bytes, clock: Clock) -> SimulatedNitroPlatform:
        try:
            vendor = Vendor(
                secret=secret,
                platform=str(state["platform"]),
                created=datetime.fromisoformat(state["created"]),
            )
            faults = frozenset(map(Fault, state["faults"]))
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(Refusal.MALFORMED, "state of simulated platform") from error
        if len(secret) != _SECRET_BYTES:
            raise EvidenceError(Refusal.MALFORMED, "simulated platform has lost its secret")
        return cls(vendor, clock, faults)

    def roots_pem(self) -> bytes:
        """Return the root: what `TrustAnchors.with_simulated` takes."""
        return encode_pem("CERTIFICATE", self.vendor.root().certificate)

    def endorsements(self) -> Endorsements:
        """Return nothing: documents bring their whole chain."""
        return Endorsements.none()

    @staticmethod
    def launch_value(measurement: bytes) -> bytes:
        """Return the measurement: PCR0 has room for all 48 bytes."""
        return measurement

    def launch(
        self,
        measurement: bytes,
        *,
        user_data: bytes | None = None,
        public_key: bytes | None = None,
    ) -> SimulatedEnclave:
        """Return an enclave with this PCR0 (48 bytes) and the platform's faults."""
        device = SimulatedNsm(
            vendor=self.vendor,
            stranger=replace(self.vendor, is_stranger=True),
            measurement=measurement,
            clock=self.clock,
            faults=self.faults,
        )
        return SimulatedEnclave(device, user_data, public_key)

    def with_fault(self, fault: Fault) -> SimulatedNitroPlatform:
        """Return this platform with one more fault; its folder stays as it is."""
        return replace(self, faults=self.faults | {fault})

    def with_clock(self, clock: Clock) -> SimulatedNitroPlatform:
        """Return this platform with another clock, for tests that turn theirs by hand."""
        return replace(self, clock=clock)
