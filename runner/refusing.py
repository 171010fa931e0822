"""Errors of the leaves below become the one error that leaves this package."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from attestation.errors import EvidenceError
from keybroker.protocol import ProtocolError, ProtocolRefusal
from policies.errors import PolicyDenied, PolicyError
from runner.errors import RunnerCode, RunnerError
from sealing.errors import SealError, SealRefusal

# Refusals that call for another answer than the step in which they came up.
_OWN_CODE: Final[Mapping[StrEnum, RunnerCode]] = MappingProxyType(
    {
        ProtocolRefusal.LEASE_EXPIRED: RunnerCode.LEASE_EXPIRED,
        SealRefusal.UNREACHABLE: RunnerCode.REGISTRY_UNREACHABLE,
        SealRefusal.REGISTRY_SLOW: RunnerCode.REGISTRY_UNREACHABLE,
        SealRefusal.REGISTRY_FAILED: RunnerCode.REGISTRY_UNREACHABLE,
        SealRefusal.REFERENCE_INVALID: RunnerCode.INPUT_MALFORMED,
    }
)


@contextlib.contextmanager
def refused_as(code: RunnerCode) -> Iterator[None]:
    """Raise `RunnerError(code)` for any refusal inside, keeping the other package's code."""
    try:
        yield
    except (SealError, ProtocolError, EvidenceError, PolicyError) as error:
        own = _OWN_CODE.get(error.code, code)
        raise RunnerError(own, error.detail, reason=error.code) from error
    except PolicyDenied as error:
        raise RunnerError(code, str(error), reason=error.decision.code or "") from error
