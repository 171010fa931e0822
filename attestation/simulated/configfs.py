"""What configfs-tsm does, without a kernel: folders as requests, attributes, counted writes.

Linux ABI `configfs-tsm-report`. A FUSE mount or a test puts files in front of it, so that the real
attester runs unchanged against simulated silicon.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from attestation.attesters import Attester
from attestation.report_data import REPORT_DATA_BYTES

ATTRIBUTES: Final = ("auxblob", "generation", "inblob", "outblob", "privlevel", "provider")
_WRITABLE: Final = frozenset({"inblob", "privlevel"})
# TEE -> (name of its driver, part that is `outblob`, part that is `auxblob`).
_DRIVERS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "snp": ("sev_guest", "report", "cert_table"),
        "tdx": ("tdx_guest", "quote", ""),
        "cca": ("arm_cca_guest", "token", ""),
    }
)
_MAX_REQUESTS: Final = 64


@dataclass(slots=True)
class _Request:
    inblob: bytes | None = None
    generation: int = 0
    made: Mapping[str, bytes] | None = None
    made_for: int = -1


@dataclass(slots=True)
class SimulatedConfigfs:
    """The folder `tsm/report` of a simulated guest. Not safe between threads: its server is."""

    guest: Attester
    requests: dict[str, _Request] = field(default_factory=dict)

    def make(self, name: str) -> None:
        """Make a request folder; raise `OSError` if it is there, or there are too many."""
        if name in self.requests:
            raise OSError(errno.EEXIST, name)
        if len(self.requests) == _MAX_REQUESTS:
            raise OSError(errno.ENOSPC, name)
        self.requests[name] = _Request()

    def remove(self, name: str) -> None:
        """Forget a request folder."""
        self._request(name)
        del self.requests[name]

    def write(self, name: str, attribute: str, data: bytes) -> None:
        """Write one attribute whole; every write is counted."""
        request = self._request(name)
        if attribute not in _WRITABLE:
            raise OSError(errno.EACCES, attribute)
        if attribute == "inblob":
            # The real file takes 1 to 64 bytes; the Arm driver only 64.
            if not 1 <= len(data) <= REPORT_DATA_BYTES:
                raise OSError(errno.EINVAL, attribute)
            request.inblob = data.ljust(REPORT_DATA_BYTES, b"\0")
        elif not data.strip().isdigit():
            raise OSError(errno.EINVAL, attribute)
        request.generation += 1

    def read(self, name: str, attribute: str) -> bytes:
        """Return one attribute; `outblob` asks the guest, once per state of the request."""
        request = self._request(name)
        driver, outblob, auxblob = _DRIVERS[self.guest.tee]
        if attribute == "provider":
            return f"{driver}\n".encode()
        if attribute == "generation":
            return f"{request.generation}\n".encode()
        if attribute not in {"outblob", "auxblob"}:
            raise OSError(errno.EACCES, attribute)
        if request.inblob is None:
            raise OSError(errno.EINVAL, attribute)
        if request.made is None or request.made_for != request.generation:
            request.made = self.guest.attest(request.inblob).parts
            request.made_for = request.generation
        return request.made.get(outblob if attribute == "outblob" else auxblob, b"")

    def _request(self, name: str) -> _Request:
        found = self.requests.get(name)
        if found is None:
            raise OSError(errno.ENOENT, name)
        return found
