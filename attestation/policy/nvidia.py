"""Which NVIDIA devices are accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NVIDIA_ARCHITECTURES: Final = ("hopper", "blackwell", "ls10")


@dataclass(frozen=True, slots=True)
class NvidiaPolicy:
    """Which GPUs and switches are accepted, and what must be known about them.

    `require_rim` refuses a device whose measurements were not all compared with signed manifests,
    `require_ocsp` one for whose certificates no fresh OCSP answers were given. Neither is the
    default, because both documents need a service that an offline site does not have; what was
    given is always checked. Raises `ValueError` for an architecture that there is not.
    """

    require_rim: bool = False
    require_ocsp: bool = False
    architectures: frozenset[str] = frozenset(NVIDIA_ARCHITECTURES)

    def __post_init__(self) -> None:
        if not self.architectures or not self.architectures <= set(NVIDIA_ARCHITECTURES):
            raise ValueError("architectures is empty or names an unknown one")
