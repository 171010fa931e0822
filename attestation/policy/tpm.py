"""Which TPM quotes, of machines and of Azure confidential guests, are accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_PCR_COUNT: Final = 24
# Where the runner is measured: free on PC Client platforms once the kernel runs.
RUNNER_PCR: Final = 12


@dataclass(frozen=True, slots=True)
class TpmPolicy:
    """Which quotes are accepted.

    `measurement_pcr` is the PCR of the SHA-256 bank whose value becomes the measurement, and which
    has to be quoted; None makes the digest over all quoted PCRs the measurement.
    `event_log_pcrs` are those that an event log has to explain, where one was given and they were
    quoted: the ones of firmware and boot loader, which nothing extends later.
    `require_event_log` refuses a quote without a log, or that leaves one of these PCRs out. Raises
    `ValueError` for values that cannot be meant.
    """

    measurement_pcr: int | None = RUNNER_PCR
    event_log_pcrs: frozenset[int] = frozenset(range(10))
    require_event_log: bool = False

    def __post_init__(self) -> None:
        named = self.event_log_pcrs | ({self.measurement_pcr} - {None})
        if not self.event_log_pcrs or not named <= set(range(_PCR_COUNT)):
            raise ValueError("event_log_pcrs is empty, or a PCR does not exist")
