"""Firmware event logs: read, replayed and compared with what hardware measured.

A log is an unsigned story; it counts only where replaying it gives the registers that were signed.
"""

from attestation.eventlog.replay import replay_ccel, replay_pcrs

__all__ = ["replay_ccel", "replay_pcrs"]
