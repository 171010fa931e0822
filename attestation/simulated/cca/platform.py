"""A simulated CCA platform in a folder: create it, load it, run realms on it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.encoding import canonical_json, parse_json
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_STATE_BYTES
from attestation.simulated.arm.device import Device
from attestation.simulated.cca.faults import Fault
from attestation.simulated.cca.guest import SimulatedRealm
from attestation.simulated.store import FolderStore
from attestation.x509.pem import encode_pem

Entropy = Callable[[int], bytes]

_STATE: Final = "state.json"
_SECRET: Final = "platform.secret"  # noqa: S105 - a file name
_SECRET_BYTES: Final = 48
_NOTICE: Final = b"""SIMULATED

This folder is a simulated Arm CCA platform. Its keys are files, so evidence made with them proves
nothing about any hardware. Never add its key to the trust store of anything that matters.
"""


@dataclass(frozen=True, slots=True)
class SimulatedCcaPlatform:
    """A platform and its attestation key (CPAK), which its maker publishes in `root.pem`."""

    device: Device = field(repr=False)
    created: datetime
    faults: frozenset[Fault] = frozenset()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        now: datetime,
        faults: Iterable[str] = (),
        entropy: Entropy = secrets.token_bytes,
    ) -> SimulatedCcaPlatform:
        """Make a platform in a new or empty folder.

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
            "tee": "cca",
        }
        store.save(_STATE, canonical_json(state))
        platform = cls.load(folder)
        store.save("root.pem", platform.roots_pem())
        return platform

    @classmethod
    def load(cls, folder: Path) -> SimulatedCcaPlatform:
        """Return the platform in `folder`; raise `EvidenceError` if it does not hold one."""
        store = FolderStore(folder)
        data, secret = store.load(_STATE), store.load(_SECRET) or b""
        if data is None:
            raise EvidenceError(Refusal.MALFORMED, "folder holds no simulated platform")
        state = parse_json(data, limit_bytes=MAX_STATE_BYTES, what=_STATE)
        if len(secret) != _SECRET_BYTES:
            raise EvidenceError(Refusal.MALFORMED, "simulated platform has lost its secret")
        return cls._of(state, secret)

    @classmethod
    def _of(cls, state: Any, secret: bytes) -> SimulatedCcaPlatform:
        try:
            if state["tee"] != "cca":
                raise EvidenceError(Refusal.MALFORMED, "simulated platform is not one of cca")
            return cls(
                Device("cpak", str(state["platform"]), ec.SECP384R1(), secret),
                datetime.fromisoformat(state["created"]),
                frozenset(map(Fault, state["faults"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise EvidenceError(Refusal.MALFORMED, "state of simulated platform") from error

    def roots_pem(self) -> bytes:
        """Return the platform's key in a certificate: what `TrustAnchors.with_simulated` takes."""
        return encode_pem("CERTIFICATE", self.device.certificate(self.created))

    def endorsements(self) -> Endorsements:
        """Return nothing: the key of `root.pem` is all there is to know."""
        return Endorsements.parse([], [])

    @staticmethod
    def launch_value(measurement: bytes) -> bytes:
        """Return the measurement: a realm's initial measurement may have 48 bytes."""
        return measurement

    def launch(
        self,
        measurement: bytes,
        *,
        personalization: bytes = bytes(64),
        old: bool = False,
        wrapped: bool = False,
    ) -> SimulatedRealm:
        """Return a realm with this initial measurement (48 bytes) and the platform's faults."""
        return SimulatedRealm(
            device=self.device,
            measurement=measurement,
            personalization=personalization,
            old=old,
            wrapped=wrapped,
            faults=self.faults,
        )

    def with_fault(self, fault: Fault) -> SimulatedCcaPlatform:
        """Return this platform with one more fault; its folder stays as it is."""
        return replace(self, faults=self.faults | {fault})
