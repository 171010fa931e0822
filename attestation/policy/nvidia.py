"""Which NVIDIA devices are accepted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NvidiaPolicy:
    """`require_rim` refuses a device whose measurements no signed RIM was given for."""

    require_rim: bool = False
    require_ocsp: bool = False
