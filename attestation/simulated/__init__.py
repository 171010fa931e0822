"""Simulated silicon: a private vendor hierarchy that signs bit-exact evidence. Proves nothing.

It exists so that the one real verifier can be run, tested and shown without hardware. Every
certificate says SIMULATED in its names, its root is in no default trust store, and every result
that rests on it is marked (ADR 0005). Start reading at `platforms`.
"""

from __future__ import annotations

from attestation.simulated.measure import measure_files
from attestation.simulated.snp.faults import FAULTS, Fault
from attestation.simulated.snp.guest import SimulatedGuest
from attestation.simulated.snp.platform import SimulatedPlatform

__all__ = ["FAULTS", "Fault", "SimulatedGuest", "SimulatedPlatform", "measure_files"]
