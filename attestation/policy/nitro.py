"""Which AWS Nitro enclaves are accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# A request's nonce lives this long at most in the brokers we know.
DEFAULT_MAX_AGE_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class NitroPolicy:
    """Which enclaves are accepted, and how old a document may be.

    A debug enclave has PCR0, 1 and 2 all zero, so nothing says what runs in it.
    `unsafe_at_signed_time` judges the certificates at the time in the document and does not look
    at its age: for archived documents, whose certificates lived three hours. Raises `ValueError`
    for an age that is not positive.
    """

    allow_debug: bool = False
    unsafe_at_signed_time: bool = False
    max_age_seconds: int = DEFAULT_MAX_AGE_SECONDS

    def __post_init__(self) -> None:
        if self.max_age_seconds <= 0:
            raise ValueError(f"max_age_seconds is {self.max_age_seconds}, expected more than 0")
